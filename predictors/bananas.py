"""BANANAS's neural predictor: an ensemble of deep, narrow networks on the truncated path encoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from data.encode import paths, positions
from data.errors import InputError
from data.graphs import Graphs
from data.spaces.chains import ChainSpace
from predictors.base import ScoresAndStd
from predictors.nn.graph import Inputs
from predictors.nn.layers import Generators, Standardise
from predictors.nn.lean import Adam
from predictors.nn.paper import Glorot
from predictors.nn.ranker import TorchRanker, apply
from predictors.nn.training import Objective

FOLDS, COPIES = 5, 2  # networks that measure the noise: how many folds, and networks for each


class Bananas(TorchRanker):
    """Mean of networks that differ in their initial weights and in the order of their batches.

    The loss is the absolute error relative to the distance from an upper bound of the labels, so that errors
    at good architectures weigh most. The paper knows a bound of each data set; here it is the best training
    label plus `margin` standard deviations.

    Features of nodes, of which the paper's spaces have none, are summed and added to the columns.

    Deviations combine the spread of the ensemble with the noise of a label: the squared error of further
    networks, trained in the same batch without a fifth of the labels each, less their own spread. The paper
    uses the spread alone, which is not meant to cover a label.

    Source: White, Neiswanger & Savani, BANANAS, AAAI 2021 (arXiv 1910.11858): five networks of ten layers,
    150 epochs of Adam; layer width, batch and learning rate as in the published code, whose loss is the mean
    absolute error (`loss="mape"` is the paper's).

    Published, NAS-Bench-101, 200 labels: mean absolute error below 1 point; here 1.30 (docs/surrogates.md),
    on labels of one training each.
    """

    canonical: ClassVar[bool] = False
    has_std: ClassVar[bool] = True
    max_steps = 10**9
    weight_decay = 0.0

    quick: ClassVar[Mapping[str, Any]] = {"epochs": 10, "layers": 1}

    def __init__(
        self,
        *,
        loss: str = "mape",
        networks: int = 5,
        width: int = 20,
        layers: int = 10,
        batch: int = 32,
        epochs: int = 150,
        lr: float = 0.01,
        margin: float = 0.2,
        max_length: int = 0,
    ) -> None:
        """Store the hyper-parameters; the others are described in TorchRanker.

        Hyper-parameters:
            loss: "mape", the loss of the class, or one of predictors.nn.losses.
            networks: Networks in the ensemble.
            width: Units of a hidden layer.
            layers: Hidden layers.
            margin: How far above the best training label the bound of the labels is, in standard deviations.
            max_length: Most operations of a path; 0 for the default of data.encode.paths.
        """
        self.loss = loss
        self.networks = networks
        self.width = width
        self.layers = layers
        self.batch = batch
        self.epochs = epochs
        self.lr = lr
        self.margin = margin
        self.max_length = max_length

    def _inputs(self, graphs: Graphs) -> Inputs:
        columns = paths(graphs, max_length=self.max_length or None)
        if isinstance(graphs.space, ChainSpace):  # its only path is longer than any that is kept
            columns = np.concatenate([columns, positions(graphs)], axis=1)
        inputs = {"paths": torch.from_numpy(columns.astype(np.float32))}
        if graphs.space.features:
            inputs["features"] = torch.from_numpy(graphs.features.sum(1))
        return inputs

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        return _Layers(inputs, self.width, self.layers, rngs)

    def _objective(self, net: nn.Module, inputs: Inputs, y: Tensor) -> Objective:
        if self.loss != "mape":
            return super()._objective(net, inputs, y)
        return _RelativeErrors(net, inputs, y, self.margin)

    def _optimiser(self, net: nn.Module, steps: int, epoch: int) -> tuple[Optimizer, LRScheduler]:
        del steps, epoch
        optimiser = Adam(net.parameters(), lr=self.lr, betas=(0.9, 0.99), fused=True)
        return optimiser, LambdaLR(optimiser, lambda _: 1.0)

    def _train(self, graphs: Sequence[Graphs], labels: np.ndarray, seeds: Sequence[int]) -> nn.Module:
        if self.networks < 1 or self.layers < 1 or self.margin <= 0:
            raise InputError(
                f"predictor '{self.name}': networks and layers must be at least 1 and margin positive"
            )
        plans = [_Plan(len(g), self.networks, seed) for g, seed in zip(graphs, seeds, strict=True)]
        net = super()._train(
            [g.take(rows) for g, plan in zip(graphs, plans, strict=True) for rows in plan.rows],
            np.concatenate([y[plan.rows] for y, plan in zip(labels, plans, strict=True)]),
            [seed for plan in plans for seed in plan.seeds],
        )
        noise = []
        for i, (g, y, plan) in enumerate(zip(graphs, labels, plans, strict=True)):
            outputs = apply(net, self._inputs(g)).double().numpy()
            size = len(plan.rows)
            noise.append(plan.measure_noise(outputs[i * size : (i + 1) * size], y))
        _keep_first(net, len(graphs), self.networks)
        net.register_buffer("noise", torch.tensor(noise, dtype=torch.float64, device="cpu"))
        return net

    def scores(self, net: nn.Module, graphs: Graphs) -> np.ndarray:
        """Return the mean (r, n) of each repeat's networks."""
        return self._outputs(net, graphs).mean(1)

    def scores_std(self, net: nn.Module, graphs: Graphs) -> ScoresAndStd:
        """Return the mean of each repeat's networks and the deviation of a label, (r, n) each."""
        outputs, noise = self._outputs(net, graphs), net.get_buffer("noise").numpy()
        return outputs.mean(1), np.sqrt(outputs.var(1) + noise[:, None])

    def _outputs(self, net: nn.Module, graphs: Graphs) -> np.ndarray:
        outputs = apply(net, self._inputs(graphs)).double().numpy()
        return outputs.reshape(-1, self.networks, len(graphs))


class _Plan:
    """What each network of a repeat is trained on: the ensemble on everything, then two without each fold.

    Attributes:
        rows: (networks, n) training architectures. Those of a left-out fold are replaced by others, so that
            all networks have training sets of one size.
        seeds: One for each network.
    """

    def __init__(self, n: int, ensemble: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.ensemble, folds = ensemble, min(FOLDS, n) if n > 1 else 0
        self.fold = rng.permutation(n) % max(1, folds)
        rows = [np.arange(n)] * ensemble
        for fold in range(folds):
            kept = np.flatnonzero(self.fold != fold)
            filled = np.concatenate([kept, rng.choice(kept, n - len(kept))])
            rows += [filled] * COPIES
        self.rows = np.stack(rows)
        self.seeds = rng.integers(2**31, size=len(rows)).tolist()

    def measure_noise(self, outputs: np.ndarray, y: np.ndarray) -> float:
        """Return the variance of a label around the mean of networks that have not seen it.

        Without folds it is 1, the variance of standardised labels.

        Args:
            outputs: (networks, n) what the networks of `rows` say of the training architectures.
            y: (n,) labels.
        """
        folds = (len(self.rows) - self.ensemble) // COPIES
        if not folds:
            return 1.0
        by_fold = outputs[self.ensemble :].reshape(folds, COPIES, -1)
        unseen = by_fold[self.fold, :, np.arange(len(y))]
        error = float(((unseen.mean(1) - y) ** 2).mean())
        spread = float(unseen.var(1, ddof=1).mean())
        return max(error - spread, 0.1 * error, 1e-6)


class _Layers(nn.Module):
    """Fully connected layers with ReLU; biases start at 0."""

    def __init__(self, inputs: Inputs, width: int, layers: int, rngs: Generators) -> None:
        super().__init__()
        self.standardise = Standardise(inputs["features"]) if "features" in inputs else None
        sizes = [sum(x.shape[-1] for x in inputs.values()), *[width] * layers, 1]
        self.maps = nn.ModuleList(Glorot(a, b, rngs) for a, b in pairwise(sizes))
        self.biases = nn.ParameterList(torch.zeros(len(rngs), 1, b) for b in sizes[1:])

    def forward(self, inputs: Inputs) -> Tensor:
        x = inputs["paths"]
        if self.standardise is not None:
            features = self.standardise(inputs["features"])
            x = torch.cat([x.expand(len(features), -1, -1), features], dim=-1)
        for i, (linear, bias) in enumerate(zip(self.maps, self.biases, strict=True)):
            x = linear(F.relu(x) if i else x) + bias
        return x.squeeze(-1)


class _RelativeErrors:
    """The objective of a network: absolute errors over the label's distance from the bound."""

    def __init__(self, net: nn.Module, inputs: Inputs, y: Tensor, margin: float) -> None:
        self.net, self.inputs, self.y = net, inputs, y
        self.distance = y.amax(1, keepdim=True) + margin - y
        self.size = y.shape[1]
        self.repeat = torch.arange(len(y))[:, None]

    def loss(self, rows: Tensor) -> Tensor:
        outputs = self.net({name: x[self.repeat, rows] for name, x in self.inputs.items()})
        return ((outputs - self.y.gather(1, rows)).abs() / self.distance.gather(1, rows)).mean(-1)

    def quality(self) -> Tensor:
        raise NotImplementedError("BANANAS trains all epochs")


def _keep_first(net: nn.Module, repeats: int, networks: int) -> None:
    """Keep the first `networks` of each repeat's copies."""
    for tensor in (*net.parameters(), *net.buffers()):
        tensor.data = tensor.data.unflatten(0, (repeats, -1))[:, :networks].flatten(0, 1).clone()
