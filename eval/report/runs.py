"""Finished runs of any kind, opened to be shown again: their tables, records, plots and page."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.errors import InputError
from data.names import check_name
from eval.report.plots import Plot
from eval.report.table import TextTable
from eval.results import Results

PAGES = {
    "run": "report.html",
    "ablate": "ablation.html",
    "curve": "curve.html",
    "search": "search.html",
    "leaderboard": "leaderboard.html",
}


@dataclass(frozen=True)
class Shown:
    """What can be shown of finished runs.

    Attributes:
        tables: Tables for people.
        legend: What their signs mean.
        records: The same for scripts.
        page: Name of the page in the folder of the run.
        write_page: Writes the page.
        get_plots: Returns the plots, and the panels of rank scatters by predictor.
    """

    tables: Sequence[TextTable]
    legend: str
    records: Sequence[dict[str, Any]]
    page: str
    write_page: Callable[[Path], object]
    get_plots: Callable[[], tuple[Sequence[Plot], Sequence[tuple[str, Any]]]]


def open_runs(
    folders: Sequence[Path], metrics: Sequence[str] | None = None, baseline: str | None = None
) -> Shown:
    """Open finished runs: one as what it is, several merged into one leaderboard.

    Args:
        folders: Folders of runs.
        metrics: Metrics to show; by default a few in the tables of a leaderboard, else all.
        baseline: Predictor that differences are taken from, in a leaderboard.

    Raises:
        MissingTableError, TableError: A folder holds no results, or damaged ones.
        InputError: The runs contradict each other, or an option does not apply to them.
    """
    kinds = [get_kind(folder) for folder in folders]
    if "search" in kinds:
        return _open_search(folders, metrics, baseline)
    loaded = [Results.load(folder) for folder in folders]
    if len(loaded) > 1:
        return _open_leaderboard(Results.merge(*loaded), metrics, baseline)
    if kinds == ["run"]:
        return _open_leaderboard(loaded[0], metrics, baseline)
    if baseline is not None:
        raise InputError(
            f"a baseline applies to a leaderboard; '{folders[0]}' is the folder of eval.{kinds[0]}"
        )
    return {"ablate": _open_ablation, "curve": _open_curve, "leaderboard": _open_standing}[kinds[0]](
        _select(loaded[0], metrics)
    )


def get_kind(folder: Path) -> str:
    """Return what kind of run a folder holds: "run" where it does not say."""
    try:
        kind = json.loads((folder / "settings.json").read_text("utf-8"))["run"]["kind"]
    except (OSError, ValueError, KeyError, TypeError):
        return "run"
    return kind if kind in PAGES else "run"


def _select(results: Results, metrics: Sequence[str] | None) -> Results:
    """Return the results of some metrics."""
    if metrics is None:
        return results
    for metric in metrics:
        check_name("evaluated metric", metric, results.metrics)
    rows = [row for metric in metrics for row in results.rows if row["metric"] == metric]
    return Results(rows, settings=results.settings, notes=results.notes, folder=results.folder)


def _open_leaderboard(results: Results, metrics: Sequence[str] | None, baseline: str | None) -> Shown:
    from eval.report.gallery import get_plots
    from eval.report.leaderboard import get_tables

    base = baseline or results.baseline
    summaries = results.summaries(baseline)
    tables, legend = get_tables(summaries, metrics, baseline=base is not None)
    return Shown(
        tables,
        legend,
        [asdict(s) for s in summaries if not metrics or s.metric in metrics],
        PAGES["run"],
        lambda path: results.report(path, baseline),
        lambda: get_plots(results, metrics, baseline),
    )


def _open_standing(results: Results) -> Shown:
    from eval.leaderboard.page import get_all_plots, write_leaderboard
    from eval.leaderboard.tables import get_records, get_tables

    tables, legend = get_tables(results)
    return Shown(
        tables,
        legend,
        get_records(results),
        PAGES["leaderboard"],
        lambda path: write_leaderboard(path, results),
        lambda: (get_all_plots(results), ()),
    )


def _open_ablation(results: Results) -> Shown:
    from eval.ablate import Ablation
    from eval.ablate.arms import compare, get_plots, get_tables, records_of

    base = results.predictors[0]
    ablation = Ablation(base, compare(results.rows, base), results)
    return Shown(
        get_tables(ablation.arms, base),
        "",
        records_of(ablation.arms),
        PAGES["ablate"],
        ablation.report,
        lambda: (get_plots(ablation.arms, base), ()),
    )


def _open_curve(results: Results) -> Shown:
    from eval.curve import Curve
    from eval.curve.savings import get_plots, get_tables, records_of

    subject, reference = results.predictors
    summaries = results.summaries()
    return Shown(
        get_tables(summaries, subject, reference),
        "",
        records_of(summaries, subject, reference),
        PAGES["curve"],
        Curve(subject, reference, results).report,
        lambda: (get_plots(summaries), ()),
    )


def _open_search(folders: Sequence[Path], metrics: Sequence[str] | None, baseline: str | None) -> Shown:
    from eval.search.report import get_plots, get_tables, legend
    from eval.search.results import SearchResults

    if len(folders) > 1:
        raise InputError("runs of eval.search cannot be merged; name one of them")
    if metrics or baseline:
        raise InputError("metrics and a baseline apply to leaderboards; this is a run of eval.search")
    results = SearchResults.load(folders[0])
    summaries = results.summaries()
    return Shown(
        get_tables(summaries),
        legend(summaries),
        results.records(),
        PAGES["search"],
        results.report,
        lambda: (get_plots(results.rows), ()),
    )
