"""The networks of `ace`: for every repeat, one on all of its labels and one for each fold left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from data.graphs import Graphs
from predictors.acenas import Acenas
from predictors.nn.ranker import apply

BATCHES = 16_384  # architectures times networks that are scored at once


class Networks:
    """Networks of one design that train together, whatever their number of labels.

    Attributes:
        held_out: (n,) predictions of the labels of each repeat by networks that did not see them; 0 where
            there are too few labels to leave one out.
    """

    held_out: list[np.ndarray]

    def __init__(self, design: Acenas, folds: int) -> None:
        """Take the design, pretrained or not, and the number of folds."""
        self.design, self.folds = design, folds

    def fit(self, graphs: Sequence[Graphs], labels: Sequence[np.ndarray], seeds: Sequence[int]) -> None:
        """Train on the architectures and labels (n,) of each repeat."""
        jobs: dict[int, list[tuple[int, np.ndarray, int]]] = {}
        folds = []
        for repeat, (y, seed) in enumerate(zip(labels, seeds, strict=True)):
            n = len(y)
            fold = np.random.default_rng([seed, 1]).permutation(n) % min(self.folds, n)
            parts = [np.arange(n), *(np.flatnonzero(fold != k) for k in range(fold.max() + 1))]
            for part, rows in enumerate(parts):
                if len(rows):
                    jobs.setdefault(len(rows), []).append((repeat, rows, seed * 100 + part))
            folds.append(fold)
        self.groups = []
        for group in jobs.values():
            net = self.design._train(
                [graphs[repeat].take(rows) for repeat, rows, _ in group],
                np.stack([labels[repeat][rows] for repeat, rows, _ in group]),
                [seed for _, _, seed in group],
            )
            self.groups.append((net, [(repeat, rows) for repeat, rows, _ in group]))
        self.held_out = [
            self._held_out(i, g, fold) for i, (g, fold) in enumerate(zip(graphs, folds, strict=True))
        ]

    def predict(self, graphs: Graphs) -> np.ndarray:
        """Return (repeats, m): the mean of the network of all labels and of the mean of the others."""
        repeats = len(self.held_out)
        total, folds = np.zeros((2, repeats, len(graphs)))
        count = np.zeros((repeats, 1))
        for net, members in self.groups:
            for (repeat, rows), scores in zip(members, self._apply(net, graphs), strict=True):
                if len(rows) == len(self.held_out[repeat]):
                    total[repeat] += scores
                else:
                    folds[repeat] += scores
                    count[repeat] += 1
        return np.where(count > 0, (total + folds / np.maximum(count, 1)) / 2, total)

    def weak_blocks(self, graphs: Graphs) -> dict[str, np.ndarray]:
        """Return weak labels, known and predicted, and embeddings (n, columns); none if not pretrained."""
        if not hasattr(self.design, "weak_"):
            return {}
        inputs = self.design._graph_inputs(graphs)
        embedding = apply(self.design._weak_net(inputs).encoder, inputs)[0].double().numpy()
        return {"weak": self.design.weak_features(graphs, inputs), "embedding": embedding}

    def _held_out(self, repeat: int, graphs: Graphs, fold: np.ndarray) -> np.ndarray:
        """Return (n,) predictions of a repeat's training rows, each by the network that left it out."""
        n = len(graphs)
        held_out = np.zeros(n)
        for net, members in self.groups:
            mine = [i for i, (owner, rows) in enumerate(members) if owner == repeat and len(rows) < n]
            if mine:
                scores = self._apply(net, graphs)
                for i in mine:
                    unseen = np.setdiff1d(np.arange(n), members[i][1])
                    held_out[unseen] = scores[i, unseen]
        return held_out

    def _apply(self, net: torch.nn.Module, graphs: Graphs) -> np.ndarray:
        copies = len(next(net.parameters()))
        return apply(net, self.design._inputs(graphs), max(64, BATCHES // copies)).double().numpy()
