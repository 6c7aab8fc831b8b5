"""Results: what came out of a comparison, as a value that is loaded, merged, summarised and shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import InputError, MissingTableError, TableError
from data.files import atomic_path
from data.names import check_name
from eval.row_parts import RowParts, find_parts

if TYPE_CHECKING:
    import pandas as pd

    from eval.report.summary import Summary

Row = dict[str, Any]
ROWS, SCORES, NAMES, SETTINGS = "rows.jsonl", "scores.parquet", "architectures.parquet", "settings.json"
_TASK = ("bench", "dataset", "target", "label", "protocol", "train_size")
_KEY = (*_TASK, "predictor", "metric", "repeat")


class Results:
    """Rows of a comparison, one for each task, predictor, repeat and metric, and the raw scores behind them.

    Attributes:
        rows: The rows, as `rows.jsonl` holds them.
        settings: What reproduces them.
        notes: What a reader has to know, a sentence each.
        folder: Where they are stored; None if they are not.
        baseline: Predictor that the others are compared with; None for the best of each metric.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        settings: dict[str, Any] | None = None,
        notes: Sequence[str] = (),
        folder: Path | None = None,
        scores: Callable[[], pd.DataFrame] | None = None,
        baseline: str | None = None,
    ) -> None:
        """Hold rows; `scores` makes the frame of raw scores when it is asked for."""
        if not rows:
            raise InputError("there are no results")
        self.rows = rows if isinstance(rows, RowParts) else list(rows)
        self.settings, self.notes, self.folder = settings or {}, list(notes), folder
        self._get_scores, self.baseline = scores, baseline

    @staticmethod
    def load(path: str | Path) -> Results:
        """Load the results of a run from its folder.

        Raises:
            MissingTableError: There is no finished run.
            TableError: A file of it is damaged.
        """
        folder = Path(path)
        if not has_rows(folder, ROWS):
            raise MissingTableError(f"'{folder}' holds no results: there is no {ROWS}")
        try:
            rows = read_rows(folder, ROWS)
            settings = json.loads((folder / SETTINGS).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise TableError(f"the results in '{folder}' are damaged: {error}") from error
        some = rows[:1] if isinstance(rows, RowParts) else rows  # parts are written by one version
        old = [row for row in some if "predictor" not in row or row.get("schema") != some[-1].get("schema")]
        if old or not rows or "trial" not in rows[0]:
            raise TableError(f"the results in '{folder}' were written by another version; run again")
        return Results(
            rows,
            settings=settings,
            notes=settings.get("notes", []),
            folder=folder,
            scores=lambda: read_scores(folder),
            baseline=settings.get("baseline"),
        )

    @staticmethod
    def merge(*results: Results) -> Results:
        """Return the results of several runs as one; what they share must agree.

        Raises:
            InputError: No results, or two runs contradict each other about one row.
        """
        rows: dict[tuple[Any, ...], Row] = {}
        for row in (row for each in results for row in each.rows):
            key = tuple(row[name] for name in _KEY)
            known = rows.setdefault(key, row)
            if (known["value"], known["table_hash"]) != (row["value"], row["table_hash"]):
                why = (
                    "they come from different tables"
                    if known["table_hash"] != row["table_hash"]
                    else f"{known['value']:.6g} and {row['value']:.6g}"
                )
                raise InputError(
                    f"the runs disagree on {row['predictor']} ({row['bench']} {row['dataset']}, "
                    f"{row['protocol']}, {row['train_size']} labels, repeat {row['repeat']}, "
                    f"{row['metric']}): {why}"
                )
        notes = dict.fromkeys(note for each in results for note in each.notes)
        settings = {"merged": [each.settings for each in results]}
        return Results(
            list(rows.values()), settings=settings, notes=list(notes), scores=lambda: _concat(results)
        )

    def __repr__(self) -> str:
        """Return one line that says how much there is."""
        return (
            f"Results({len(self.predictors)} predictors, {len(self.tasks)} tasks, "
            f"{len(self.metrics)} metrics, {len(self.rows):,} rows)"
        )

    @property
    def stored_in(self) -> Path:
        """The folder; InputError if the results are not stored."""
        if self.folder is None:
            raise InputError("these results are not stored in a folder")
        return self.folder

    @property
    def predictors(self) -> list[str]:
        """Names of the predictors, in the order in which they were asked for."""
        return list(dict.fromkeys(row["predictor"] for row in self.rows))

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        return list(dict.fromkeys(row["metric"] for row in self.rows))

    @property
    def tasks(self) -> list[tuple[Any, ...]]:
        """(bench, dataset, target, label, protocol, train_size) of each task."""
        return list(dict.fromkeys(tuple(row[name] for name in _TASK) for row in self.rows))

    @property
    def title(self) -> str:
        """Headline of reports."""
        titles = dict.fromkeys(row["title"] for row in self.rows)
        return f"{', '.join(titles)}: predictors as rankers"

    def to_pandas(self) -> pd.DataFrame:
        """Return a frame with a row for each task, predictor, repeat and metric."""
        import pandas as pd

        return self.rows.to_pandas() if isinstance(self.rows, RowParts) else pd.DataFrame(self.rows)

    def summaries(self, baseline: str | None = None) -> list[Summary]:
        """Return the mean, interval and paired comparison of each predictor on each task by each metric."""
        from eval.report.summary import summarise

        baseline = baseline or self.baseline
        if baseline is not None:
            check_name("predictor", baseline, self.predictors)
        return summarise(self.rows, baseline=baseline)

    def summary(self, baseline: str | None = None) -> pd.DataFrame:
        """Return means, intervals and tests, one row for each task, predictor and metric.

        Args:
            baseline: Predictor that differences are taken from; by default the best one.
        """
        from dataclasses import asdict

        import pandas as pd

        return pd.DataFrame([asdict(each) for each in self.summaries(baseline)])

    def scores(self) -> pd.DataFrame:
        """Return the raw scores: one row for each task, predictor, repeat and test row, with its label.

        `std` is the predictive standard deviation of a training label in the unit of the scores, NaN for
        predictors that do not say how sure they are.

        Raises:
            InputError: The results were made without their scores.
        """
        if self._get_scores is None:
            raise InputError("these results were loaded without their scores")
        return self._get_scores()

    def compare(self, first: str, second: str) -> pd.DataFrame:
        """Return first minus second on each task by each metric, paired over repeats.

        Columns: the task, metric, direction, both means, difference, its 95 % interval, and the p-value of
        the paired test, Holm-adjusted over all lines of the frame.
        """
        import pandas as pd

        from eval.stats import holm

        for name in (first, second):
            check_name("predictor", name, self.predictors)
        pair = Results([row for row in self.rows if row["predictor"] in (first, second)])
        of_both: dict[tuple[Any, ...], dict[str, Summary]] = {}
        for each in pair.summaries(second):
            key = tuple(getattr(each, name) for name in (*_TASK, "metric"))
            of_both.setdefault(key, {})[each.predictor] = each
        lines = []
        for key, both in of_both.items():
            own = both[first]
            lines.append(
                {
                    **dict(zip((*_TASK, "metric"), key, strict=True)),
                    "direction": own.direction,
                    first: own.mean,
                    second: both[second].mean,
                    "difference": own.difference,
                    "difference_low": own.difference_low,
                    "difference_high": own.difference_high,
                    "p_adjusted": own.p_adjusted,
                    "repeats": own.repeats,
                }
            )
        frame = pd.DataFrame(lines)
        tested = frame["p_adjusted"].notna().to_numpy()
        frame.loc[tested, "p_adjusted"] = holm(frame["p_adjusted"].to_numpy(float)[tested])
        return frame

    def report(self, path: str | Path = "report.html", baseline: str | None = None) -> Path:
        """Write the report, one HTML page that needs no network, and return its path."""
        from eval.report.html import write_report

        write_report(Path(path), self, baseline=baseline)
        return Path(path)

    def render(self, format_: str, metrics: Sequence[str] | None = None, baseline: str | None = None) -> str:
        """Return the leaderboard as text: "table", "markdown", "latex", "tsv", "csv" or "json"."""
        from eval.report.text import render

        return render(self, format_, metrics=metrics, baseline=baseline)

    def to_latex(self, metrics: Sequence[str] | None = None, baseline: str | None = None) -> str:
        """Return a booktabs table for each task, ready for a paper."""
        return self.render("latex", metrics, baseline)

    def to_markdown(self, metrics: Sequence[str] | None = None, baseline: str | None = None) -> str:
        """Return a Markdown table for each task."""
        return self.render("markdown", metrics, baseline)


def has_rows(folder: Path, name: str) -> bool:
    """Return whether a folder holds rows; see `read_rows`."""
    return (folder / name).is_file() or bool(find_parts(folder, name.removesuffix(".jsonl")))


def read_rows(folder: Path, name: str) -> RowParts | list[Row]:
    """Return the rows of a run's folder, read when they are asked for if they are many.

    Args:
        folder: The folder.
        name: Its file of JSON lines; parquet files of that stem take its place where rows are many.

    Raises:
        TableError, OSError, ValueError: A file is damaged.
    """
    if (folder / name).is_file():
        return [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines() if line]
    return RowParts(folder, name.removesuffix(".jsonl"))


def read_scores(folder: Path) -> pd.DataFrame:
    """Return the frame of raw scores of a run's folder, with the names of the rows."""
    import pandas as pd

    try:
        scores = pd.read_parquet(folder / SCORES)
        names = pd.read_parquet(folder / NAMES)
    except (OSError, ValueError) as error:
        raise TableError(f"the scores in '{folder}' are missing or damaged: {error}") from error
    scores["bench"] = scores["bench"].astype(str)
    return scores.merge(names, on=["bench", "row"], how="left")


def write_settings(folder: Path, settings: dict[str, Any], notes: Iterable[str]) -> None:
    """Write settings.json."""
    with atomic_path(folder / SETTINGS) as part:
        part.write_text(json.dumps({**settings, "notes": list(notes)}, indent=2, default=str), "utf-8")


def _concat(results: Sequence[Results]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([each.scores() for each in results], ignore_index=True).drop_duplicates(
        ["bench", "dataset", "target", "protocol", "train_size", "predictor", "repeat", "row"]
    )
