"""Scores to rows: metrics, the leak audit, chance and the noise ceiling of each split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np

from data.split import Split, get_protocol
from eval.calibration import FIELDS, get_coverage
from eval.ceiling import get_ceilings
from eval.evaluator import Scored
from eval.metrics import METRICS, evaluate
from eval.provenance import device, versions
from eval.ranking import Truth
from eval.task import Task, Trial, hash_arrays
from predictors.label_scale import LabelScale

SCHEMA = 2
Row = dict[str, Any]


class Scorer:
    """Turns the scores of one task's trials into rows; what splits share is computed once."""

    def __init__(self, task: Task) -> None:
        """Score trials of this task."""
        self.task = task
        self._audits: dict[tuple[int, str], Audit] = {}
        self._chances: dict[tuple[int, str, tuple[str, ...]], dict[str, float]] = {}
        self._ceilings: dict[tuple[str, ...], dict[str, Row]] = {}

    @cached_property
    def content(self) -> str:
        """Hash of what rows depend on beyond the scores: how noise is estimated."""
        bench, task = self.task.bench, self.task
        seeds = bench.seeds(task.dataset, task.target)
        return hash_arrays(bench.repeated if seeds is None else seeds)

    def rows(self, trial: Trial, scored: Scored, metrics: Sequence[str]) -> list[Row]:
        """Return the rows of a trial: one for each repeat and metric.

        `coverage_50`, `coverage_80`, `coverage_95` and `mean_std` say how well the predictor knows how sure
        it is; see _get_calibration.

        A row's `value` covers all test rows of the protocol, `value_no_twins` those of them that are not the
        same network as a training row; `n_twins` says how many those are. A floor that is not known for some
        test rows is evaluated on the others, and `n_test` counts these.
        """
        time = datetime.now(UTC).isoformat(timespec="seconds")
        rows: list[Row] = []
        for i, (repeat, split) in enumerate(zip(trial.repeats, scored.splits, strict=True)):
            all_scores = scored.scores[i]
            known = np.isfinite(all_scores)
            scores = all_scores[known]
            audit = self._audit(repeat, split, known)
            values = evaluate(metrics, audit.truth, scores)
            clean = audit.without_twins(metrics, scores)
            chances = self._get_chances(repeat, split, known, metrics)
            ceilings = self._get_ceilings(metrics)
            common = self._common(trial, scored, repeat, split) | {
                "n_test": len(scores),
                "n_protocol_test": len(split.test),
                "n_twins": audit.n_twins,
                "time": time,
                **self._get_calibration(trial, scored, i),
            }
            rows += [
                {
                    **common,
                    "metric": name,
                    "direction": METRICS[name].direction,
                    "value": values[name],
                    "value_no_twins": clean[name],
                    "chance": chances[name],
                    **ceilings[name],
                }
                for name in metrics
            ]
        return rows

    def _common(self, trial: Trial, scored: Scored, repeat: int, split: Split) -> Row:
        task, entry = self.task, trial.entry
        label, target = (task.bench.label_column(task.dataset, name) for name in (task.label, task.target))
        return {
            "schema": SCHEMA,
            "trial": trial.id,
            **task.names,
            "title": task.bench.info.title,
            "size_note": task.bench.size_note,
            "stands_in_for": task.bench.stands_in_for,
            "table_hash": task.bench.content_hash,
            "label_note": label.note,
            "target_note": target.note,
            "target_unit": target.unit,
            "repeat": repeat,
            "split_seed": task.seed + repeat,
            "split_hash": hash_split(split),
            "fit_seed": task.seed + repeat,
            "labels_seen": len(split.train),
            "predictor": entry.name,
            "params": entry.predictor.params(),
            "weak": list(entry.weak),
            "weak_hash": scored.weak_hash,
            "fit_seconds": scored.fit_seconds,
            "predict_seconds": scored.predict_seconds,
            "pretrain_seconds": scored.pretrain_seconds,
            "device": device(entry.device),
            "versions": versions(),
        }

    def _get_calibration(self, trial: Trial, scored: Scored, i: int) -> dict[str, float | None]:
        """Return how the i-th repeat's intervals hold the training label of the networks that it did not see.

        Labels are in the unit that the predictor learned. All None for a predictor that gives no deviations,
        and where no such label is known.
        """
        if scored.std is None:
            return dict.fromkeys(FIELDS)
        split, labels, classes = scored.splits[i], self.task.training_labels, self.task.bench.classes
        scale = LabelScale.fit(labels[split.train], normal=trial.entry.predictor.normal_labels)
        unseen = ~np.isin(classes[split.test], classes[split.train])
        wanted = scale(labels[split.test[unseen]])
        return get_coverage(wanted, scored.scores[i][unseen], scored.std[i][unseen])

    def _audit(self, repeat: int, split: Split, known: np.ndarray) -> Audit:
        key = (repeat, hash_arrays(known))
        if key not in self._audits:
            self._audits[key] = Audit(self.task, split, split.test[known])
        return self._audits[key]

    def _get_chances(
        self, repeat: int, split: Split, known: np.ndarray, metrics: Sequence[str]
    ) -> dict[str, float]:
        """Return what a random order of a split's test rows is expected to score."""
        key = (repeat, hash_arrays(known), tuple(metrics))
        if key not in self._chances:
            truth = self._audit(repeat, split, known).truth
            self._chances[key] = {name: METRICS[name].chance(truth) for name in metrics}
        return self._chances[key]

    def _get_ceilings(self, metrics: Sequence[str]) -> dict[str, Row]:
        """Return the noise ceiling of the task's target by each metric, as fields of a row."""
        key = tuple(metrics)
        if key not in self._ceilings:
            task = self.task
            protocol = get_protocol(task.protocol)
            found = get_ceilings(
                metrics,
                task.truth,
                task.bench.repeated,
                seeds=task.bench.seeds(task.dataset, task.target),
                networks=task.bench.classes if protocol.one_per_network else None,
                size=len(task.split(0).test),
            )
            self._ceilings[key] = {
                name: {
                    "ceiling": None if ceiling is None else ceiling.value,
                    "ceiling_low": None if ceiling is None else ceiling.low,
                    "ceiling_high": None if ceiling is None else ceiling.high,
                    "ceiling_bound": None if ceiling is None else ceiling.bound,
                }
                for name, ceiling in found.items()
            }
        return self._ceilings[key]


class Audit:
    """The leak audit of one split: which test rows are networks that were trained on."""

    def __init__(self, task: Task, split: Split, rows: np.ndarray) -> None:
        """Audit the test rows (m,) of a split that are evaluated."""
        self.rows = rows
        self.truth = Truth(task.truth[rows])
        classes = task.bench.classes
        self.unseen = ~np.isin(classes[rows], classes[split.train])
        self.n_twins = int((~self.unseen).sum())
        self._clean = Truth(task.truth[rows[self.unseen]]) if 0 < self.n_twins < len(rows) else self.truth

    def without_twins(self, metrics: Sequence[str], scores: np.ndarray) -> dict[str, float | None]:
        """Evaluate over the test rows that have no twin in training; None where too few are left."""
        n = int(self.unseen.sum())
        possible = [name for name in metrics if n >= max(2, METRICS[name].min_items)]
        values = evaluate(possible, self._clean, scores[self.unseen]) if possible else {}
        return {name: values.get(name) for name in metrics}


def hash_split(split: Split) -> str:
    """Return twelve hex digits for the training and test rows of a split."""
    content = hashlib.sha256(np.ascontiguousarray(split.train, np.int64).tobytes())
    content.update(b"|" + np.ascontiguousarray(split.test, np.int64).tobytes())
    return content.hexdigest()[:12]
