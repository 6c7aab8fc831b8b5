"""SearchResults: what came out of searches, as a value that is loaded, summarised and shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import InputError, MissingTableError, TableError
from eval.results import SETTINGS, has_rows, read_rows
from eval.row_parts import RowParts

if TYPE_CHECKING:
    import pandas as pd

    from eval.search.rows import Row
    from eval.search.summary import SearchSummary

ROWS = "search_rows.jsonl"


class SearchResults:
    """Rows of searches, one for each task, search, repeat and query.

    Attributes:
        rows: The rows, as `search_rows.jsonl` holds them.
        settings: What reproduces them.
        notes: What a reader has to know, a sentence each.
        folder: Where they are stored; None if they are not.
        regrets: Regrets to count the queries to, in the unit of the target.
        against: Earlier searches for the same Pareto front that reports compare these with.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        settings: dict[str, Any] | None = None,
        notes: Sequence[str] = (),
        folder: Path | None = None,
        regrets: Sequence[float] = (),
        against: Sequence[SearchResults] = (),
    ) -> None:
        """Hold rows.

        Raises:
            InputError: There are none.
        """
        if not rows:
            raise InputError("there are no results of a search")
        self.rows = rows if isinstance(rows, RowParts) else list(rows)
        self.settings, self.notes, self.folder = settings or {}, list(notes), folder
        self.regrets, self.against = list(regrets), list(against)

    @staticmethod
    def load(path: str | Path) -> SearchResults:
        """Load the results of a search from its folder.

        Raises:
            MissingTableError: There is no search.
            TableError: A file of it is damaged, or was written by another version.
        """
        folder = Path(path)
        if not has_rows(folder, ROWS):
            raise MissingTableError(f"'{folder}' holds no search: there is no {ROWS}")
        try:
            rows = read_rows(folder, ROWS)
            settings = json.loads((folder / SETTINGS).read_text("utf-8"))
            some = rows[:1] if isinstance(rows, RowParts) else rows  # parts are written by one version
            if not some or not all("trial" in row for row in some):
                raise TableError(f"the search in '{folder}' was written by another version; run again")
            notes, regrets = settings["notes"], settings["regrets"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TableError(f"the search in '{folder}' is damaged: {error}") from error
        return SearchResults(rows, settings=settings, notes=notes, folder=folder, regrets=regrets)

    def __repr__(self) -> str:
        """Return one line that says how much there is."""
        tasks = {(row["bench"], row["dataset"]) for row in self.rows}
        return (
            f"SearchResults({len(self.predictors)} predictors, {len(self.strategies)} strategies, "
            f"{len(tasks)} tasks, {len(self.rows):,} rows)"
        )

    @property
    def predictors(self) -> list[str]:
        """Names of the predictors, in the order in which they were asked for."""
        return list(dict.fromkeys(row["predictor"] for row in self.rows))

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies, in the order in which they were asked for."""
        return list(dict.fromkeys(row["strategy"] for row in self.rows))

    @property
    def title(self) -> str:
        """Headline of reports."""
        titles = dict.fromkeys(row["title"] for row in self.rows)
        return f"{', '.join(titles)}: search under a budget of {self.rows[0]['budget']} labels"

    def to_pandas(self) -> pd.DataFrame:
        """Return a frame with a row for each task, search, repeat and query."""
        import pandas as pd

        return self.rows.to_pandas() if isinstance(self.rows, RowParts) else pd.DataFrame(self.rows)

    def summaries(self) -> list[SearchSummary]:
        """Return the mean, interval and paired comparison of each search on each task by each measure.

        Raises:
            InputError: A search is incomplete.
        """
        from eval.search.front_summary import has_fronts, summarise_fronts
        from eval.search.summary import summarise

        return summarise_fronts(self.rows) if has_fronts(self.rows) else summarise(self.rows, self.regrets)

    def records(self) -> list[dict[str, Any]]:
        """Return the summaries as flat records."""
        return [asdict(each) for each in self.summaries()]

    def summary(self) -> pd.DataFrame:
        """Return means, intervals and tests, one row for each task, search and measure."""
        import pandas as pd

        return pd.DataFrame(self.records())

    def picks(self) -> pd.DataFrame:
        """Return the network that each repeat of each search picked, with its label, target and regret."""
        import pandas as pd

        keys = ("bench", "dataset", "strategy", "predictor", "repeat")
        last = {tuple(row[key] for key in keys): row for row in self.rows}
        columns = (*keys, "best_row", "best_name", "best_label_value", "best_by_label_target", "regret")
        return pd.DataFrame([{name: row[name] for name in columns} for row in last.values()])

    def fronts(self) -> pd.DataFrame:
        """Return the networks on the Pareto fronts: of each repeat of each search, and the true one.

        One row for each network: bench, dataset, strategy, predictor, repeat, row, name, label, target and a
        column for each cost, in the table's units; "true front" stands for a strategy's name where the
        front is the table's.

        Raises:
            InputError: The searches were for accuracy alone.
        """
        import pandas as pd

        from eval.search.front_rows import build_front_rows

        return pd.DataFrame(build_front_rows(self.rows, self.settings.get("fronts", [])))

    def write_fronts(self, path: str | Path) -> Path:
        """Write what `fronts` returns as tab-separated text, and return the path."""
        from data.files import atomic_path
        from eval.search.front_rows import build_front_rows, to_tsv

        with atomic_path(Path(path)) as part:
            part.write_text(to_tsv(build_front_rows(self.rows, self.settings.get("fronts", []))), "utf-8")
        return Path(path)

    def save_figures(self, folder: str | Path, kind: str = "png") -> list[Path]:
        """Save the plots of the page as files and return their paths.

        Args:
            folder: Where to save them.
            kind: "pdf", "svg" or "png".

        Raises:
            InputError: matplotlib is not installed.
        """
        from eval.report.figures import save_figures
        from eval.search.report import get_all_plots

        return save_figures(Path(folder), kind, get_all_plots(self))

    def render(self, format_: str) -> str:
        """Return the tables as text: "table", "markdown", "latex", "tsv", "csv" or "json"."""
        from eval.search.report import render

        return render(self, format_)

    def to_latex(self) -> str:
        """Return a booktabs table for each task, ready for a paper."""
        return self.render("latex")

    def to_markdown(self) -> str:
        """Return a Markdown table for each task."""
        return self.render("markdown")

    def report(self, path: str | Path | None = None) -> Path:
        """Write the page, one file that needs no network, and return its path.

        Args:
            path: The file; by default search.html in the folder of the results, if they have one.
        """
        from eval.search.report import write_search

        page = (self.folder or Path()) / "search.html" if path is None else Path(path)
        write_search(page, self)
        return page
