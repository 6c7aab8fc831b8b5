"""The rows of searches: one for each repeat and query, computed from what was queried."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.search.loop import Searched, Trace
from eval.search.trials import SearchTrial

SCHEMA = 4
Row = dict[str, Any]


def build_rows(trial: SearchTrial, searched: Searched) -> list[Row]:
    """Return one row for each repeat and query of a trial.

    `best_row` is the network that the label picks among those trained in full so far, `regret` how far its
    target is from the table's best, `better` how many of the `n_table` architectures have a better target;
    they are None until a network was trained in full. `full_information` is the target of the network that
    the label picks when it is known of all. `share` is what the query costs in full trainings, `labels_seen`
    the full trainings that all queries so far cost, `cost` the same in the unit of times. Labels and targets
    are in the table's unit; `direction` says whether a larger (1) or smaller (-1) target is better.
    """
    rows: list[Row] = []
    common, values = _describe(trial, searched), _Values(trial)
    for repeat, trace in zip(trial.trial.repeats, searched.traces, strict=True):
        rows += _trace_rows(trace, values, common | {"repeat": repeat, "seed": common["seed"] + repeat})
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
        self.most = float(np.nanmax(task.truth))
        self.full_information = self.target_sign * float(task.truth[_find_best(self.labels, task.truth)])
        self.sorted_truth = np.sort(task.truth[np.isfinite(task.truth)])

    def describe_query(self, row: int, level: int) -> Row:
        """Return the label that a query of a level saw, and its share of a full training."""
        if level == len(self.fidelities):
            return {"share": 1.0, "label_value": self.label_sign * float(self.labels[row])}
        fidelity = self.fidelities[level]
        return {"share": fidelity.share, "label_value": self.label_sign * float(fidelity.values[row])}

    def describe_pick(self, best: int | None) -> Row:
        """Return what is known of the network picked so far, if there is one."""
        if best is None:
            names = ("row", "name", "label_value", "by_label_target")
            return {f"best_{name}": None for name in names} | {"regret": None, "better": None}
        return {
            "best_row": best,
            "best_name": self.names[best],
            "best_label_value": self.label_sign * float(self.labels[best]),
            "best_by_label_target": self.target_sign * float(self.truth[best]),
            "regret": self.most - float(self.truth[best]),
            "better": self.count_better(best),
        }

    def count_better(self, row: int) -> int:
        """Return how many architectures have a better target than the one of a row."""
        return len(self.sorted_truth) - int(np.searchsorted(self.sorted_truth, self.truth[row], "right"))


def _find_best(labels: np.ndarray, truth: np.ndarray) -> int:
    """Return the row with the best label among those with a target: what full information would pick."""
    return int(np.nanargmax(np.where(np.isfinite(truth), labels, np.nan)))


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
    best, seen, spent = None, 0.0, 0.0
    for query, (row, level) in enumerate(zip(trace.rows.tolist(), trace.levels.tolist(), strict=True)):
        is_full = level == len(values.fidelities)
        if is_full and (best is None or values.labels[row] > values.labels[best]):
            best = row
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
                **values.describe_pick(best),
                "n_table": len(values.sorted_truth),
                "full_information": values.full_information,
                "labels_seen": round(seen, 6),
                "cost": spent,
                "seconds": float(trace.seconds[query]),
            }
        )
    return rows
