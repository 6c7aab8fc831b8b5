"""What the metrics share: sorted views with their ties, and who agrees with whom, each computed once."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from data.errors import InputError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_WIDEST_DIGIT = 127  # counts within one digit stay below it, so they fit in one signed byte


def finite_vector(values: ArrayLike, what: str) -> Floats:
    """Return `values` as floats; they must be a non-empty vector of finite numbers.

    Args:
        values: (n,) numbers.
        what: What the vector holds ("labels", "scores"), for the message.

    Raises:
        InputError: wrong shape, no items, not numbers, or NaN or infinite entries (how many, and the first).
    """
    given = np.asarray(values)
    if given.ndim != 1 or given.size == 0:
        raise InputError(f"{what} must be a vector of at least one item; the shape is {given.shape}")
    if given.dtype.kind not in "biuf":
        raise InputError(f"{what} must be numbers; the type is {given.dtype}")
    vector = given.astype(np.float64, copy=False)
    finite = np.isfinite(vector)
    if not finite.all():
        bad = np.flatnonzero(~finite)
        raise InputError(
            f"{what} must be finite; {bad.size} of {vector.size} are NaN or infinite, "
            f"the first at index {bad[0]} ({vector[bad[0]]})"
        )
    return vector


def _bounds(sorted_values: NDArray) -> Ints:
    """Return where each run of equal entries starts, and at the end n: (runs + 1,)."""
    edge = np.ones(sorted_values.size + 1, bool)
    np.not_equal(sorted_values[1:], sorted_values[:-1], out=edge[1:-1])
    return np.flatnonzero(edge)


class Ranking:
    """A vector sorted best (highest) first, with its ties.

    A tie group is a maximal set of equal values; groups are numbered from 0, best first. The order inside a
    group has no meaning, and nothing computed from a ranking depends on it.

    Attributes:
        values: (n,) the finite numbers.
        n: How many there are.
    """

    def __init__(self, values: ArrayLike, what: str = "scores") -> None:
        self.values = finite_vector(values, what)
        self.n = self.values.size

    @cached_property
    def order(self) -> Ints:
        """(n,) item indices, best first."""
        return np.argsort(-self.values)

    @cached_property
    def bounds(self) -> Ints:
        """(groups + 1,) position in `order` where each tie group starts, and at the end n."""
        return _bounds(self.values[self.order])

    @cached_property
    def sizes(self) -> Ints:
        """(groups,) how many items each tie group has."""
        return np.diff(self.bounds)

    @property
    def has_ties(self) -> bool:
        """Whether any two values are equal."""
        return self.bounds.size <= self.n

    @cached_property
    def group(self) -> Ints:
        """(n,) the tie group of each item."""
        first = np.zeros(self.n, np.int64)
        first[self.bounds[1:-1]] = 1
        group = np.empty(self.n, np.int64)
        group[self.order] = np.cumsum(first, out=first)
        return group

    @cached_property
    def better(self) -> Ints:
        """(n,) how many items are strictly better than each item."""
        return self.bounds[self.group]

    @cached_property
    def tied(self) -> Ints:
        """(n,) how many items share each item's value, itself included."""
        return self.sizes[self.group]

    @cached_property
    def centred(self) -> Floats:
        """(n,) twice the average rank, shifted to mean 0."""
        return (2 * self.better + self.tied - self.n).astype(np.float64)

    @cached_property
    def untied_pairs(self) -> int:
        """How many ordered pairs of items have different values."""
        return self.n**2 - (int((self.sizes**2).sum()) if self.has_ties else self.n)

    def bounds_to(self, k: int) -> Ints:
        """Return the leading part of `bounds` that encloses the positions 0..k-1."""
        return self.bounds[: np.searchsorted(self.bounds, k) + 1]

    def inclusion(self, k: int) -> Floats:
        """Return (n,) the probability of each item to be in the top k when ties are broken at random."""
        return np.clip((k - self.better) / self.tied, 0.0, 1.0)


class Truth(Ranking):
    """The true values of a set of architectures; keep one to evaluate many predictors on the same set."""

    def __init__(self, y: ArrayLike) -> None:
        super().__init__(y, "labels")
        self.values = self.values.copy()  # kept for many predictors: the caller may reuse the memory
        low, high = float(self.values.min()), float(self.values.max())
        if not math.isfinite(high - low):
            raise InputError(f"labels must span less than the largest float; they go from {low} to {high}")

    @cached_property
    def relevance(self) -> Floats:
        """(n,) AceNAS's relevance, 0 at the 20 % quantile and below, 20 at the maximum, linear between.

        Where quantile and maximum coincide, the items at the maximum have 20 and the others 0.
        """
        top, floor = self.values.max(), np.quantile(self.values, 0.2)
        if top == floor:
            return np.where(self.values == top, 20.0, 0.0)
        return 20.0 * np.clip((self.values - floor).clip(min=0.0) / (top - floor), 0.0, 1.0)

    @cached_property
    def weights(self) -> Floats:
        """(n,) hyperbolic weights 1 / (position + 1), best first; ties share the mean of their positions."""
        hyperbolic = 1.0 / np.arange(1.0, self.n + 1)
        return (np.add.reduceat(hyperbolic, self.bounds[:-1]) / self.sizes)[self.group]


class Pairing:
    """True values and scores of the same items.

    Attributes:
        truth: The true values.
        scores: The ranking by score.
        n: How many items there are.
    """

    def __init__(self, truth: Truth, scores: Ranking) -> None:
        if truth.n != scores.n:
            raise InputError(f"labels and scores must have one length; {truth.n} labels, {scores.n} scores")
        self.truth, self.scores, self.n = truth, scores, truth.n

    @cached_property
    def _order(self) -> Ints:
        """(n,) item indices, best score first; of tied scores the worst in truth first."""
        if not self.scores.has_ties:
            return self.scores.order
        return np.argsort(self._key)

    @cached_property
    def _key(self) -> Ints:
        """(n,) what `_order` sorts by: one number for each pair of tie groups."""
        return (self.scores.group + 1) * (self.truth.bounds.size - 1) - 1 - self.truth.group

    @property
    def _tied_in_both(self) -> bool:
        """Whether two items can be tied in both rankings."""
        return self.scores.has_ties and self.truth.has_ties

    @cached_property
    def _joint_bounds(self) -> Ints:
        """Where each run of items that are tied in both rankings starts in `_order`, and at the end n."""
        return _bounds(self._key[self._order]) if self._tied_in_both else np.arange(self.n + 1)

    @cached_property
    def _rank(self) -> Ints:
        """(n,) along `_order`, the true rank from 0; of tied labels the later in `_order` ranks first."""
        groups = self.truth.group[self._order]
        if not self.truth.has_ties:
            return groups
        rank = np.empty(self.n, np.int64)
        packed = np.sort(groups * self.n + np.arange(self.n - 1, -1, -1))  # twice as fast as an argsort
        rank[self.n - 1 - packed % self.n] = np.arange(self.n)
        return rank

    @cached_property
    def _better_in_both(self) -> Ints:
        """(n,) along `_order`, how many items are strictly better both in truth and by score.

        The orders inside ties are chosen so that no tied item is both earlier and ranked smaller.
        """
        return earlier_smaller(self._rank)

    @cached_property
    def concordance(self) -> int:
        """Concordant minus discordant ordered pairs; a pair that is tied in either ranking is neither."""
        concordant = 2 * int(self._better_in_both.sum())
        tied_in_both = int((np.diff(self._joint_bounds) ** 2).sum()) if self._tied_in_both else self.n
        untied_in_both = self.truth.untied_pairs + self.scores.untied_pairs - self.n**2 + tied_in_both
        return 2 * concordant - untied_in_both

    @cached_property
    def agreement(self) -> Ints:
        """(n,) each item's share of `concordance`: its concordant minus its discordant pairs.

        How many items are better in both rankings, and the positions of the item in each, determine how many
        are better in one and worse in the other, and worse in both.
        """
        edges, rank = self._joint_bounds, self._rank
        first, last = (np.repeat(edge, np.diff(edges)) for edge in (edges[:-1], edges[1:]))
        agreement = np.empty(self.n, np.int64)
        agreement[self._order] = 4 * self._better_in_both - first - last - 2 * rank[first] + self.n - 2
        return agreement + self.truth.tied + self.scores.tied


def earlier_smaller(rank: Ints) -> Ints:
    """Count for each entry of a permutation the smaller entries before it.

    The entries are read as numbers of a few digits. From the first digit on, an entry is compared by this
    digit with the earlier ones that share all digits before; a stable sort by digit then brings the entries
    that share one more digit together.

    Args:
        rank: (n,) a permutation of 0..n-1.

    Returns:
        (n,) counts; their sum is the number of pairs in order. O(n log n).
    """
    digits, base = _digits(rank.size)
    entries = np.arange(base**digits, dtype=np.int32)  # the padding is large and last: nobody counts it
    entries[: rank.size] = rank
    place = np.arange(entries.size)
    counts = np.zeros(entries.size, np.int32)
    for step in range(digits):
        below = base ** (digits - step - 1)
        head = entries // below
        digit = (head % base).astype(np.int8)
        counts[place] += _smaller_digits_before(digit.reshape(-1, below, base)).ravel()
        if below > 1:
            narrow = head.astype(np.uint16) if base ** (step + 1) <= 2**16 else head  # 16 bits: radix sort
            sort = np.argsort(narrow, kind="stable")
            entries, place = entries[sort], place[sort]
    return counts[: rank.size].astype(np.int64)


def _digits(n: int) -> tuple[int, int]:
    """Return (digits, base) with base ** digits >= n, the fewest digits that the widest base allows."""
    digits = 1
    while _WIDEST_DIGIT**digits < n:
        digits += 1
    base = max(2, math.ceil(n ** (1 / digits)))
    return digits, base if base**digits >= n else base + 1


def _smaller_digits_before(digit: NDArray[np.int8]) -> NDArray[np.integer]:
    """Count for each digit the smaller digits before it in its segment.

    Args:
        digit: (segments, blocks, base) digits 0..base-1, in reading order.

    Returns:
        (segments, blocks, base) counts.
    """
    segments, blocks, base = digit.shape
    columns = np.ascontiguousarray(digit.reshape(-1, base).T)
    inside, smaller = np.zeros(columns.shape, np.int8), np.empty(columns.shape, bool)
    for i in range(1, base):
        np.less(columns[:i], columns[i], out=smaller[:i])
        np.add.reduce(smaller[:i].view(np.int8), axis=0, out=inside[i])
    inside = inside.T.reshape(digit.shape)
    if blocks == 1:
        return inside
    cell = np.arange(0, digit.size, base).reshape(segments, blocks, 1) + digit
    seen = np.bincount(cell.ravel(), minlength=digit.size).reshape(digit.shape)
    before = np.zeros(digit.shape, np.int32)  # [s, b, d]: digits below d in the blocks of s before b
    before[:, 1:, 1:] = seen[:, :-1, :-1]
    np.cumsum(before, axis=1, out=before)
    np.cumsum(before, axis=2, out=before)
    return before.ravel()[cell] + inside
