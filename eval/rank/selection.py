"""Which of the ranked candidates to train: under constraints, apart from each other, within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.encode import path_statistics
from data.errors import InputError
from data.graphs import Graphs
from data.names import check_name
from eval.choose.constraints import Constraint, parse_constraints
from eval.choose.diverse import spread

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Wanted", "choose", "parse_constraints"]


@dataclass(frozen=True)
class Wanted:
    """What a selection must keep to.

    Attributes:
        top: Candidates to choose.
        diverse: Whether near twins are left out.
        constraints: What each candidate must fulfil.
        budget: Sum of the costs, at most; None for no limit.
        cost: Column with the cost of a candidate; "" for none.
    """

    top: int = 20
    diverse: bool = False
    constraints: Sequence[Constraint] = ()
    budget: float | None = None
    cost: str = ""

    def __post_init__(self) -> None:
        """Refuse a budget without a cost, a cost without a budget, and an empty budget."""
        if (self.budget is None) != (not self.cost):
            raise InputError("a budget needs the column of costs, and a column of costs needs a budget")
        if self.budget is not None and not self.budget > 0:
            raise InputError(f"the budget must be above 0, not {self.budget}")

    @property
    def columns(self) -> list[str]:
        """Columns that it refers to."""
        names = [constraint.column for constraint in self.constraints]
        return list(dict.fromkeys([*names, *([self.cost] if self.cost else [])]))


def choose(ranked: pd.DataFrame, graphs: Graphs, wanted: Wanted) -> tuple[np.ndarray, list[str]]:
    """Return positions of the chosen candidates, best first, and what a reader has to know.

    Candidates with a known label are never chosen: there is nothing to learn from them.

    Args:
        ranked: Candidates, best first, with a column `trained`.
        graphs: The candidates, in the same order.
        wanted: What to keep to.

    Raises:
        UnknownNameError: A constraint or the cost names no column.
        InputError: No candidate keeps to the constraints, or costs are no positive numbers.
    """
    able = ~ranked["trained"].to_numpy(bool)
    able, notes = _keep_constraints(ranked, able, wanted.constraints)
    places = np.flatnonzero(able)
    costs = None
    if wanted.budget is not None:
        costs, places, more = _get_costs(ranked, places, wanted.cost)
        notes += more
    if not len(places):
        raise InputError("no candidate is left to choose from")
    if wanted.diverse:
        size = wanted.top
        if costs is not None and wanted.budget is not None:
            # What is too costly for the rest of the budget takes a place too, hence some more.
            size += int(min(5 * (wanted.budget // costs[places].min()), len(places)))
        places, more = _spread(graphs, places, min(size, len(places)), wanted.top)
        notes += more
    if costs is None or wanted.budget is None:
        if wanted.top >= len(places) and not wanted.diverse:
            notes.append(f"all {len(places):,} candidates are chosen; a smaller top chooses among them")
        return places[: wanted.top], notes
    chosen, spent = [], 0.0
    for place in places:
        if spent + costs[place] <= wanted.budget:
            chosen.append(place)
            spent += costs[place]
    if not chosen:
        cheapest = min(costs[place] for place in places)
        raise InputError(f"the budget {wanted.budget:g} buys no candidate: the cheapest costs {cheapest:g}")
    notes.append(f"{len(chosen):,} candidates cost {spent:.6g} of {wanted.budget:.6g} ({wanted.cost})")
    return np.array(chosen), notes


def _spread(graphs: Graphs, places: np.ndarray, size: int, top: int) -> tuple[np.ndarray, list[str]]:
    """Return up to `size` places, best first, no two near twins, and a note if there are fewer than `top`."""
    some = graphs.take(places)
    utilities = -np.arange(len(places), dtype=float)
    features = path_statistics(some.effective())
    apart = places[spread(utilities, some.canonical_hash(), features, size, strict=True)]
    if len(apart) >= min(top, len(places)):
        return apart, []
    return apart, [f"only {len(apart):,} candidates are apart: each other one is a near twin of one of them"]


def _keep_constraints(
    ranked: pd.DataFrame, able: np.ndarray, constraints: Sequence[Constraint]
) -> tuple[np.ndarray, list[str]]:
    notes = []
    for constraint in constraints:
        values = _get_column(ranked, constraint.column, f"constraint '{constraint}'")
        holds = constraint.holds(values)
        missing = int((ranked[constraint.column].isna().to_numpy() & able).sum())
        text = f"{int((able & holds).sum()):,} of {int(able.sum()):,} candidates keep to {constraint}"
        notes.append(
            text + (f"; {missing:,} have no {constraint.column} and are left out" if missing else "")
        )
        able = able & holds
        if not able.any():
            raise InputError(f"no candidate keeps to {constraint}")
    return able, notes


def _get_costs(
    ranked: pd.DataFrame, places: np.ndarray, column: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the costs (m,), the places that have one, and a note on those that have none."""
    try:
        costs = np.asarray(_get_column(ranked, column, "cost"), float)
    except (TypeError, ValueError):
        raise InputError(f"the cost '{column}' is no column of numbers") from None
    if len(wrong := places[costs[places] <= 0]):
        first = ranked["name"].iloc[wrong[0]]
        raise InputError(
            f"the cost '{column}' must be above 0 for every candidate; it is {costs[wrong[0]]:g} for {first}"
        )
    known = places[np.isfinite(costs[places])]
    left = len(places) - len(known)
    return costs, known, [f"{left:,} candidates have no {column} and are left out"] if left else []


def _get_column(ranked: pd.DataFrame, name: str, what: str) -> np.ndarray:
    check_name(f"column of the candidates ({what})", name, [str(column) for column in ranked.columns])
    return ranked[name].to_numpy()
