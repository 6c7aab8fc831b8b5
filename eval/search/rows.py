"""The rows of searches: one for each repeat and query, computed from what was queried."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.search.fronts import Fronts
from eval.search.loop import Searched, Trace
from eval.search.trials import SearchTrial

SCHEMA = 3
Row = dict[str, Any]


def build_rows(trial: SearchTrial, searched: Searched) -> list[Row]:
    """Return one row for each repeat and query of a trial.

    `best_row` is the network that the label picks among those queried so far, `regret` how far its target is
    from the table's best, `better` how many of the `n_table` architectures have a better target, `cost` the
    training of all of them. Labels and targets are in the table's unit;
    `direction` says whether a larger (1) or smaller (-1) target is better. Under constraints only networks
    that fulfil them are picked, and the table's best is the best of these; `best_row` is -1, with the worst
    of these as the pick, until one was queried. With costs, `eval.search.fronts` adds its own.
    """
    rows: list[Row] = []
    common, values = _describe(trial, searched), _Values(trial)
    for repeat, trace in zip(trial.trial.repeats, searched.traces, strict=True):
        own = _trace_rows(trace, values, common | {"repeat": repeat, "seed": common["seed"] + repeat})
        if values.fronts:
            own = [row | more for row, more in zip(own, values.fronts.get_rows(trace.rows), strict=True)]
        rows += own
    return rows


class _Values:
    """What the rows of a trial take from its table, each (n,)."""

    def __init__(self, trial: SearchTrial) -> None:
        task = trial.trial.task
        bench = task.bench
        self.labels, self.truth = task.training_labels, task.truth
        self.label_sign, self.target_sign = (
            bench.label_column(task.dataset, name).direction for name in (task.label, task.target)
        )
        self.cost = bench.table.values(trial.cost) if trial.cost else np.ones(len(bench))
        self.names = bench.row_names
        self.feasible = trial.goals.get_feasible(len(bench))
        self.fronts = Fronts(task, trial.goals) if trial.goals.objectives else None
        answers = np.flatnonzero(np.isfinite(task.truth) & np.isfinite(self.labels) & self.feasible)
        self.worst = int(answers[np.argmin(task.truth[answers])])
        self.sorted_truth = np.sort(task.truth[np.isfinite(task.truth) & self.feasible])
        self.most = float(self.sorted_truth[-1])

    def count_better(self, row: int) -> int:
        """Return how many architectures have a better target than the one of a row."""
        return len(self.sorted_truth) - int(np.searchsorted(self.sorted_truth, self.truth[row], "right"))


def _describe(trial: SearchTrial, searched: Searched) -> Row:
    """Return what all rows of a trial share."""
    task, entry, bench = trial.trial.task, trial.trial.entry, trial.trial.task.bench
    target = bench.label_column(task.dataset, task.target)
    return {
        "schema": SCHEMA,
        "trial": trial.id,
        "bench": bench.info.key,
        "title": bench.info.title,
        "size_note": bench.size_note,
        "stands_in_for": bench.stands_in_for,
        "table_hash": bench.content_hash,
        "dataset": task.dataset,
        "target": task.target,
        "target_unit": target.unit,
        "direction": target.direction,
        "label": task.label,
        "strategy": trial.asked.title,
        "predictor": entry.name,
        "budget": task.train_size,
        "final_top": trial.schedule.final_top,
        "seed": task.seed,
        "weak": list(entry.weak),
        "weak_hash": searched.weak_hash,
        "pretrain_seconds": searched.pretrain_seconds,
        "cost_unit": "s" if trial.cost else "trainings",
    }


def _trace_rows(trace: Trace, values: _Values, common: Row) -> list[Row]:
    labels, truth = values.labels, values.truth
    rows: list[Row] = []
    picked, best, spent = -1, values.worst, 0.0
    for query, row in enumerate(trace.rows.tolist()):
        if values.feasible[row] and (picked < 0 or labels[row] > labels[best]):
            picked = best = row
        spent += float(values.cost[row])
        rows.append(
            {
                **common,
                "round": int(trace.rounds[query]),
                "query": query + 1,
                "row": row,
                "name": values.names[row],
                "label_value": values.label_sign * float(labels[row]),
                "target_value": values.target_sign * float(truth[row]),
                "best_row": picked,
                "best_name": values.names[picked] if picked >= 0 else "",
                "best_label_value": values.label_sign * float(labels[best]),
                "best_by_label_target": values.target_sign * float(truth[best]),
                "regret": values.most - float(truth[best]),
                "better": values.count_better(best),
                "n_table": len(values.sorted_truth),
                "labels_seen": query + 1,
                "cost": spent,
                "seconds": float(trace.seconds[query]),
            }
        )
    return rows
