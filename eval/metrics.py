"""How well scores rank architectures: one function per metric, and the registry that finds it by name.

Higher is better in labels and scores. Tied scores never favour anyone: each metric returns its exact
expected value over uniformly random orders of the tied items, so constant scores give its chance level.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from data.errors import AcerankError, InputError
from data.names import check_name
from eval.ranking import Floats, Ints, Pairing, Ranking, Truth

F = TypeVar("F", bound=Callable[..., float])

DEFAULT_METRICS = (
    "ndcg@10",
    "ndcg@30",
    "ndcg@100",
    "kendall_tau",
    "spearman",
    "weighted_tau",
    "precision@10",
    "precision_top@5",
    "regret@1",
    "regret@10",
    "best_rank@10",
)
_TOPS = (10, 5, 3)  # tried in this order in place of the default's 10
_ITEMS_PER_TOP = {10: 30, 5: 10, 3: 6}  # fewest test items
_PERCENTAGES = (5, 10, 20)
_LEAST_TOP = 5  # items that a top percentage must hold


@dataclass(frozen=True)
class Metric:
    """A metric and what is known about it.

    Attributes:
        name: "kendall_tau", "ndcg@k" for a family, "ndcg@10" for a member of it.
        direction: +1 if higher is better, -1 if lower is better.
        range: Lowest and highest possible value.
        unit: "" for a pure number, else what it counts in.
        source: The paper that defines it.
        description: One line.
        function: What computes it: (pairing) or, in a family, (pairing, k).
        parameter: "k" (items), "p" (percent of the items) or "".
        argument: The value of the parameter; None for a family and where there is no parameter.
        whole_order: Whether all pairs of items count alike, wherever they are in the order.
    """

    name: str
    direction: int
    range: tuple[float, float]
    unit: str
    source: str
    description: str
    function: Callable[..., float]
    parameter: str = ""
    argument: float | None = None
    whole_order: bool = False

    def __call__(self, y: ArrayLike | Truth, scores: ArrayLike) -> float:
        """Return the metric of (n,) scores against (n,) true values.

        Raises:
            InputError: the vectors are not finite, not of one length, or have fewer than k items.
        """
        return self.of(_pairing(y, scores))

    def of(self, pairing: Pairing) -> float:
        """Return the metric of a pairing, which keeps what other metrics can use again."""
        if not self.parameter:
            return float(self.function(pairing))
        return float(self.function(pairing, self.depth(pairing.n)))

    def chance(self, y: ArrayLike | Truth) -> float:
        """Return the expected value of a uniformly random order of the (n,) true values."""
        truth = y if isinstance(y, Truth) else Truth(y)
        return self.of(Pairing(truth, Ranking(np.zeros(truth.n))))

    def depth(self, n: int) -> int:
        """Return how many of n items count as the top.

        Raises:
            InputError: the metric is a family without its k, or k > n.
        """
        if self.argument is None:
            example = self.name.replace(f"@{self.parameter}", "@10")
            raise InputError(
                f"{self.name} is a family; give it a value for {self.parameter}, as in {example}"
            )
        if self.parameter == "p":
            return max(1, math.ceil(Fraction(str(self.argument)) * n / 100))
        if self.argument > n:
            raise InputError(f"{self.name} needs k <= n; k is {self.argument}, and there are n = {n} items")
        return int(self.argument)

    @property
    def min_items(self) -> int:
        """The fewest items the metric is defined on."""
        return int(self.argument) if self.parameter == "k" and self.argument else 1

    def at(self, text: str) -> Metric:
        """Return the member of this family whose parameter is `text`, written without superfluous digits.

        Raises:
            InputError: `text` is not a whole k >= 1, or not a percentage in (0, 100].
        """
        family = self.name
        if self.parameter == "k":
            if not re.fullmatch(r"[1-9][0-9]*", text):
                raise InputError(f"{family} needs a whole number k >= 1; k is '{text}'")
            return replace(self, name=f"{family[:-1]}{text}", argument=int(text))
        if not re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?", text) or not 0 < float(text) <= 100:
            raise InputError(f"{family} needs a percentage 0 < p <= 100 such as 5 or 0.5; p is '{text}'")
        return replace(self, name=f"{family[:-1]}{text}", argument=float(text))


class Registry(Mapping[str, Metric]):
    """Every metric by name: iterates over the families, and resolves any member ("ndcg@37")."""

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}

    def add(self, metric: Metric) -> None:
        """Add a metric or a family of metrics."""
        self._families[metric.name] = metric

    def __getitem__(self, name: str) -> Metric:
        """Return the metric of that name.

        Raises:
            UnknownNameError: no such metric; the message offers the closest ones.
            InputError: the family exists, its k or p is malformed.
        """
        if name not in self._families:
            stem, at, text = name.partition("@")
            for family in self._families.values():
                if at and family.parameter and family.name == f"{stem}@{family.parameter}":
                    return family.at(text)
        return self._families[check_name("metric", name, self._families)]

    def __contains__(self, name: object) -> bool:
        try:
            return isinstance(name, str) and bool(self[name])
        except AcerankError:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(self._families)

    def __len__(self) -> int:
        return len(self._families)


METRICS = Registry()


def metric(
    direction: int, range: tuple[float, float], source: str, unit: str = "", *, whole_order: bool = False
) -> Callable[[F], F]:
    """Register a function as a metric: ndcg_at_k becomes the family "ndcg@k", kendall_tau keeps its name.

    Args:
        direction: +1 if higher is better, -1 if lower is better.
        range: Lowest and highest possible value.
        source: The paper that defines it.
        unit: "" for a pure number, else what it counts in.
        whole_order: Whether all pairs of items count alike, wherever they are in the order.

    Returns:
        The decorator; the function's first docstring line becomes the description.
    """

    def register(function: F) -> F:
        name, _, parameter = function.__name__.partition("_at_")
        description = (function.__doc__ or "").partition("\n")[0]
        name = f"{name}@{parameter}" if parameter else name
        METRICS.add(
            Metric(
                name,
                direction,
                range,
                unit,
                source,
                description,
                function,
                parameter,
                whole_order=whole_order,
            )
        )
        return function

    return register


def default_metrics(n_test: int) -> list[str]:
    """Return the metrics that fit a number of test items: DEFAULT_METRICS, as far as they say something.

    A top k is kept where there are three times as many items, a top percentage where it holds five items. In
    their place small tests get a shorter top, and a wider percentage.

    Args:
        n_test: Test items of a repeat, at least one.

    Raises:
        InputError: fewer than one item.
    """
    if n_test < 1:
        raise InputError(f"metrics need at least one test architecture; there are {n_test}")
    top = next((k for k in _TOPS if n_test >= _ITEMS_PER_TOP[k]), 1)
    percent = next((p for p in _PERCENTAGES if math.ceil(Fraction(p * n_test, 100)) >= _LEAST_TOP), None)
    fitting: list[str] = []
    for name in DEFAULT_METRICS:
        family, _, text = name.partition("@")
        if family == "precision_top":
            fitting += [] if percent is None else [f"{family}@{percent}"]
        elif text == "10":
            fitting.append(f"{family}@{top}")
        elif not text or text == "1" or 3 * int(text) <= n_test:
            fitting.append(name)
    return list(dict.fromkeys(fitting))


def evaluate(names: Iterable[str], y: ArrayLike | Truth, scores: ArrayLike) -> dict[str, float]:
    """Evaluate several metrics, sorting only once.

    Args:
        names: Metric names, such as DEFAULT_METRICS.
        y: (n,) true values, or a Truth that is kept for the next scores of the same items.
        scores: (n,) predicted scores.

    Returns:
        The value of each metric by its name.

    Raises:
        UnknownNameError: no such metric.
        InputError: the vectors are not finite, not of one length, or have fewer than k items.
    """
    chosen = [METRICS[name] for name in names]
    pairing = _pairing(y, scores)
    return {each.name: each.of(pairing) for each in chosen}


def _pairing(y: ArrayLike | Truth, scores: ArrayLike) -> Pairing:
    return Pairing(y if isinstance(y, Truth) else Truth(y), Ranking(scores))


def _dot(a: Floats, b: Floats | Ints) -> float:
    """Sum the products in one fixed order; BLAS's order, and last digit, depend on its number of threads."""
    return float(np.sum(a * b))


@metric(+1, (0.0, 1.0), "AceNAS, arXiv 2108.03001; expectation over ties: McSherry & Najork, ECIR 2008")
def ndcg_at_k(pair: Pairing, k: int) -> float:
    """Discounted exponential gain of the predicted top k, relative to the best order."""
    return _ndcg(pair, k, lambda relevance: np.exp2(relevance) - 1.0)


@metric(+1, (0.0, 1.0), "Järvelin & Kekäläinen, ACM TOIS 2002, with the relevance of arXiv 2108.03001")
def ndcg_linear_at_k(pair: Pairing, k: int) -> float:
    """Discounted linear gain of the predicted top k, relative to the best order."""
    return _ndcg(pair, k, lambda relevance: relevance)


@metric(+1, (0.0, 1.0), "VKDNW, Týbl & Neumann, CVPR 2025, arXiv 2502.04975 (nDCG, k = 1,000)")
def ndcg_pow_at_k(pair: Pairing, k: int) -> float:
    """Discounted gain 2^y - 1 of the predicted top k, relative to the best order; y in percent.

    Values below 0, which the definition leaves out, gain nothing.
    """
    y = np.maximum(pair.truth.values, 0.0)
    top = float(y.max())
    # (2^y - 1) / 2^top: labels that are no percentages do not overflow, and gains near 0 keep their digits.
    return _ndcg(pair, k, lambda values: np.exp2(values - top) * -np.expm1(-math.log(2) * values), y)


def _ndcg(pair: Pairing, k: int, gain: Callable[[Floats], Floats], relevance: Floats | None = None) -> float:
    relevance = pair.truth.relevance if relevance is None else relevance
    found, ideal = (_dcg(side, relevance, gain, k) for side in (pair.scores, pair.truth))
    return min(1.0, found / ideal) if ideal > 0 else 1.0


def _dcg(side: Ranking, relevance: Floats, gain: Callable[[Floats], Floats], k: int) -> float:
    """Give each position of a tie group the mean gain of the group."""
    bounds = side.bounds_to(k)
    starts, sizes = bounds[:-1], np.diff(bounds)
    gains = np.add.reduceat(gain(relevance[side.order[: bounds[-1]]]), starts) / sizes
    discounts = np.add.reduceat(1.0 / np.log2(np.arange(2.0, k + 2)), starts)
    return _dot(gains, discounts)


@metric(+1, (-1.0, 1.0), "Kendall, Biometrika 1945 (tau-b)", whole_order=True)
def kendall_tau(pair: Pairing) -> float:
    """Concordant minus discordant pairs over the geometric mean of the untied pairs; 0 if all are tied."""
    pairs = pair.truth.untied_pairs * pair.scores.untied_pairs
    return pair.concordance / math.sqrt(pairs) if pairs else 0.0


@metric(+1, (-1.0, 1.0), "Spearman, American Journal of Psychology 1904", whole_order=True)
def spearman(pair: Pairing) -> float:
    """Linear correlation of the average ranks; 0 if all are tied."""
    a, b = pair.truth.centred, pair.scores.centred
    return _cosine(_dot(a, b), _dot(a, a), _dot(b, b))


@metric(+1, (-1.0, 1.0), "Vigna, WWW 2015, arXiv 1404.3325 (additive hyperbolic)")
def weighted_tau(pair: Pairing) -> float:
    """Kendall tau where a pair weighs the sum of 1 / true rank of its two items; 0 if all are tied."""
    weights, n = pair.truth.weights, pair.n
    truth, scores = (_dot(weights, n - side.tied) for side in (pair.truth, pair.scores))
    return _cosine(_dot(weights, pair.agreement), truth, scores)


def _cosine(product: float, a: float, b: float) -> float:
    return max(-1.0, min(1.0, product / math.sqrt(a * b))) if a > 0 and b > 0 else 0.0


@metric(+1, (0.0, 1.0), "GATES, arXiv 2004.01899 (Precision@K)")
def precision_at_k(pair: Pairing, k: int) -> float:
    """Share of the predicted top k that is among the true top k."""
    return min(1.0, _dot(pair.scores.inclusion(k), pair.truth.inclusion(k)) / k)


@metric(+1, (0.0, 1.0), "Ning et al., NeurIPS 2021, arXiv 2008.03064 (P@topK)")
def precision_top_at_p(pair: Pairing, k: int) -> float:
    """Share of the predicted top p percent that is among the true top p percent."""
    return precision_at_k(pair, k)


@metric(-1, (0.0, math.inf), "simple regret, Bubeck et al., arXiv 0802.2655", unit="points of the target")
def regret_at_k(pair: Pairing, k: int) -> float:
    """Best true value of all minus the best among the predicted top k."""
    group, probability = _best_of_top(pair, k)
    truth = pair.truth
    levels = truth.values[truth.order[truth.bounds[:-1]]]
    return _dot(probability, levels[0] - levels[group])


@metric(-1, (1.0, math.inf), "GATES, arXiv 2004.01899 (N@K)", unit="rank")
def best_rank_at_k(pair: Pairing, k: int) -> float:
    """True rank (1 = best) of the best architecture among the predicted top k."""
    group, probability = _best_of_top(pair, k)
    return 1.0 + _dot(probability, pair.truth.bounds[group])


def _best_of_top(pair: Pairing, k: int) -> tuple[Ints, Floats]:
    """Return the distribution of the best true tie group among the predicted top k.

    The items above the boundary group are in the top for certain; of the g items in it, r random ones are.
    With these g sorted best first, the best drawn is number j if j is drawn and none of the j before it:
    r / (g - j) times the product over t < j of (g - r - t) / (g - t).

    Returns:
        Groups (m,) and their probabilities (m,), which sum to 1.
    """
    start, end = (int(edge) for edge in pair.scores.bounds_to(k)[-2:])
    group, order = pair.truth.group, pair.scores.order
    g, r = end - start, k - start
    drawn = np.sort(group[order[start:end]])[: g - r + 1]
    if start:
        drawn = np.minimum(drawn, group[order[:start]].min())
    left = np.arange(g, r - 1, -1.0)
    none_before = np.concatenate(([1.0], np.cumprod((left[:-1] - r) / left[:-1])))
    return drawn, none_before * (r / left)
