"""The rows of searches: one for each repeat and query, computed from what was queried."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.search.fronts import Fronts
from eval.search.loop import Searched, Trace
from eval.search.trials import SearchTrial

SCHEMA = 4
Row = dict[str, Any]


def build_rows(trial: SearchTrial, searched: Searched) -> list[Row]:
    """Return one row for each repeat and query of a trial.

    `best_row` is the network that the label picks among those trained in full so far, `regret` how far its
    target is from the table's best, `better` how many of the `n_table` architectures have a better target;
    they are None until a network was trained in full. Under constraints only networks that fulfil them are
    picked, and the table's best is the best of these; where a search may query others, `best_row` is -1,
    with the worst of these as the pick, until one was queried. `full_information` is the target of the
    network that the label picks when it is known of all. `share` is what the query costs in full trainings,
    `labels_seen` the full trainings that all queries so far cost, `cost` the same in the unit of times.
    Labels and targets are in the table's unit; `direction` says whether a larger (1) or smaller (-1) target
    is better. With objectives, `eval.search.fronts` adds its own.
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
        cost = bench.table.values(trial.cost) if trial.cost else np.ones(len(bench))
        self.fidelities = trial.fidelities
        self.costs = [
            bench.table.values(each.seconds) if trial.cost and each.seconds else each.share * cost
            for each in trial.fidelities
        ]
        self.costs.append(cost)
        self.names = bench.row_names
        self.feasible = trial.goals.get_feasible(len(bench))
        self.fronts = Fronts(task, trial.goals) if trial.goals.objectives else None
        answers = np.flatnonzero(np.isfinite(task.truth) & np.isfinite(self.labels) & self.feasible)
        self.fallback = int(answers[np.argmin(task.truth[answers])]) if trial.goals.measured else None
        self.full_information = self.target_sign * float(task.truth[answers[np.argmax(self.labels[answers])]])
        self.sorted_truth = np.sort(task.truth[np.isfinite(task.truth) & self.feasible])
        self.most = float(self.sorted_truth[-1])

    def describe_query(self, row: int, level: int) -> Row:
        """Return the label that a query of a level saw, and its share of a full training."""
        if level == len(self.fidelities):
            return {"share": 1.0, "label_value": self.label_sign * float(self.labels[row])}
        fidelity = self.fidelities[level]
        return {"share": fidelity.share, "label_value": self.label_sign * float(fidelity.values[row])}

    def describe_pick(self, picked: int | None) -> Row:
        """Return what is known of the network picked so far, if there is one."""
        best = self.fallback if picked is None else picked
        if best is None:
            names = ("row", "name", "label_value", "by_label_target")
            return {f"best_{name}": None for name in names} | {"regret": None, "better": None}
        return {
            "best_row": -1 if picked is None else picked,
            "best_name": "" if picked is None else self.names[picked],
            "best_label_value": self.label_sign * float(self.labels[best]),
            "best_by_label_target": self.target_sign * float(self.truth[best]),
            "regret": self.most - float(self.truth[best]),
            "better": self.count_better(best),
        }

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
    rows: list[Row] = []
    picked, seen, spent = None, 0.0, 0.0
    for query, (row, level) in enumerate(zip(trace.rows.tolist(), trace.levels.tolist(), strict=True)):
        able = level == len(values.fidelities) and values.feasible[row]
        if able and (picked is None or values.labels[row] > values.labels[picked]):
            picked = row
        queried = values.describe_query(row, level)
        seen += queried["share"]
        spent += float(values.costs[level][row])
        rows.append(
            {
                **common,
                "round": int(trace.rounds[query]),
                "query": query + 1,
                "queries": len(trace.rows),
                "row": row,
                "name": values.names[row],
                **queried,
                "target_value": values.target_sign * float(values.truth[row]),
                **values.describe_pick(picked),
                "n_table": len(values.sorted_truth),
                "full_information": values.full_information,
                "labels_seen": round(seen, 6),
                "cost": spent,
                "seconds": float(trace.seconds[query]),
            }
        )
    return rows
