"""Spaces of inverted bottlenecks in stages of variable depth: MnasNet-like and once-for-all networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.graphs import PAD, Graphs
from data.space import INPUT, OUTPUT
from data.spaces.chains import chain
from data.spaces.codes import CodeSpace

EXPANSIONS, KERNELS = (1, 4, 6), (3, 5)
DEPTHS = ((1, 2, 3),) * 5 + ((1, 2, 3, 4),) + ((1, 2, 3),)  # of MnasNet's seven stages
OFA_STAGES, OFA_SLOTS = 5, 4
OFA_KERNELS, OFA_DEPTHS = (3, 5, 7), (2, 3, 4)
OFA_EXPANSIONS = (3.0, 4.0, 6.0)
_OFA_ALL_EXPANSIONS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # those of every published supernet
_OFA_SIZE = 224.0


@dataclass(frozen=True)
class MnasnetSpace(CodeSpace):
    """Seven stages of one to four equal blocks: expansion, kernel and squeeze-excitation are a stage's.

    A code holds for each stage which expansion, kernel, depth and whether squeeze-excitation.
    Source: Ahmad et al., Accel-NASBench, DAC 2024; Tan et al., MnasNet, CVPR 2019.
    """

    @property
    def stage_sizes(self) -> tuple[int, ...]:
        """Most blocks of each stage."""
        return tuple(max(depths) for depths in DEPTHS)

    def graphs(self, codes: np.ndarray) -> Graphs:
        """Return the networks of codes (n, 28)."""
        parts = self.check(codes).reshape(len(codes), len(DEPTHS), 4)
        return self.build(
            np.array(EXPANSIONS)[parts[:, :, 0]],
            np.array(KERNELS)[parts[:, :, 1]],
            parts[:, :, 2] + 1,
            parts[:, :, 3],
        )

    def code(self, graphs: Graphs) -> np.ndarray:
        """Return a code (n, 28) of each network."""
        codes = np.empty((len(graphs), len(DEPTHS), 4), np.int8)
        for stage, blocks in enumerate(_blocks_of(graphs, len(DEPTHS))):
            first = blocks[:, 0]
            codes[:, stage, 0] = first // (2 * len(KERNELS))
            codes[:, stage, 1] = first // 2 % len(KERNELS)
            codes[:, stage, 2] = (blocks != PAD).sum(1) - 1
            codes[:, stage, 3] = first % 2
        return codes.reshape(len(graphs), -1)

    def build(self, expansion: np.ndarray, kernel: np.ndarray, depth: np.ndarray, se: np.ndarray) -> Graphs:
        """Return n networks; each argument (n, 7) holds the values of the stages."""
        block = (
            np.searchsorted(EXPANSIONS, expansion) * len(KERNELS) + np.searchsorted(KERNELS, kernel)
        ) * 2 + np.asarray(se)
        slots = [max(depths) for depths in DEPTHS]
        stage = np.repeat(np.arange(len(DEPTHS)), slots)
        slot = np.concatenate([np.arange(size) for size in slots])
        ops = np.where(slot < depth[:, stage], block[:, stage], PAD).astype(np.int8)
        return chain(self, ops, np.broadcast_to(stage.astype(np.int8), ops.shape))


@dataclass(frozen=True)
class OfaSpace(CodeSpace):
    """Five stages of two to four blocks, each with its own kernel and expansion.

    A code holds the depths of the stages, the kernels of the 20 slots, their expansions; slots beyond a
    stage's depth mean nothing. The resolution is a feature of the input, in units of 224 pixels.
    Source: Cai et al., Once-for-All, ICLR 2020.
    """

    @property
    def stage_sizes(self) -> tuple[int, ...]:
        """Slots of each stage."""
        return (OFA_SLOTS,) * OFA_STAGES

    def graphs(self, codes: np.ndarray) -> Graphs:
        """Return the networks of codes (n, 45), at 224 pixels."""
        codes = self.check(codes)
        depth, kernel, expansion = np.split(codes, [OFA_STAGES, OFA_STAGES * (1 + OFA_SLOTS)], axis=1)
        return self.build(
            np.array(OFA_DEPTHS)[depth],
            np.array(OFA_KERNELS)[kernel],
            np.array(OFA_EXPANSIONS)[expansion],
            np.full(len(codes), _OFA_SIZE),
        )

    def code(self, graphs: Graphs) -> np.ndarray:
        """Return a code (n, 45) of each network, whatever its resolution; slots that mean nothing are 0."""
        blocks = np.stack(_blocks_of(graphs, OFA_STAGES), 1)[:, :, :OFA_SLOTS]
        depth = (blocks != PAD).sum(2) - OFA_DEPTHS[0]
        slots = np.maximum(blocks, 0).reshape(len(graphs), -1)
        place = {e: i for i, e in enumerate(OFA_EXPANSIONS)}
        option = np.array([place.get(e, 0) for e in _OFA_ALL_EXPANSIONS])
        expansion = np.where(blocks.reshape(slots.shape) == PAD, 0, option[slots // len(OFA_KERNELS)])
        return np.concatenate([depth, slots % len(OFA_KERNELS), expansion], axis=1).astype(np.int8)

    def build(self, depth: np.ndarray, kernel: np.ndarray, expansion: np.ndarray, size: np.ndarray) -> Graphs:
        """Return n networks.

        Args:
            depth: (n, 5) blocks of each stage.
            kernel: (n, 20) kernel of each slot.
            expansion: (n, 20) expansion of each slot.
            size: (n,) resolution in pixels.
        """
        stage = np.repeat(np.arange(OFA_STAGES), OFA_SLOTS)
        slot = np.tile(np.arange(OFA_SLOTS), OFA_STAGES)
        block = np.searchsorted(_OFA_ALL_EXPANSIONS, expansion) * len(OFA_KERNELS) + np.searchsorted(
            OFA_KERNELS, kernel
        )
        ops = np.where(slot < depth[:, stage], block, PAD).astype(np.int8)
        network = (np.asarray(size) / _OFA_SIZE).astype(np.float32)[:, None]
        return chain(self, ops, np.broadcast_to(stage.astype(np.int8), ops.shape), network=network)


def _blocks_of(graphs: Graphs, stages: int) -> list[np.ndarray]:
    """Return for each stage the operations (n, v) of its blocks, those that are there first, then PAD."""
    inner = np.arange(graphs.ops.shape[1]) < graphs.n_nodes[:, None] - 1
    inner[:, 0] = False
    found = []
    for stage in range(stages):
        here = inner & (graphs.stage == stage)
        order = np.argsort(~here, axis=1, kind="stable")
        found.append(np.take_along_axis(np.where(here, graphs.ops, PAD), order, 1))
    return found


MNASNET = MnasnetSpace(
    "mnasnet",
    (*(f"mb_e{e}_k{k}{se}" for e in EXPANSIONS for k in KERNELS for se in ("", "_se")), INPUT, OUTPUT),
    sum(map(max, DEPTHS)) + 2,
    stages=tuple(f"stage {s + 1}" for s in range(len(DEPTHS))),
    choices=tuple(c for depths in DEPTHS for c in (len(EXPANSIONS), len(KERNELS), len(depths), 2)),
)
OFA = OfaSpace(
    "ofa",
    (*(f"mb_e{e:g}_k{k}" for e in _OFA_ALL_EXPANSIONS for k in OFA_KERNELS), INPUT, OUTPUT),
    OFA_STAGES * OFA_SLOTS + 2,
    stages=tuple(f"stage {s + 1}" for s in range(OFA_STAGES)),
    features=("resolution",),
    choices=(len(OFA_DEPTHS),) * OFA_STAGES
    + (len(OFA_KERNELS),) * (OFA_STAGES * OFA_SLOTS)
    + (len(OFA_EXPANSIONS),) * (OFA_STAGES * OFA_SLOTS),
)
