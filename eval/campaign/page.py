"""The status of a campaign for people: tables in a terminal, and an HTML page with its curve."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.report.plots import Plot, Series
from eval.report.table import TextTable

_SETTINGS = ("architectures", "predictor", "weak", "objectives")
_ARCH = 60  # characters of an architecture in a table


def build_tables(status: Mapping[str, Any]) -> list[TextTable]:
    """Return the tables of a status."""
    objectives = [text.rpartition(":")[0] for text in status["objectives"]]
    directions = [1 if text.endswith(":max") else -1 for text in status["objectives"]]
    counts = TextTable(
        f"Campaign {status['campaign']} on {status['architectures']}",
        ["", "networks"],
        [[name, f"{status[name]:,}"] for name in ("queried", "done", "pending", "failed", "imported")],
        subtitle=f"ranker {status['predictor']}; {status['trainings']:,} trainings told, "
        f"{_hours(status['seconds'])}",
        after=build_sentences(status),
    )
    best = TextTable(
        "Best so far" if len(objectives) == 1 else "Pareto front",
        ["id", "architecture", *objectives, "seeds", "spread"],
        [
            [
                each["id"],
                _short(each["arch"]),
                *(f"{each[name]:.5g}" for name in objectives),
                str(each["trainings"]),
                "" if _missing(each["spread"]) else f"{each['spread']:.3g}",
            ]
            for each in status["best"]
        ],
        directions=[0, 0, *directions, 0, 0],
        after=["A network with one seed is not confirmed: train it again and tell the result with its seed."]
        if any(each["trainings"] == 1 for each in status["best"])
        else [],
    )
    return [counts, best] if status["best"] else [counts]


def build_sentences(status: Mapping[str, Any]) -> list[str]:
    """Return what a status says of the ranker, the next batch, and whether to stop."""
    if "stop" not in status:
        return []
    sentences = []
    for each in status["quality"]:
        if each["tau"] is None:
            sentences.append(f"{each['objective']}: too few results to cross-validate ({each['results']}).")
        else:
            sentences.append(
                f"{each['objective']}: in cross-validation the ranker reaches Kendall's tau "
                f"{each['tau']:.2f} [{each['low']:.2f}, {each['high']:.2f}] on {each['results']} networks; "
                "chance is 0."
            )
    verdict = "Stop" if status["stop"] else "Go on"
    return [*sentences, f"{verdict}: {status['reason']}."]


def write_status_page(status: Mapping[str, Any], path: Path) -> None:
    """Write a status as a page that needs no network."""
    from eval.report.page import write_page

    single = len(status["objectives"]) == 1
    name = status["objectives"][0].rpartition(":")[0] if single else "hypervolume"
    curve = status["curve"]
    plot = Plot(
        "curve",
        f"Best {name} after each training",
        "trainings told",
        name,
        [Series("best so far", [p["trainings"] for p in curve], [p["best"] for p in curve])],
        markers=len(curve) < 100,
    )
    write_page(
        path,
        title=f"Campaign {status['campaign']}",
        conclusions=build_sentences(status),
        notes=[],
        plots=[plot] if curve else [],
        tables=build_tables(status),
        settings={
            key: status[key] for key in ("campaign", "architectures", "predictor", "weak", "objectives")
        },
    )


def _short(arch: str) -> str:
    return arch if len(arch) <= _ARCH else f"{arch[: _ARCH - 1]}…"


def _missing(value: float | None) -> bool:
    return value is None or value != value


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h of training" if seconds >= 3600 else f"{seconds:.0f} s of training"
