"""A user's table of candidates, in which the objectives of a campaign may be measured already or not yet."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Self

import pyarrow as pa

from benchmarks.custom import Custom
from benchmarks.target_choice import is_setting
from data.column import Column
from data.errors import InputError
from data.names import closest
from data.readers import read
from data.table import Table
from eval.campaign.objectives import Objective, is_cost

_ALIKE = 0.8  # likeness from which an objective is a misspelt cost of the table


class Candidates(Custom):
    """A table whose labels and directions are those of a campaign: nothing is guessed about them.

    Attributes:
        missing: Objectives that the file has no column for.
    """

    missing: tuple[str, ...] = ()

    @classmethod
    def read_for(cls, path: Path, objectives: Sequence[Objective]) -> Self:
        """Read a table, and add an empty column for each objective that it has no number for.

        Raises:
            TableError: The file cannot be read, or has no architectures.
        """
        found = read(path)
        arrow = found.table.arrow
        missing = tuple(each.name for each in objectives if each.name not in arrow.column_names)
        for objective in objectives:
            if objective.name in missing:
                arrow = arrow.append_column(objective.name, pa.nulls(len(arrow), pa.float64()))
            elif pa.types.is_null(arrow.schema.field(objective.name).type):
                at = arrow.column_names.index(objective.name)
                arrow = arrow.set_column(at, objective.name, pa.nulls(len(arrow), pa.float64()))
        table = cls(Table(arrow, found.table.columns), path, None, found.notices)
        return table.evolve(missing=missing)

    def check(self, objectives: Sequence[Objective]) -> None:
        """Check that an objective without a column is not a misspelt one.

        Candidates need not have a column for an objective, and may come with costs such as latency; but where
        something else is measured, or a cost is nearly of that name, a missing column is likely a mistake.

        Raises:
            InputError: It is likely one, or a column of an objective holds no numbers.
        """
        names = [each.name for each in objectives]
        labels = [
            column.name
            for column in self._columns.values()
            if column.kind == "label" and column.name not in names and not is_setting(column.name)
        ]
        for name in names:
            self.table.values(name)
            others = [
                each for each in labels if not is_cost(each) or get_close_matches(name, [each], cutoff=_ALIKE)
            ]
            if name in self.missing and others:
                near = closest(name, others)
                hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(others)}"
                raise InputError(
                    f"the table has no column '{name}' ({hint}); if '{name}' is not measured yet, give the "
                    "table an empty column of that name"
                )

    def _choose_target(self, labels: Sequence[Column]) -> tuple[str, list[str]]:
        """Return no default target, and no notice: the objectives were named."""
        del labels
        return "", []

    def _direction_notices(self) -> list[str]:
        """Return nothing: the objectives have directions."""
        return []
