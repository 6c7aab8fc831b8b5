"""Zero-cost proxies: what an untrained network says of its architecture, from one batch of images.

Larger is not always better. Names as in NAS-Bench-Suite-Zero (Krishnakumar et al., NeurIPS 2022).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from predictors.supernet.evaluate import every_member
from predictors.supernet.images import Split
from predictors.supernet.layers import RECTIFIERS, without_norms
from predictors.supernet.network import Network, Plan


@dataclass(frozen=True)
class Probe:
    """What a proxy looks at.

    Attributes:
        network: An untrained network of one member; proxies leave its weights as they are.
        plan: The architecture.
        images: One batch of training images.
    """

    network: Network
    plan: Plan
    images: Split

    def logits(self, x: Tensor) -> Tensor:
        """Return logits (b, classes) of images (b, c, h, w), batch norm on the batch's own statistics."""
        self.network.train()
        return self.network(x.contiguous(memory_format=torch.channels_last), self.plan)[:, 0]

    def weights(self) -> list[Tensor]:
        """Return the weights of convolutions and classifier that the architecture has."""
        return [m.weight for m in self.network.modules() if isinstance(m, nn.Conv2d)]

    def gradients(self) -> list[Tensor]:
        """Return the gradient of the loss for each of `weights`, zero where a weight is not used."""
        weights = self.weights()
        loss = F.cross_entropy(self.logits(self.images.x), self.images.y)
        return _gradients(loss, weights)


def _gradients(value: Tensor, weights: list[Tensor]) -> list[Tensor]:
    """Return the gradients of a value, zero where it does not depend on a weight (or on the images)."""
    found = torch.autograd.grad(value, weights, allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for w, g in zip(weights, found, strict=True)]


def _total(values: Iterable[Tensor]) -> float:
    return float(sum(value.detach() for value in values))


def grad_norm(probe: Probe) -> float:
    """Return the sum over layers of the norm of the loss's gradient (Abdelfattah et al., ICLR 2021)."""
    return _total(g.norm() for g in probe.gradients())


def snip(probe: Probe) -> float:
    """Return the sum of |weight · gradient| (Lee et al., SNIP, ICLR 2019)."""
    return _total((w * g).abs().sum() for w, g in zip(probe.weights(), probe.gradients(), strict=True))


def plain(probe: Probe) -> float:
    """Return the sum of weight · gradient (Abdelfattah et al., ICLR 2021)."""
    return _total((w * g).sum() for w, g in zip(probe.weights(), probe.gradients(), strict=True))


def l2_norm(probe: Probe) -> float:
    """Return the sum over layers of the weights' norm (Abdelfattah et al., ICLR 2021)."""
    return _total(w.norm() for w in probe.weights())


def synflow(probe: Probe) -> float:
    """Return the logarithm of the sum of |weight · gradient| of the network of absolute weights.

    Its input is all ones, its norms pass everything on (Tanaka et al., SynFlow, NeurIPS 2020). In double
    precision, and as a logarithm, because the sum grows exponentially with depth.
    """
    network = probe.network
    kept = [p.detach().clone() for p in network.parameters()]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    network.double()
    try:
        weights = probe.weights()
        with without_norms(network):
            total = network(torch.ones_like(probe.images.x[:1], dtype=torch.float64), probe.plan).sum()
        gradients = _gradients(total, weights)
        score = _total((w * g).abs().sum() for w, g in zip(weights, gradients, strict=True))
    finally:
        network.float()
        with torch.no_grad():
            for parameter, value in zip(network.parameters(), kept, strict=True):
                parameter.copy_(value)
    return math.log(max(score, 1e-300))


def nwot(probe: Probe) -> float:
    """Return the log-determinant of the kernel of ReLU patterns (Mellor et al., NASWOT, ICML 2021).

    Entry (i, j) counts the units at which images i and j are both on or both off; h-swish has units too.
    """
    kernel = torch.zeros(len(probe.images), len(probe.images), dtype=torch.float64)

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        on = (output.detach() > 0).flatten(1).float()
        kernel.add_((on @ on.T + (1 - on) @ (1 - on).T).double().cpu())

    handles = [m.register_forward_hook(count) for m in probe.network.modules() if isinstance(m, RECTIFIERS)]
    with torch.no_grad():
        probe.logits(probe.images.x)
    for handle in handles:
        handle.remove()
    return float(torch.linalg.slogdet(kernel)[1].clamp_min(-1e9))


def jacov(probe: Probe) -> float:
    """Return how uncorrelated the images' input gradients are (Mellor et al., version 1, 2020).

    Minus the sum over eigenvalues v of the gradients' correlation matrix of log(v + k) + 1 / (v + k).
    """
    x = every_member(probe.images.x, 1).requires_grad_()
    (gradient,) = _gradients(probe.logits(x).sum(), [x])
    rows = gradient.flatten(1).double()
    rows = rows - rows.mean(1, keepdim=True)
    scale = rows.norm(dim=1, keepdim=True)
    rows = rows / scale.clamp_min(1e-12)
    values = torch.linalg.eigvalsh(rows @ rows.T)
    k = 1e-5
    return float(-((values + k).abs().log() + 1 / (values + k)).sum())


PROXIES: Mapping[str, Callable[[Probe], float]] = {
    proxy.__name__: proxy for proxy in (synflow, nwot, jacov, grad_norm, snip, plain, l2_norm)
}
