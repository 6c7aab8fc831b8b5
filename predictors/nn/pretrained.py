"""PretrainedRanker: an encoder that learns from many weak labels before it ranks by a few true ones."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from data.errors import InputError, TableError
from data.files import atomic_path
from data.graphs import Graphs
from data.space import SearchSpace
from predictors.nn.graph import Head, Inputs
from predictors.nn.layers import Generators, generators
from predictors.nn.ranker import TorchRanker, apply, one_thread, random_lists, warm_cosine


@dataclass(frozen=True)
class WeakKnowledge:
    """What pretraining left behind.

    Attributes:
        names: Names of the weak labels, in the order of the heads.
        state: Parameters of the pretraining network.
        hashes: (m,) sorted canonical hashes of the networks that were seen.
        values: (m, labels) their rank-normalised weak labels, NaN where unknown.
        space: Vocabulary and node limit of their search space, as text.
    """

    names: tuple[str, ...]
    state: dict[str, Tensor]
    hashes: np.ndarray
    values: np.ndarray
    space: str


class WeakHeads(nn.Module):
    """An encoder with a head for each weak label: inputs to (r, b, labels)."""

    def __init__(self, encoder: nn.Module, heads: Sequence[nn.Module]) -> None:
        """Put heads on an encoder."""
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(heads)

    def forward(self, inputs: Inputs) -> Tensor:
        """Predict every weak label."""
        embedding = self.encoder(inputs)
        return torch.stack([head(embedding) for head in self.heads], dim=-1)


_SHAPE = ("encoder", "width", "layers", "head_width", "head_layers")


class PretrainedRanker(TorchRanker):
    """A TorchRanker whose network is an encoder and a head, the encoder pretrained on weak labels.

    Source: AceNAS (arXiv 2108.03001), section 3.3. A subclass gives `_encoder` and `_scorer`.

    Attributes:
        weak: Weak labels joined by "+", "default" for the benchmark's own, "none" to train from scratch.
        pretrain_size: Networks with weak labels, drawn at random; 0 for all there are.
        pretrain_epochs, pretrain_batch, pretrain_lr: How long and fast the encoder is pretrained.
        encoder_lr: Learning rate of the pretrained encoder, as a share of the head's.
        freeze: Share of the fine-tuning during which a pretrained encoder does not move.
        start: "new" for a fresh ranking head, "weak" for the one of the first weak label.
        head_width, head_layers: Units of a hidden layer of each head, and such layers.
    """

    pretrains: ClassVar[bool] = True
    weak: str
    pretrain_size: int
    pretrain_epochs: int
    pretrain_batch: int
    pretrain_lr: float
    encoder_lr: float
    freeze: float
    start: str
    head_width: int
    head_layers: int

    @abstractmethod
    def _encoder(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        """Return an untrained encoder for each generator: inputs to embeddings (r, b, width)."""

    @abstractmethod
    def _scorer(self, encoder: nn.Module, inputs: Inputs, rngs: Generators) -> nn.Module:
        """Return the whole ranking network, with its parts named `encoder` and `head`."""

    @abstractmethod
    def _graph_inputs(self, graphs: Graphs) -> Inputs:
        """Return what the encoder sees of n graphs (n, ...)."""

    def pretrain(self, graphs: Graphs, weak_labels: Mapping[str, np.ndarray], *, seed: int = 0) -> Self:
        """Train the encoder and a head for each weak label; see Predictor.pretrain."""
        names, values = self._check_weak_labels(graphs, weak_labels)
        if self.canonical:
            rows, network = graphs.unique()
            graphs, values = graphs.take(rows).effective(), _mean_by(values, network, len(rows))
        if self.pretrain_size and self.pretrain_size < len(graphs):
            chosen = np.random.default_rng(seed).permutation(len(graphs))[: self.pretrain_size]
            graphs, values = graphs.take(chosen), values[chosen]
        targets = np.stack([self._normalise(column) for column in values.T], axis=1)
        inputs = self._graph_inputs(graphs)
        net = self._pretrain(inputs, torch.from_numpy(targets.astype(np.float32)), seed)
        hashes = graphs.canonical_hash()
        order = np.argsort(hashes, kind="stable")
        state = {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}
        self.weak_ = WeakKnowledge(names, state, hashes[order], targets[order], _vocabulary(graphs.space))
        return self

    @property
    def pretrained_on(self) -> tuple[str, ...]:
        """Names of the weak labels that the encoder was pretrained on; none if it was not."""
        return self.weak_.names if hasattr(self, "weak_") else ()

    def weak_features(self, graphs: Graphs, inputs: Inputs) -> np.ndarray:
        """Return (n, 2 · labels): weak labels as known, and as the pretrained network predicts them.

        A network without a weak label gets the predicted one in its place. The predictions are less noisy
        than the labels: they share what the networks have in common.
        """
        known = self.weak_
        predicted = apply(self._weak_net(inputs), inputs)[0].double().numpy()
        hashes = graphs.canonical_hash()
        place = np.searchsorted(known.hashes, hashes).clip(max=len(known.hashes) - 1)
        values = known.values[place]
        values[known.hashes[place] != hashes] = np.nan
        return np.concatenate([np.where(np.isnan(values), predicted, values), predicted], axis=1)

    def save_encoder(self, path: Path) -> None:
        """Save what was pretrained, as safetensors."""
        from safetensors.torch import save_file

        if not hasattr(self, "weak_"):
            raise InputError(f"predictor '{self.name}' was not pretrained: there is no encoder to save")
        known = self.weak_
        tensors = {f"net.{name}": tensor.contiguous() for name, tensor in known.state.items()}
        tensors["hashes"] = torch.from_numpy(known.hashes.view(np.int64).copy())
        tensors["values"] = torch.from_numpy(known.values.copy())
        described = {"predictor": self.name, "weak": json.dumps(known.names), "encoder": self._shape()}
        described["space"] = known.space
        with atomic_path(path) as part:
            save_file(tensors, part, metadata=described)

    def load_encoder(self, path: Path) -> Self:
        """Take what `save_encoder` saved, by a predictor with an encoder of the same shape."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as file:
                described = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise TableError(f"{path} is not a whole encoder file: {error}") from error
        if described.get("predictor") != self.name or described.get("encoder") != self._shape():
            raise InputError(
                f"{path} holds an encoder of {described.get('predictor')} ({described.get('encoder')}), "
                f"which does not fit {self.name} ({self._shape()})"
            )
        state = {name[4:]: tensor for name, tensor in tensors.items() if name.startswith("net.")}
        hashes = tensors["hashes"].numpy().view(np.uint64)
        names = tuple(json.loads(described["weak"]))
        self.weak_ = WeakKnowledge(names, state, hashes, tensors["values"].numpy(), described["space"])
        return self

    def pretrain_params(self) -> dict[str, object]:
        """Return the hyper-parameters that what `pretrain` learns depends on."""
        return {
            name: value
            for name, value in self.params().items()
            if name in (*_SHAPE, "dropout", "weight_decay") or name.startswith("pretrain_")
        }

    def _normalise(self, values: np.ndarray) -> np.ndarray:
        """Return a weak label (n,) as pretraining sees it, NaN where unknown."""
        return rank_normal(values)

    def _twin(self) -> Self:
        twin = super()._twin()
        if hasattr(self, "weak_"):
            twin.weak_ = self.weak_
        return twin

    def _check_weak(self, graphs: Graphs) -> None:
        super()._check_weak(graphs)
        if hasattr(self, "weak_") and self.weak_.space != _vocabulary(graphs.space):
            raise InputError(
                f"predictor '{self.name}': its encoder was pretrained on graphs of {self.weak_.space}, "
                f"not of {_vocabulary(graphs.space)}"
            )

    def _shape(self) -> str:
        """Return the hyper-parameters that the shape of the encoder depends on, as text."""
        named = {k: v for k, v in self.params().items() if k in _SHAPE}
        return json.dumps(named, sort_keys=True)

    def _check_weak_labels(
        self, graphs: Graphs, weak_labels: Mapping[str, np.ndarray]
    ) -> tuple[tuple[str, ...], np.ndarray]:
        if not weak_labels:
            raise InputError(f"predictor '{self.name}' needs at least one weak label to pretrain on")
        for name, values in weak_labels.items():
            if np.shape(values) != (len(graphs),):
                raise InputError(
                    f"weak label '{name}' has shape {np.shape(values)}; there are {len(graphs)} architectures"
                )
            if not np.isfinite(values).any():
                raise InputError(f"weak label '{name}' is known for none of the architectures")
        columns = [np.where(np.isfinite(values), values, np.nan) for values in weak_labels.values()]
        return tuple(weak_labels), np.stack(columns, axis=1).astype(np.float64)

    def _weak_net(self, inputs: Inputs) -> WeakHeads:
        """Return the pretraining network with what it learned."""
        net = self._new_weak_net(inputs, len(self.weak_.names), generators([0]))
        net.load_state_dict(self.weak_.state)
        return net

    def _new_weak_net(self, inputs: Inputs, labels: int, rngs: Generators) -> WeakHeads:
        encoder = self._encoder({name: x[None] for name, x in inputs.items()}, rngs)
        width = int(encoder.width)  # pyright: ignore[reportArgumentType]
        heads = [Head(width, self.head_width, 0.0, rngs, layers=self.head_layers) for _ in range(labels)]
        return WeakHeads(encoder, heads)

    def _pretrain(self, inputs: Inputs, targets: Tensor, seed: int) -> WeakHeads:
        n = len(targets)
        rngs = generators([seed])
        known = torch.isfinite(targets)
        targets = torch.where(known, targets, 0.0)
        with one_thread():
            net = self._new_weak_net(inputs, targets.shape[1], rngs).train()
            steps = self.pretrain_epochs * max(1, n // self.pretrain_batch)
            optimiser = torch.optim.AdamW(
                net.parameters(), lr=self.pretrain_lr, weight_decay=self.weight_decay
            )
            schedule = LambdaLR(optimiser, lambda step: warm_cosine(step, steps))
            for _, rows in zip(range(steps), random_lists(n, self.pretrain_batch, rngs), strict=False):
                error = net({name: x[rows] for name, x in inputs.items()}) - targets[rows]
                optimiser.zero_grad()
                (error.square() * known[rows]).mean((0, 1)).sum().backward()
                optimiser.step()
                schedule.step()
        return net

    def _network(self, inputs: Inputs, rngs: Generators) -> nn.Module:
        net = self._scorer(self._encoder(inputs, rngs), inputs, rngs)
        if hasattr(self, "weak_"):
            with torch.no_grad():
                _copy_prefix(net, self.weak_.state, "encoder.", "encoder.")
                if self.start == "weak":
                    _copy_prefix(net, self.weak_.state, "heads.0.", "head.")
        return net

    def _optimiser(self, net: nn.Module, steps: int) -> tuple[Optimizer, LRScheduler]:
        if self.start not in ("new", "weak"):
            raise InputError(f"predictor '{self.name}': start is 'new' or 'weak', not '{self.start}'")
        if not hasattr(self, "weak_"):
            return super()._optimiser(net, steps)
        inside = list(net.encoder.parameters())  # pyright: ignore[reportAttributeAccessIssue]
        ids = {id(p) for p in inside}
        outside = [p for p in net.parameters() if id(p) not in ids]
        groups = [{"params": outside}, {"params": inside, "lr": self.lr * self.encoder_lr}]
        optimiser = torch.optim.AdamW(groups, lr=self.lr, weight_decay=self.weight_decay)
        frozen = self.freeze * steps
        courses = [
            lambda step: warm_cosine(step, steps),
            lambda step: warm_cosine(step, steps) if step >= frozen else 0.0,
        ]
        return optimiser, LambdaLR(optimiser, courses)


def _vocabulary(space: SearchSpace) -> str:
    parts = [*space.stages, *space.features] if len(space.stages) > 1 or space.features else []
    return f"{'/'.join([*space.ops, *parts])}, at most {space.max_nodes} nodes"


def rank_normal(values: np.ndarray) -> np.ndarray:
    """Return the ranks of values (n,), spread evenly with mean 0 and deviation 1; NaN stays NaN."""
    known = np.isfinite(values)
    ranks = np.full(len(values), np.nan)
    n = int(known.sum())
    ranks[known] = ((rankdata(values[known]) - 0.5) / n - 0.5) * np.sqrt(12)
    return ranks


def _mean_by(values: np.ndarray, group: np.ndarray, n: int) -> np.ndarray:
    """Return the mean (n, labels) of the known values (rows, labels) of each group; NaN where none is."""
    known = np.isfinite(values)
    counts = np.stack([np.bincount(group, k, n) for k in known.T.astype(float)], axis=1)
    totals = np.stack([np.bincount(group, v, n) for v in np.where(known, values, 0.0).T], axis=1)
    return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan)


def _copy_prefix(net: nn.Module, state: Mapping[str, Tensor], source: str, target: str) -> None:
    """Copy pretrained parameters to every repeat; a wider layer takes them for its first inputs, else 0."""
    own = dict(net.named_parameters())
    for name, tensor in state.items():
        if not name.startswith(source):
            continue
        parameter = own[target + name[len(source) :]]
        if target == "head." and parameter.dim() == 3 and parameter.shape[1] > tensor.shape[1]:
            tensor = F.pad(tensor, (0, 0, 0, parameter.shape[1] - tensor.shape[1]))
        parameter.copy_(tensor.expand_as(parameter))
