"""Ranking losses. Each takes scores and labels (lists, items) and returns one loss a list, (lists,).

Labels are higher is better, in any unit; what a loss needs of them (relevance, ranks, pairs) it derives.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

Loss = Callable[[Tensor, Tensor], Tensor]

MAX_RELEVANCE = 20.0


def relevance(y: Tensor, maximum: float = MAX_RELEVANCE) -> Tensor:
    """Return graded relevance (lists, items) in [0, maximum]: 0 up to the 20 % quantile of the list.

    Source: AceNAS (arXiv 2108.03001), section 4.
    """
    low = torch.quantile(y, 0.2, dim=-1, keepdim=True)
    high = y.amax(-1, keepdim=True)
    graded = (y - low) / (high - low).clamp_min(1e-12)
    return maximum * graded.clamp(0, 1)


def lambdarank(scores: Tensor, y: Tensor, *, sigma: float = 1.0) -> Tensor:
    """LambdaRank: each pair's logistic loss weighted by the NDCG that swapping the pair would change.

    Source: Burges et al., Learning to Rank with Nonsmooth Cost Functions, NeurIPS 2006; the gain is
    AceNAS's, 2^relevance − 1.
    """
    gain = torch.exp2(relevance(y)) - 1
    with torch.no_grad():
        ideal = _discount(y.shape[-1], y) * gain.sort(-1, descending=True).values
        rank = scores.argsort(-1, descending=True).argsort(-1)
        discount = _discount(y.shape[-1], y)[rank]
        swap = _pairs(gain).abs() * _pairs(discount).abs() / ideal.sum(-1)[:, None, None].clamp_min(1e-12)
        weight = swap * (_pairs(y) > 0)
    return (weight * F.softplus(-sigma * _pairs(scores))).sum((-1, -2))


def ranknet(scores: Tensor, y: Tensor, *, sigma: float = 1.0) -> Tensor:
    """RankNet: the logistic loss averaged over all pairs of different labels.

    Source: Burges et al., Learning to Rank using Gradient Descent, ICML 2005.
    """
    ordered = (_pairs(y) > 0).to(scores.dtype)
    loss = (ordered * F.softplus(-sigma * _pairs(scores))).sum((-1, -2))
    return loss / ordered.sum((-1, -2)).clamp_min(1)


def mse(scores: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of the scores as predictions of the labels."""
    return ((scores - y) ** 2).mean(-1)


LOSSES: dict[str, Loss] = {loss.__name__: loss for loss in (lambdarank, ranknet, mse)}


def _pairs(x: Tensor) -> Tensor:
    """Return differences (lists, items, items): entry (i, j) is x_i − x_j."""
    return x[:, :, None] - x[:, None, :]


def _discount(n: int, like: Tensor) -> Tensor:
    """Return DCG's discount (n,) of positions 1 to n: 1 / log2(position + 1)."""
    return 1 / torch.log2(torch.arange(2, n + 2, dtype=like.dtype, device=like.device))
