"""The networks of `ace`: for every repeat, one on all of its labels and one for each fold left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from data.encode import path_statistics
from data.graphs import Graphs
from predictors.acenas import Acenas, with_features
from predictors.nn.graph import Inputs
from predictors.nn.ranker import apply

Blocks = dict[str, np.ndarray]
BATCHES = 16_384  # architectures times networks that are scored at once


class Networks:
    """Networks of one design that train together, whatever their number of labels."""

    def __init__(self, design: Acenas, folds: int) -> None:
        """Take the design, pretrained or not, and the number of folds."""
        self.design, self.folds = design, folds

    def fit(
        self, graphs: Sequence[Graphs], labels: Sequence[np.ndarray], seeds: Sequence[int]
    ) -> list[tuple[Blocks, np.ndarray]]:
        """Train on the architectures and labels (n,) of each repeat.

        Returns:
            For each repeat, the blocks of its architectures, and (n,) predictions of its labels by networks
            that did not see them; 0 where there are too few labels to leave one out.
        """
        jobs: dict[int, list[tuple[int, np.ndarray, int]]] = {}
        for repeat, (y, seed) in enumerate(zip(labels, seeds, strict=True)):
            n = len(y)
            fold = np.random.default_rng([seed, 1]).permutation(n) % min(self.folds, n)
            parts = [np.arange(n), *(np.flatnonzero(fold != k) for k in range(fold.max() + 1))]
            for part, rows in enumerate(parts):
                if len(rows):
                    jobs.setdefault(len(rows), []).append((repeat, rows, seed * 100 + part))
        self.sizes = [len(y) for y in labels]
        self.groups = []
        for group in jobs.values():
            net = self.design._train(
                [graphs[repeat].take(rows) for repeat, rows, _ in group],
                np.stack([labels[repeat][rows] for repeat, rows, _ in group]),
                [seed for _, _, seed in group],
            )
            self.groups.append((net, [(repeat, rows) for repeat, rows, _ in group]))
        trained = []
        for repeat, g in enumerate(graphs):
            inputs, blocks = self._see(g)
            trained.append((blocks, self._held_out(repeat, inputs)))
        return trained

    def predict(self, graphs: Graphs) -> tuple[Blocks, np.ndarray]:
        """Return the blocks of m architectures and (repeats, m) scores.

        A score is the mean of the network of all labels and of the mean of the others.
        """
        inputs, blocks = self._see(graphs)
        repeats = len(self.sizes)
        total, folds = np.zeros((2, repeats, len(graphs)))
        count = np.zeros((repeats, 1))
        for net, members in self.groups:
            for (repeat, rows), scores in zip(members, _apply(net, inputs), strict=True):
                if len(rows) == self.sizes[repeat]:
                    total[repeat] += scores
                else:
                    folds[repeat] += scores
                    count[repeat] += 1
        return blocks, np.where(count > 0, (total + folds / np.maximum(count, 1)) / 2, total)

    def _see(self, graphs: Graphs) -> tuple[Inputs, Blocks]:
        """Return what the networks see of n architectures, and blocks (n, columns) for the other members.

        These are path statistics and, if pretrained, weak labels, known and predicted, and the embedding.
        """
        inputs = self.design._graph_inputs(graphs)
        blocks = {"paths": path_statistics(graphs)}
        features = [blocks["paths"]]
        if hasattr(self.design, "weak_"):
            blocks["weak"] = self.design.weak_features(graphs, inputs)
            blocks["embedding"] = _apply(self.design._weak_net(inputs).encoder, inputs)[0]
            features.append(blocks["weak"])
        return with_features(inputs, features), blocks

    def _held_out(self, repeat: int, inputs: Inputs) -> np.ndarray:
        """Return (n,) predictions of a repeat's training rows, each by the network that left it out."""
        n = self.sizes[repeat]
        held_out = np.zeros(n)
        for net, members in self.groups:
            mine = [i for i, (owner, rows) in enumerate(members) if owner == repeat and len(rows) < n]
            if mine:
                scores = _apply(net, inputs)
                for i in mine:
                    unseen = np.setdiff1d(np.arange(n), members[i][1])
                    held_out[unseen] = scores[i, unseen]
        return held_out


def _apply(net: nn.Module, inputs: Inputs) -> np.ndarray:
    copies = len(next(net.parameters()))
    return apply(net, inputs, max(64, BATCHES // copies)).double().numpy()
