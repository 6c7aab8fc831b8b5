"""Building blocks of ranking losses, batched over lists: differences, ranks, discounts, relaxed sorting."""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-10  # keeps the square of a reciprocal, which its gradient needs, inside float32


def differences(x: Tensor) -> Tensor:
    """Return differences (lists, items, items) of x (lists, items): entry (i, j) is x_i − x_j."""
    return x[:, :, None] - x[:, None, :]


def descending_rank(x: Tensor) -> Tensor:
    """Return ranks (lists, items) in x (lists, items): 0 is the largest; equal values rank in list order."""
    return x.argsort(dim=-1, descending=True, stable=True).argsort(-1)


def ascending_rank(x: Tensor, ties: Tensor) -> Tensor:
    """Return ranks (lists, items) in x (lists, items): 0 is the smallest; equal ones by descending ties."""
    first = ties.argsort(dim=-1, descending=True, stable=True)
    order = first.gather(-1, x.gather(-1, first).argsort(dim=-1, stable=True))
    return order.argsort(-1)


def discounts(n: int, like: Tensor) -> Tensor:
    """Return DCG's discounts (n,) of positions 1 to n: 1 / log2(position + 1)."""
    return 1 / torch.log2(torch.arange(2, n + 2, dtype=like.dtype, device=like.device))


def ideal_dcg(gain: Tensor) -> Tensor:
    """Return the largest discounted cumulative gain (lists,) of any order of gain (lists, items)."""
    return gain.sort(-1, descending=True).values @ discounts(gain.shape[-1], gain)


def safe(divisor: Tensor) -> Tensor:
    """Return divisor with 1 in place of 0."""
    return torch.where(divisor == 0, 1, divisor)


def standardise(y: Tensor) -> Tensor:
    """Return y (lists, items) with mean 0 and deviation 1 in each list; exactly 0 where all are equal."""
    centred = torch.where(
        y.amax(-1, keepdim=True) > y.amin(-1, keepdim=True), y - y.mean(-1, keepdim=True), 0
    )
    return centred / safe(centred.square().mean(-1, keepdim=True).sqrt())


def neural_sort(scores: Tensor, temperature: float) -> Tensor:
    """Return the relaxed descending sort of scores (lists, items) as row-stochastic (lists, places, items).

    Source: Grover et al., Stochastic Optimization of Sorting Networks via Continuous Relaxations, ICLR 2019.
    """
    n = scores.shape[-1]
    place = torch.arange(1, n + 1, dtype=scores.dtype, device=scores.device)
    spread = differences(scores).abs().sum(-1)
    logits = (n + 1 - 2 * place)[:, None] * scores[:, None, :] - spread[:, None, :]
    return torch.softmax(logits / temperature, dim=-1)


def sinkhorn(matrix: Tensor, iterations: int) -> Tensor:
    """Return non-negative matrix (lists, n, n) with rows and columns scaled to sum to nearly one.

    The number of iterations is fixed, so that a list does not depend on the others in its batch; rows are
    exact, columns converge. Source: Sinkhorn & Knopp, Pacific Journal of Mathematics 1967.
    """
    rows = torch.ones_like(matrix[:, :, :1])
    columns = torch.ones_like(matrix[:, :1, :])
    for _ in range(iterations):
        columns = ((rows * matrix).sum(1, keepdim=True) + TINY).reciprocal()
        rows = ((matrix * columns).sum(2, keepdim=True) + TINY).reciprocal()
    return rows * matrix * columns
