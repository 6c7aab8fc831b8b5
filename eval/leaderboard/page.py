"""The page of a leaderboard, and the files that lie next to it."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.split import PROTOCOLS
from eval.leaderboard.bencheval import write_frame
from eval.leaderboard.plots import get_plots, plot_calibration
from eval.leaderboard.published import build_tables
from eval.leaderboard.standings import get_splits, rank
from eval.leaderboard.tables import build_standing, build_task, get_tables, get_tied
from eval.report import calibration
from eval.report.board import boards
from eval.report.leaderboard import get_legend
from eval.report.notices import get_notices
from eval.report.numbers import count, number, repeats
from eval.report.page import render_page
from eval.report.plots import Plot
from eval.report.text import to_text
from eval.results import Results

log = logging.getLogger("acerank")

PAGE, FRAME = "leaderboard.html", "bencheval.parquet"


def write_outputs(results: Results) -> None:
    """Write the page, its figures as SVG and PDF, its tables and the frame of bencheval.

    They go into the folder of the run. Figures need matplotlib; without it a line says so.
    """
    from eval.report.figures import save_figures

    folder = results.stored_in
    write_leaderboard(folder / PAGE, results)
    write_frame(folder / FRAME, results.rows)
    tables, legend = get_tables(results)
    for kind, name in (("markdown", "tables.md"), ("latex", "tables.tex")):
        (folder / name).write_text(to_text(kind, tables, [], legend), "utf-8")
    try:
        for kind in ("svg", "pdf"):
            save_figures(folder / "figures", kind, get_all_plots(results))
    except InputError as error:
        log.warning("no figures as files: %s", error)


def get_all_plots(results: Results) -> list[Plot]:
    """Return the figures of every metric, then calibration."""
    summaries = results.summaries()
    plots = [plot for metric in results.metrics for plot in get_plots(results, metric, summaries)]
    last = plot_calibration(results)
    return [*plots, *([last] if last else [])]


def write_leaderboard(path: Path, results: Results) -> None:
    """Write the page, one file that needs no network.

    Raises:
        InputError: The grid is incomplete.
    """
    summaries = results.summaries()
    found = boards(summaries)
    plots: list[Plot] = []
    sections = []
    for metric in results.metrics:
        own = get_plots(results, metric, summaries)
        numbered = list(enumerate(own, len(plots)))
        plots += own
        sections.append(
            (metric, _conclude(results, metric), build_standing(results, metric, summaries), numbered)
        )
    last = plot_calibration(results)
    if last:
        plots.append(last)
    protocols = dict.fromkeys(board.first.protocol for board in found)
    n = len({board.first.bench for board in found})
    render_page(
        path,
        "leaderboard.html.j2",
        "page.js",
        title="Performance predictors as rankers: leaderboard",
        lead=f"{count(len(results.predictors), 'predictor')} · {count(n, 'benchmark')} · "
        f"{count(len(found), 'task')} · {repeats(found[0].first.repeats)}, each with its own split and seed",
        notices=get_notices(results.rows, found),
        notes=results.notes,
        sections=sections,
        tasks=[(board, build_task(board), calibration.build_table(board)) for board in found],
        calibration_plot=(len(plots) - 1, last) if last else None,
        protocols=[(name, PROTOCOLS[name].description) for name in protocols if name in PROTOCOLS],
        published=build_tables(list(dict.fromkeys(board.first.bench for board in found))),
        legend=get_legend(found[0], 0),
        settings=results.settings,
        data={"plots": [plot.to_dict() for plot in plots]},
    )


def _conclude(results: Results, metric: str) -> str:
    """Return one sentence: which predictor has the best mean rank, and which cannot be told from it."""
    splits = get_splits(results.rows, metric)
    ranks = rank(splits)
    order = np.argsort(ranks.mean, kind="stable").tolist()
    best = splits.predictors[order[0]]
    where = count(len(splits.benches), "benchmark")
    sentence = (
        f"By {metric}, {best} has the best mean rank over {where}: {number(float(ranks.mean[order[0]]), 2)}"
    )
    if len(order) == 1:
        return f"{sentence}."
    second = order[1]
    sentence += f", ahead of {splits.predictors[second]} ({number(float(ranks.mean[second]), 2)})."
    tied = get_tied(results, metric)
    return f"{sentence} Not told apart from it: {', '.join(tied)}." if tied else sentence
