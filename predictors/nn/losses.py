"""Losses for predictors. Each takes scores and labels (lists, items) and returns one loss a list, (lists,).

Labels are higher is better. Relevance, order and pairs are derived list by list, so the unit
and origin of labels do not matter, except to `mse` and `huber`, which regress on the labels as they are.
Pairwise losses leave out pairs of equal labels. For a list of equal labels a loss is 0, except for those two
and for `listnet` and `listmle`, which draw its scores together; they too are 0 for a single item.

Losses that use relevance accept it as `grades` (lists, items), for when more is known than the list: AceNAS's
minibatches use the relevance within the whole training set.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from data.errors import InputError
from data.names import check_name
from predictors.nn.sorting import (
    ascending_rank,
    descending_rank,
    differences,
    discounts,
    ideal_dcg,
    neural_sort,
    safe,
    sinkhorn,
    standardise,
)

Loss = Callable[..., Tensor]
AnyLoss = TypeVar("AnyLoss", bound=Callable[..., Tensor])

MAX_RELEVANCE = 20.0

LOSSES: dict[str, Loss] = {}
GRADED: set[str] = set()  # losses that look at relevance, and take it as `grades` where it is known


def loss(function: AnyLoss) -> AnyLoss:
    """Register a loss under its name."""
    LOSSES[function.__name__] = function
    if "grades" in (function.__kwdefaults__ or {}):
        GRADED.add(function.__name__)
    return function


def relevance(y: Tensor, maximum: float = MAX_RELEVANCE) -> Tensor:
    """Return graded relevance (lists, items) in [0, maximum]: 0 up to the 20 % quantile of the list.

    Source: AceNAS (arXiv 2108.03001), section 4.
    """
    low = torch.quantile(y, 0.2, dim=-1, keepdim=True)
    high = y.amax(-1, keepdim=True)
    return maximum * ((y - low) / safe(high - low)).clamp(0, 1)


@loss
def lambdarank(
    scores: Tensor,
    y: Tensor,
    *,
    sigma: float = 1.0,
    truncation: int | None = None,
    rank_by: Literal["score", "label"] = "score",
    grades: Tensor | None = None,
) -> Tensor:
    """LambdaRank: each pair's logistic loss weighted by the NDCG that swapping the pair would change.

    The weights are constants to the gradient. `sigma` is the slope; `truncation` keeps the pairs with an
    item among that many predicted best. `rank_by` selects the rank that discounts an item: by descending
    score, as in the paper, or by ascending label, as in the published AceNAS code.

    Source: Burges et al., Learning to Rank with Nonsmooth Cost Functions, NeurIPS 2006; the gain is
    AceNAS's, 2^relevance − 1.

    Raises:
        InputError: Unknown rank_by.
    """
    check_name("rank_by", rank_by, ("score", "label"))
    with torch.no_grad():
        rank = descending_rank(scores)
        place = rank if rank_by == "score" else ascending_rank(y, ties=scores)
        weight = _gain_differences(y, grades) * _discount_differences(place, like=y)
        if truncation is not None:
            top = rank < truncation
            weight = weight * (top[:, :, None] | top[:, None, :])
    return (weight * _logistic(scores, sigma)).sum((-1, -2))


@loss
def lambdarank_by_label(
    scores: Tensor,
    y: Tensor,
    *,
    sigma: float = 1.0,
    truncation: int | None = None,
    grades: Tensor | None = None,
) -> Tensor:
    """LambdaRank with rank_by="label": the best item gets the last place's discount, whatever its score.

    Source: the published code of AceNAS (arXiv 2108.03001).
    """
    return lambdarank(scores, y, sigma=sigma, truncation=truncation, rank_by="label", grades=grades)


@loss
def lambdaloss(
    scores: Tensor, y: Tensor, *, sigma: float = 1.0, mu: float = 10.0, grades: Tensor | None = None
) -> Tensor:
    """NDCG-Loss2++: LambdaRank's weights plus `mu` times those of a bound that is tight in NDCG.

    Source: Wang et al., The LambdaLoss Framework for Ranking Metric Optimization, CIKM 2018;
    gain and sigma as in `lambdarank`.
    """
    with torch.no_grad():
        rank = descending_rank(scores)
        apart = (rank[:, :, None] - rank[:, None, :]).abs()
        steps = -discounts(y.shape[-1] + 1, y).diff()  # between the places d and d + 1, from d = 1
        bound = F.pad(steps, (1, 0))[apart]
        weight = _gain_differences(y, grades) * (_discount_differences(rank, like=y) + mu * bound)
    return (weight * _logistic(scores, sigma)).sum((-1, -2)) / math.log(2)


@loss
def ranknet(scores: Tensor, y: Tensor, *, sigma: float = 1.0) -> Tensor:
    """RankNet: the logistic loss averaged over all pairs of different labels; `sigma` is its slope.

    Source: Burges et al., Learning to Rank using Gradient Descent, ICML 2005.
    """
    return _pair_mean(_logistic(scores, sigma), y)


@loss
def binary_relation(scores: Tensor, y: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Pair classification: cross entropy of "i is better than j", averaged over pairs of different labels.

    The prediction is the softmax of the pair's scores, the soft target the softmax of its labels, here
    standardised in the list and divided by `temperature`. The divergence that the published code minimises
    differs by a constant. Source: Dudziak et al., BRP-NAS, NeurIPS 2020.
    """
    better = torch.sigmoid(differences(standardise(y)) / temperature)
    difference = differences(scores)
    return _pair_mean(F.softplus(-difference) + (1 - better) * difference, y)


@loss
def hinge(scores: Tensor, y: Tensor, *, margin: float = 0.1) -> Tensor:
    """Margin pairs: by how much a pair's score difference falls short of `margin`, averaged.

    Source: Joachims, Optimizing Search Engines using Clickthrough Data, KDD 2002; for architectures and
    with this margin, Ning et al., GATES, ECCV 2020.
    """
    return _pair_mean(F.relu(margin - differences(scores)), y)


@loss
def warp(scores: Tensor, y: Tensor, *, margin: float = 1.0) -> Tensor:
    """WARP: the hinge loss of each item against all worse ones, weighted by the rank that they give it.

    An item that r worse ones reach to within `margin` has loss (1 + 1/2 + … + 1/r) / r times the sum of its
    r hinges, the weight being constant to the gradient; averaged over the items that have a worse one. This
    is the expectation of which the paper samples one violating item, with each item in its turn as the
    relevant one. Source: Weston et al., WSABIE, IJCAI 2011.
    """
    worse = differences(y) > 0
    short = F.relu(margin - differences(scores)) * worse
    with torch.no_grad():
        rank = (short > 0).sum(-1)
        harmonic = (1 / torch.arange(1, y.shape[-1] + 1, dtype=y.dtype, device=y.device)).cumsum(0)
        weight = F.pad(harmonic, (1, 0))[rank] / rank.clamp_min(1)
        items = worse.any(-1).sum(-1).clamp_min(1)
    return (weight * short.sum(-1)).sum(-1) / items


@loss
def soft_kendall(scores: Tensor, y: Tensor, *, temperature: float = 1.0) -> Tensor:
    """One minus a differentiable Kendall tau: the sign of a score difference becomes a hyperbolic tangent.

    Averaged over pairs of different labels; `temperature` divides the score differences. Source: Zheng et
    al., DiffKendall, NeurIPS 2023, with the sign of the label difference in place of its value.
    """
    discordant = 2 * torch.sigmoid(-2 / temperature * differences(scores))  # this is 1 − tanh
    return _pair_mean(discordant, y)


@loss
def listnet(scores: Tensor, y: Tensor, *, temperature: float = 1.0) -> Tensor:
    """ListNet: cross entropy of the scores' top-one distribution under that of the labels.

    The labels' is the softmax of y, standardised in the list, over `temperature`. Source: Cao et al.,
    Learning to Rank: From Pairwise Approach to Listwise Approach, ICML 2007.
    """
    target = torch.softmax(standardise(y) / temperature, dim=-1)
    return -(target * F.log_softmax(scores, dim=-1)).sum(-1)


@loss
def listmle(scores: Tensor, y: Tensor) -> Tensor:
    """ListMLE: negative log-likelihood of the labels' order under Plackett–Luce, divided by the items.

    Equal labels have no order: each is the choice among all that are no better (Breslow's treatment of
    ties). Source: Xia et al., Listwise Approach to Learning to Rank, ICML 2008.
    """
    left = torch.where(differences(y) >= 0, scores[:, None, :], -torch.inf)
    return (left.logsumexp(-1) - scores).mean(-1)


@loss
def approx_ndcg(
    scores: Tensor, y: Tensor, *, temperature: float = 1.0, grades: Tensor | None = None
) -> Tensor:
    """One minus NDCG at approximate ranks: the indicators that count better items become sigmoids.

    `temperature` divides the score differences; a low one is truer to NDCG, and gets stuck where scores are
    far apart. The gain is 2^relevance − 1. Source: Qin et al., A General Approximation Framework for Direct
    Optimization of Information Retrieval Measures, Information Retrieval 2010.
    """
    # An item counts itself as half a better one, so its place, from 1, is half more than the sum.
    place = 0.5 + torch.sigmoid(-differences(scores) / temperature).sum(-1)
    gain = _gain(y, grades)
    return _ndcg_loss((gain / torch.log2(1 + place)).sum(-1), gain)


@loss
def neural_ndcg(
    scores: Tensor,
    y: Tensor,
    *,
    temperature: float = 1.0,
    sinkhorn_iterations: int = 30,
    grades: Tensor | None = None,
) -> Tensor:
    """One minus NDCG of gains in relaxed order: NeuralSort's matrix, Sinkhorn-scaled, sorts 2^relevance − 1.

    Lower `temperature`, harder sort. Source: Pobrotyn & Białobrzeski, NeuralNDCG (arXiv 2102.07831),
    deterministic form.
    """
    order = sinkhorn(neural_sort(scores, temperature), sinkhorn_iterations)
    gain = _gain(y, grades)
    return _ndcg_loss((order @ gain[:, :, None]).squeeze(-1) @ discounts(y.shape[-1], y), gain)


@loss
def mape(scores: Tensor, y: Tensor, *, margin: float = 0.1) -> Tensor:
    """Mean absolute percentage error, as a fraction, of the predicted distance to a bound above all labels.

    Scores predict the labels standardised in the list; the bound lies `margin` deviations above the best of
    them, so errors at the top weigh most. 0 for a list of equal labels, whose unit is unknown. Source:
    White et al., BANANAS, AAAI 2021; compared as a loss by PWLNAS (arXiv 2506.05869).
    """
    target = standardise(y)
    distance = target.amax(-1, keepdim=True) - target + margin
    return ((scores - target).abs() / distance).mean(-1) * _vary(y)


@loss
def exp_weighted(scores: Tensor, y: Tensor, *, floor: float = 0.05, sharpness: float = 1.0) -> Tensor:
    """Mean squared error with weights that grow exponentially with the label: exp(sharpness · u) − 1.

    Here u is the label mapped from the list's range to [`floor`, 1], like an accuracy; scores predict the
    labels standardised in the list. 0 for a list of equal labels, whose unit is unknown. Source: Shi et
    al., BONAS, NeurIPS 2020; compared as a loss by PWLNAS (arXiv 2506.05869).
    """
    low, high = y.amin(-1, keepdim=True), y.amax(-1, keepdim=True)
    weight = torch.expm1(sharpness * (floor + (1 - floor) * (y - low) / safe(high - low)))
    weight = weight / weight.sum(-1, keepdim=True)
    return (weight * (scores - standardise(y)) ** 2).sum(-1) * _vary(y)


@loss
def mse(scores: Tensor, y: Tensor) -> Tensor:
    """Mean squared error of the scores as predictions of the labels, in the labels' unit squared.

    Source: for architectures, Wen et al., Neural Predictor, ECCV 2020.
    """
    return ((scores - y) ** 2).mean(-1)


@loss
def huber(scores: Tensor, y: Tensor, *, delta: float = 1.0) -> Tensor:
    """Huber loss: half the squared error up to `delta`, in the labels' unit, and linear beyond; averaged.

    Source: Huber, Robust Estimation of a Location Parameter, Annals of Mathematical Statistics 1964.
    """
    return F.huber_loss(scores, y, reduction="none", delta=delta).mean(-1)


def _gain(y: Tensor, grades: Tensor | None) -> Tensor:
    return torch.exp2(relevance(y) if grades is None else grades) - 1


def _gain_differences(y: Tensor, grades: Tensor | None) -> Tensor:
    """Return |gain differences| over the ideal DCG (lists, i, j) where i is the better, 0 elsewhere."""
    gain = _gain(y, grades)
    return differences(gain).clamp_min(0) / safe(ideal_dcg(gain))[:, None, None]


def _discount_differences(rank: Tensor, like: Tensor) -> Tensor:
    """Return |discount differences| (lists, i, j) of items at ranks (lists, items) from 0."""
    return differences(discounts(rank.shape[-1], like)[rank]).abs()


def _logistic(scores: Tensor, sigma: float) -> Tensor:
    """Return −log of the probability (lists, i, j) that i is better."""
    return F.softplus(-sigma * differences(scores))


def _pair_mean(losses: Tensor, y: Tensor) -> Tensor:
    """Return the mean (lists,) of losses (lists, i, j) over the pairs where i is the better; 0 if none is."""
    ordered = (differences(y) > 0).to(losses.dtype)
    return (losses * ordered).sum((-1, -2)) / ordered.sum((-1, -2)).clamp_min(1)


def _ndcg_loss(dcg: Tensor, gain: Tensor) -> Tensor:
    """Return 1 − NDCG (lists,); 0 where all gains are 0, as every order is then ideal."""
    ideal = ideal_dcg(gain)
    return (ideal - dcg) / safe(ideal)


def _vary(y: Tensor) -> Tensor:
    """Return whether a list's labels differ (lists,)."""
    return y.amax(-1) > y.amin(-1)


def parse_loss(text: str) -> Loss:
    """Return the loss of a name such as "lambdarank", or of a weighted sum such as "ranknet+0.1*lambdarank".

    A name may carry parameters of its own: "lambdarank@truncation=10@sigma=2". The loss takes scores, labels
    and, optionally, `grades`: see GRADED.

    Raises:
        UnknownNameError: An unknown loss or parameter; the closest names are given.
        InputError: A weight or a parameter that is no number.
    """
    terms: list[tuple[float, str, dict[str, float]]] = []
    for term in text.split("+"):
        weight, star, rest = term.rpartition("*")
        name, *pairs = rest.split("@")
        check_name("loss", name, LOSSES)
        known = set(getattr(LOSSES[name], "__kwdefaults__", None) or {}) - {"grades", "rank_by"}
        params = {}
        for pair in pairs:
            key, _, value = pair.partition("=")
            params[check_name(f"parameter of loss {name}", key, known)] = _number(value, text)
        terms.append((_number(weight, text) if star else 1.0, name, params))

    def total(scores: Tensor, y: Tensor, *, grades: Tensor | None = None) -> Tensor:
        value = torch.zeros(len(scores))
        for weight, name, params in terms:
            known = {"grades": grades} if name in GRADED else {}
            value = value + weight * LOSSES[name](scores, y, **known, **params)
        return value

    return total


def _number(text: str, whole: str) -> float:
    """Return a number, whole ones as int; InputError names the loss it stands in."""
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError as error:
        raise InputError(f"loss '{whole}': '{text}' is not a number") from error
