"""What a search wants besides accuracy: costs to trade it against, and constraints to keep to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.base import Benchmark
from data.errors import InputError
from data.names import check_name
from data.table import Column
from eval.choose.constraints import Constraint, parse_constraints
from eval.choose.pareto import non_dominated
from eval.task import Task, hash_arrays

_SIGNS = {"min": -1, "max": 1}
COSTS = ("known", "measured")


@dataclass(frozen=True)
class Objective:
    """A column to optimise in addition to the target.

    Attributes:
        column: Name of the column.
        direction: 1 where larger is better, -1 where smaller is.
    """

    column: str
    direction: int

    def __str__(self) -> str:
        """Return the objective as it is written."""
        return f"{self.column}:{'max' if self.direction > 0 else 'min'}"


def parse_objectives(texts: str | Sequence[str]) -> tuple[Objective, ...]:
    """Return the objectives that texts like "latency:min" state.

    Raises:
        InputError: One has no direction, or a column is listed twice.
    """
    found = []
    for text in [texts] if isinstance(texts, str) else texts:
        column, colon, way = str(text).rpartition(":")
        if not (column and colon) or way not in _SIGNS:
            name = column or text
            raise InputError(
                f"objective '{text}' needs a direction: {name}:min if smaller is better, or {name}:max"
            )
        found.append(Objective(column, _SIGNS[way]))
    columns = [each.column for each in found]
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise InputError(f"objective listed twice: {', '.join(twice)}")
    return tuple(found)


@dataclass(frozen=True)
class Wanted:
    """What a user asks for, not yet looked up in a table.

    Attributes:
        objectives: Columns to optimise in addition to the target.
        constraints: What a network must fulfil to be an answer.
        measured: Whether these columns are only known for networks that were queried.
    """

    objectives: tuple[Objective, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    measured: bool = False

    @classmethod
    def parse(cls, objectives: str | Sequence[str], constraints: str | Sequence[str], costs: str) -> Wanted:
        """Return what texts ask for.

        Raises:
            InputError: A text is not of its form, or `costs` would have no effect.
            UnknownNameError: `costs` is neither known nor measured.
        """
        check_name("way in which costs are known", costs, COSTS)
        made = cls(parse_objectives(objectives), tuple(parse_constraints(constraints)), costs == "measured")
        if made.measured and not made.columns:
            raise InputError("measured costs would have no effect: there is neither objective nor constraint")
        return made

    @property
    def columns(self) -> list[str]:
        """Columns that it refers to."""
        names = [each.column for each in (*self.objectives, *self.constraints)]
        return list(dict.fromkeys(names))

    def resolve(self, task: Task, *, twins: bool = False) -> Goals:
        """Look everything up in the table of a task.

        Args:
            task: The task.
            twins: Whether each string counts as a network of its own. If not, and costs are known, what
                costs more than a twin of it takes no part: nobody would build it.

        Raises:
            UnknownNameError: There is no such column.
            InputError: A column is a label of the task or an accuracy of a training that costs are meant to
                be known without, or no network fulfils the constraints.
        """
        bench = task.bench
        columns = {name: _find_column(name, task, measured=self.measured) for name in self.columns}
        n = len(bench)
        values = np.empty((n, len(self.objectives)))
        for place, each in enumerate(self.objectives):
            values[:, place] = each.direction * _get_numbers(bench, each.column, columns[each.column])
        feasible = np.asarray(np.isfinite(values).all(1))
        if not feasible.any():
            raise InputError(f"no network has a value of {', '.join(map(str, self.objectives))}")
        known = np.isfinite(task.truth) & np.isfinite(task.training_labels)
        counts = []
        for each in self.constraints:
            holds = each.holds(_get_any(bench, each.column, columns[each.column]))
            feasible = feasible & holds
            counts.append(int((holds & known).sum()))
        if not (feasible & known).any():
            asked = " and ".join(map(str, self.constraints)) or "the objectives"
            raise InputError(
                f"no network of {bench.info.key} keeps to {asked}{self._describe_ranges(bench, columns)}"
            )
        costlier = np.zeros(n, bool)
        if self.objectives and not self.measured and not twins:
            costlier = find_costlier_twins(values, bench.classes, feasible & known)
        units = tuple(_get_unit(columns[each.column]) for each in self.objectives)
        return Goals(
            self.objectives,
            self.constraints,
            self.measured,
            values,
            feasible & ~costlier,
            units,
            tuple(counts),
            int(costlier.sum()),
        )

    def _describe_ranges(self, bench: Benchmark, columns: dict[str, Column | None]) -> str:
        """Return the range of each constrained column of numbers."""
        parts = []
        for name in dict.fromkeys(c.column for c in self.constraints if isinstance(c.value, float)):
            values = _get_numbers(bench, name, columns[name])
            parts.append(f"{name} goes from {np.nanmin(values):.6g} to {np.nanmax(values):.6g}")
        return f"; {', '.join(parts)}" if parts else ""


NOTHING = Wanted()


@dataclass(frozen=True, eq=False)
class Goals:
    """Costs and constraints, looked up in the table of a task.

    Attributes:
        objectives: Columns to optimise in addition to the target.
        constraints: What a network must fulfil to be an answer.
        measured: Whether both are only known for networks that were queried.
        costs: (n, d) values of the objectives, higher is better, NaN where missing.
        feasible: (n,) which networks have all of them and fulfil the constraints.
        units: Unit of each objective.
        counts: Labelled rows that fulfil each constraint.
        costlier: Rows that are not feasible because a twin costs less.
    """

    objectives: tuple[Objective, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    measured: bool = False
    costs: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    feasible: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    units: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    costlier: int = 0

    def __bool__(self) -> bool:
        """Return whether anything is asked for besides the target."""
        return bool(self.objectives or self.constraints)

    @property
    def signs(self) -> np.ndarray:
        """(d,) 1 or -1: what `costs` are multiplied by to be in the table's direction."""
        return np.array([each.direction for each in self.objectives], float)

    def get_feasible(self, n: int) -> np.ndarray:
        """Return (n,) which networks may be an answer; all of them if nothing is asked for."""
        return self.feasible if self else np.ones(n, bool)

    @cached_property
    def content(self) -> dict[str, Any]:
        """Everything about the goals that shapes a search; empty if nothing is asked for."""
        if not self:
            return {}
        return {
            "objectives": [str(each) for each in self.objectives],
            "measured": self.measured,
            "costs": hash_arrays(self.costs),
            "feasible": hash_arrays(self.feasible),
        }

    def __str__(self) -> str:
        """Return what is asked for as it is written, "" for nothing."""
        parts = [*map(str, self.objectives), *map(str, self.constraints)]
        return ", ".join(parts) + (" (measured)" if self.measured else "")


NO_GOALS = Goals()


def find_costlier_twins(costs: np.ndarray, networks: np.ndarray, able: np.ndarray) -> np.ndarray:
    """Return (n,) which architectures another of the same network beats in costs (n, d), higher being better.

    Args:
        costs: Costs.
        networks: (n,) integers, equal for architectures that are one network.
        able: (n,) which architectures take part; the others are neither beaten nor beat any.
    """
    found = np.zeros(len(costs), bool)
    rows = np.flatnonzero(able)
    rows = rows[np.argsort(networks[rows], kind="stable")]
    for twins in np.split(rows, np.flatnonzero(np.diff(networks[rows])) + 1):
        if len(twins) > 1:
            found[twins] = ~non_dominated(costs[twins])
    return found


def _find_column(name: str, task: Task, *, measured: bool) -> Column | None:
    """Return the description of a column, None for one without.

    Raises:
        UnknownNameError: There is no such column.
        InputError: It is a label of the task, or one that only a training tells.
    """
    bench = task.bench
    labels = [bench.label_column(task.dataset, label) for label in dict.fromkeys((task.label, task.target))]
    own = {each for column in labels for each in (column.name, column.target, *column.seeds)}
    if name in own:
        raise InputError(
            f"'{name}' is what the search looks for already; an objective or constraint names another column"
        )
    check_name("column", name, bench.table.names)
    column = next((each for each in bench.described if each.name == name), None)
    if column is not None and column.kind == "label" and column.unit == "%" and not measured:
        raise InputError(
            f"'{name}' is a label, known only for networks that were trained: costs must be measured"
        )
    return column


def _get_numbers(bench: Benchmark, name: str, column: Column | None) -> np.ndarray:
    """Return the numbers (n,) of a column in the table's direction, NaN where missing."""
    if column is None:
        return bench.table.values(name)
    values = bench.weak(name) if column.kind == "weak" else bench.target(column.dataset, column.target)
    return column.direction * values


def _get_any(bench: Benchmark, name: str, column: Column | None) -> np.ndarray:
    """Return the numbers or texts (n,) of a column."""
    kind = bench.table.column(name).type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return np.array(bench.table.column(name).to_pylist(), object)
    return _get_numbers(bench, name, column)


def _get_unit(column: Column | None) -> str:
    return "" if column is None else column.unit
