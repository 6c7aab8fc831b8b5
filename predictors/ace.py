"""ace: networks, Gaussian processes and trees, mixed by what they predict of labels they did not see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from data.errors import InputError
from data.graphs import Graphs
from predictors.base import Predictor, Repeats, ScoresAndStd, Together
from predictors.ensemble.mixture import Mixture
from predictors.ensemble.positions import Positions
from predictors.ensemble.process import BlockProcess
from predictors.ensemble.trees import HeldOutTrees
from predictors.ensemble.weak_line import WeakLine
from predictors.pretraining import Pretrains

if TYPE_CHECKING:
    from predictors.acenas import Acenas
    from predictors.ensemble.networks import Blocks, Networks

CHUNK = 4096  # architectures scored at once
EMBEDDING = "embedding"
NETWORKS = 0.5  # weight of the networks that weights are shrunk towards: they rank the top best


class Ace(Predictor, Pretrains):
    """What to use without choosing: six kinds of rankers, mixed by cross-validation on the training labels.

    The members are `acenas` networks (their average over the whole training set and over each of its folds
    left out), a Gaussian process and extra trees. Pretrained on weak labels, the networks start from the
    pretrained encoder, a second process and a second forest see the weak labels, known and predicted, the
    process the encoder's embedding too, and a line adds up the weak labels; the first ones stay, so that the
    labels decide how much weak labels count. Every member predicts the training labels without having seen
    them (folds, leave-one-out, out of bag); the weights are non-negative least squares on these predictions,
    shrunk towards a half for the networks and equal shares of the other half, after the line has had what is
    due to it where labels are few.

    Scores are predicted normal scores of a label's rank. Their deviations are the process's, scaled by the
    errors of the mixture on the held-out labels.

    Source: AceNAS (arXiv 2108.03001) for weak supervision; stacking: Breiman 1996, van der Laan et al. 2007.
    """

    has_std: ClassVar[bool] = True
    has_device: ClassVar[bool] = True
    normal_labels: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {"epochs": 3, "folds": 2, "trees": 10, "pretrain_steps": 50}

    def __init__(
        self,
        *,
        epochs: int = 60,
        folds: int = 5,
        trees: int = 200,
        shrink: float = 0.1,
        pretrain_steps: int = 1000,
    ) -> None:
        """Store the hyper-parameters.

        Hyper-parameters:
            epochs: Passes of each network over its training labels, at most 2,000 steps.
            folds: Folds of the networks' cross-validation; fewer labels than folds are left out one by one.
            trees: Trees of each forest.
            shrink: How strongly the weights of the members are shrunk towards those of no labels.
            pretrain_steps: Steps of 128 architectures of the pretraining.
        """
        self.epochs = epochs
        self.folds = folds
        self.trees = trees
        self.shrink = shrink
        self.pretrain_steps = pretrain_steps

    def fit_repeats(
        self, graphs: Sequence[Graphs], ys: Sequence[np.ndarray], seeds: Sequence[int]
    ) -> Repeats:
        """Fit one copy for each (graphs, y, seed); their networks train together."""
        seen, labels, _ = zip(*map(self._prepare, graphs, ys), strict=True)
        with self._naming_errors("_fit"):
            stacks = self._fit_stacks(seen, labels, seeds)
        return Together(self, graphs[0].space, stacks.predict, stacks.predict_std)

    def _fit(self, graphs: Graphs, y: np.ndarray, seed: int) -> None:
        self.stacks_ = self._fit_stacks([graphs], [y], [seed])

    def _predict(self, graphs: Graphs) -> np.ndarray:
        return self.stacks_.predict(graphs)[0]

    def _predict_std(self, graphs: Graphs) -> ScoresAndStd:
        scores, std = self.stacks_.predict_std(graphs)
        return scores[0], std[0]

    def _fit_stacks(
        self, graphs: Sequence[Graphs], labels: Sequence[np.ndarray], seeds: Sequence[int]
    ) -> _Stacks:
        from predictors.ensemble.networks import Networks

        if self.folds < 2 or self.trees < 1:
            raise InputError(f"predictor '{self.name}': folds must be at least 2, trees at least 1")
        networks = Networks(self._network(), self.folds)
        trained = networks.fit(graphs, labels, seeds)
        stacks = []
        for g, (blocks, held_out), y, seed in zip(graphs, trained, labels, seeds, strict=True):
            stack = _Stack(self, Positions().fit(g))
            stack.fit(g, blocks, held_out, y, seed)
            stacks.append(stack)
        return _Stacks(networks, stacks)

    def _network(self) -> Acenas:
        """Return the untrained network, pretrained if this predictor is."""
        from predictors.acenas import Acenas

        network = Acenas(epochs=self.epochs).on(self.device)
        if hasattr(self, "pretrained_"):
            network.weak_ = self.pretrained_.weak_
        return network

    def pretrain(self, graphs: Graphs, weak_labels: Mapping[str, np.ndarray], *, seed: int = 0) -> Self:
        """Pretrain the encoder of the networks; see Pretrains.pretrain."""
        from predictors.acenas import Acenas

        size = min(len(graphs), self.pretrain_steps * 128)
        network = Acenas(
            pretrain_epochs=max(1, round(self.pretrain_steps * 128 / max(size, 1))),
            pretrain_size=size if size < len(graphs) else 0,
        ).on(self.device)
        with self._naming_errors("pretrain"):
            self.pretrained_ = network.pretrain(graphs, weak_labels, seed=seed)
        self.pretrain_seconds_ = network.pretrain_seconds_
        return self

    @property
    def pretrained_on(self) -> tuple[str, ...]:
        """Names of the weak labels that the encoder was pretrained on; none if it was not."""
        return self.pretrained_.pretrained_on if hasattr(self, "pretrained_") else ()

    def pretrain_params(self) -> dict[str, Any]:
        """Return the hyper-parameters that what `pretrain` learns depends on."""
        return {"pretrain_steps": self.pretrain_steps}

    def save_encoder(self, path: Path, *, cost: bool = True) -> None:
        """Save the result of `pretrain`; see Pretrains.save_encoder."""
        if not hasattr(self, "pretrained_"):
            raise InputError(f"predictor '{self.name}' was not pretrained: there is no encoder to save")
        self.pretrained_.save_encoder(path, cost=cost)

    def load_encoder(self, path: Path) -> Self:
        """Restore what `save_encoder` of this predictor or of `acenas` saved."""
        from predictors.acenas import Acenas

        self.pretrained_ = Acenas().on(self.device).load_encoder(path)
        self.pretrain_seconds_ = self.pretrained_.pretrain_seconds_
        return self

    def _twin(self) -> Self:
        twin = super()._twin()
        if hasattr(self, "pretrained_"):
            twin.pretrained_, twin.pretrain_seconds_ = self.pretrained_, self.pretrain_seconds_
        return twin

    def _check_weak(self, graphs: Graphs) -> None:
        super()._check_weak(graphs)
        if hasattr(self, "pretrained_"):
            self.pretrained_._check_weak(graphs)


class _Stack:
    """The members of one repeat other than the networks, and the mixture of all."""

    def __init__(self, params: Ace, positions: Positions) -> None:
        self.params, self.positions = params, positions

    def fit(self, graphs: Graphs, blocks: Blocks, held_out: np.ndarray, y: np.ndarray, seed: int) -> None:
        """Fit on n architectures with the blocks and the held-out predictions (n,) of the networks."""
        blocks = self._with_positions(graphs, blocks)
        plain = ("paths", "positions")
        inputs = [plain, tuple(blocks)] if len(blocks) > len(plain) else [plain]
        rng = np.random.default_rng(seed)
        self.processes = [
            (names, BlockProcess(whole=[EMBEDDING]).fit({k: blocks[k] for k in names}, y, rng))
            for names in inputs
        ]
        self.forests = [
            (names, HeldOutTrees(self.params.trees, seed).fit(_side_by_side(blocks, names), y))
            for names in [("paths",), ("paths", "weak")][: len(inputs)]
        ]
        fitted = [member for _, member in [*self.processes, *self.forests]]
        predicted = [held_out, *(member.held_out for member in fitted)]
        prior = np.array([NETWORKS, *[(1 - NETWORKS) / len(fitted)] * len(fitted)])
        self.line = WeakLine().fit(blocks["weak"], y) if "weak" in blocks else None
        if self.line:
            predicted.append(self.line.held_out)
            share = self.line.share(y)
            prior = np.append((1 - share) * prior, share)
        self.mixture = Mixture.fit(
            np.stack(predicted), self.processes[-1][1].held_out_std, y, prior, shrink=self.params.shrink
        )

    def predict(
        self, graphs: Graphs, blocks: Blocks, network: np.ndarray, *, std: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return scores and deviations (m,), given the blocks and the predictions (m,) of the networks."""
        blocks = self._with_positions(graphs, blocks)
        scores = [network]
        scores += [process.predict({k: blocks[k] for k in names}) for names, process in self.processes]
        scores += [forest.predict(_side_by_side(blocks, names)) for names, forest in self.forests]
        if self.line:
            scores.append(self.line.predict(blocks["weak"]))
        mixed = self.mixture.predict(np.stack(scores))
        if not std:
            return mixed, None
        names, process = self.processes[-1]
        return mixed, self.mixture.ratio * process.predict_std({k: blocks[k] for k in names})

    def _with_positions(self, graphs: Graphs, blocks: Blocks) -> Blocks:
        return {"paths": blocks["paths"], "positions": self.positions(graphs), **blocks}


def _side_by_side(blocks: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    return np.concatenate([blocks[name] for name in names], axis=1)


@dataclass(frozen=True)
class _Stacks:
    """Fitted repeats: their networks together, the rest one by one."""

    networks: Networks
    stacks: list[_Stack]

    def predict(self, graphs: Graphs) -> np.ndarray:
        """Return scores (repeats, n)."""
        return np.stack([scores for scores, _ in self._predict(graphs, std=False)])

    def predict_std(self, graphs: Graphs) -> ScoresAndStd:
        """Return scores and deviations (repeats, n)."""
        both = self._predict(graphs, std=True)
        return np.stack([scores for scores, _ in both]), np.stack([std for _, std in both])

    def _predict(self, graphs: Graphs, *, std: bool) -> list[tuple[np.ndarray, np.ndarray]]:
        parts: list[list[tuple[np.ndarray, Any]]] = [[] for _ in self.stacks]
        for start in range(0, len(graphs), CHUNK):
            part = graphs.take(slice(start, start + CHUNK))
            blocks, scores = self.networks.predict(part)
            for i, stack in enumerate(self.stacks):
                parts[i].append(stack.predict(part, blocks, scores[i], std=std))
        return [
            (
                np.concatenate([scores for scores, _ in repeat]),
                np.concatenate([deviations for _, deviations in repeat]) if std else np.empty(0),
            )
            for repeat in parts
        ]
