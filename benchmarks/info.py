"""python -m benchmarks.info KEY: what is in a benchmark's space and table."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from benchmarks import load
from benchmarks.agreement import MIN_ROWS, kendall_tau, percent
from benchmarks.weak_labels import read_table
from data.cli import Format, run_cli
from data.errors import TableError
from data.spaces.codes import CodeSpace

if TYPE_CHECKING:
    from benchmarks.base import Benchmark

BINS = 20
_TAIL = 0.02  # what lies below this quantile is one bin of the histogram
_BAR = 40


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def main(
    bench: Annotated[str, typer.Argument(metavar="BENCH", help="A benchmark's key, or the path of a table.")],
    dataset: Annotated[
        list[str] | None, typer.Option(help="Data sets; by default the benchmark's own. `all` for all.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="Output format.")] = Format.table,
    weak: Annotated[
        list[Path] | None,
        typer.Option(
            "--weak",
            help="A table of further weak labels (parquet, CSV or JSON lines): shows how many rows each "
            "column covers and how it agrees with the target.",
        ),
    ] = None,
    archs: Annotated[
        Path | None,
        typer.Option(help="Write the architectures to this parquet file, for predictors.supernet --archs."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Never download a table.")] = False,
) -> None:
    """Show a benchmark: its space, its table, how accuracies are spread, how noisy they are.

    The noise ceiling is the Kendall tau that training noise leaves to a perfect predictor, estimated from the
    trainings of one network. Weak labels are listed with their tau with the target.

    Examples:
        python -m benchmarks.info nb101
        python -m benchmarks.info ofa --dataset all --format json
        python -m benchmarks.info nb201 --weak my_proxies.csv
        python -m benchmarks.info nb101 --archs nb101_archs.parquet
    """
    found = load(bench, offline=offline)
    for path in weak or ():
        found = found.with_weak(read_table(path), source=str(path))
    for line in found.notices:
        sys.stderr.write(f"{line}\n")
    if archs is not None:
        written = found.architectures()
        sys.stderr.write(f"{len(written):,} different architectures of {len(found):,} rows\n")
        sys.stdout.write(f"{written.write(archs)}\n")
        return
    chosen = [found.info.dataset] if not dataset else found.datasets if dataset == ["all"] else dataset
    described = describe(found, chosen)
    if format_ is Format.json:
        sys.stdout.write(json.dumps(described, indent=2, allow_nan=False) + "\n")
    elif format_ is Format.tsv:
        sys.stdout.write("dataset\tweak_label\tknown\ttotal\tkendall_tau\n")
        for one in described["datasets"]:
            for label in one["weak_labels"]:
                tau = "" if label["kendall_tau"] is None else repr(label["kendall_tau"])
                cells = (one["dataset"], label["name"], str(label["known"]), str(label["total"]), tau)
                sys.stdout.write("\t".join(cells) + "\n")
    else:
        _print(described)


def describe(bench: Benchmark, datasets: Iterable[str]) -> dict[str, Any]:
    """Return what is known of a benchmark, of these data sets, as plain values."""
    space = bench.graphs.space
    return {
        "benchmark": asdict(bench.info),
        "space": {
            "name": space.name,
            "codes": float(space.size) if isinstance(space, CodeSpace) else None,
            "operations": list(space.ops),
            "stages": list(space.stages),
            "features": list(space.features),
            "max_nodes": space.max_nodes,
        },
        "architectures": len(bench),
        "networks": len(np.unique(bench.classes)),
        "size_note": bench.size_note,
        "table_hash": bench.content_hash,
        "datasets": [_describe_dataset(bench, dataset) for dataset in datasets],
    }


def _describe_dataset(bench: Benchmark, dataset: str) -> dict[str, Any]:
    labels = bench.labels(dataset)
    target = bench.info.target if bench.info.target in labels else labels[0]
    y = bench.target(dataset, target)
    known = y[np.isfinite(y)]
    if not len(known):
        raise TableError(f"label '{target}' of {dataset} has no finite value")
    edges = np.linspace(np.quantile(known, _TAIL), known.max(), BINS)
    counts = [int((known < edges[0]).sum()), *np.histogram(known, edges)[0].tolist()]
    return {
        "dataset": dataset,
        "labels": {name: int(np.isfinite(bench.target(dataset, name)).sum()) for name in labels},
        "target": target,
        "unit": bench.label_column(dataset, target).unit,
        "direction": bench.label_column(dataset, target).direction,
        "note": bench.label_column(dataset, target).note,
        "quantiles": {str(q): float(np.quantile(known, q)) for q in (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1)},
        "histogram": {"edges": [float(known.min()), *edges.tolist()], "counts": counts},
        "noise": _noise(bench, dataset, target),
        "weak_labels": [_weak(bench, name, dataset, target) for name in bench.weak_names],
    }


def _noise(bench: Benchmark, dataset: str, target: str) -> dict[str, Any] | None:
    """Return the noise ceiling of Kendall's tau; None if no network is trained twice."""
    from benchmarks.noise import redrawn_labels, twin_scores

    seeds = bench.seeds(dataset, target)
    if seeds is not None:
        average, redrawn = redrawn_labels(seeds[np.isfinite(seeds).all(1)])
        pairs, source = [(label, average) for label in redrawn], f"{seeds.shape[1]} seeds"
    else:
        y = bench.target(dataset, target)
        scores = twin_scores(y, bench.repeated)
        twins = np.isfinite(scores)
        pairs, source = [(y[twins], scores[twins])], "twins"
    if len(pairs[0][0]) < MIN_ROWS:
        return None
    taus = [tau for pair in pairs if (tau := kendall_tau(*pair)) is not None]
    if not taus:
        return None
    return {"from": source, "rows": len(pairs[0][0]), "kendall_tau": float(np.mean(taus))}


def _weak(bench: Benchmark, name: str, dataset: str, target: str) -> dict[str, Any]:
    cover = bench.weak_cover(name, dataset, target)
    return {
        "name": name,
        "default": name in bench.info.weak,
        "known": cover.known,
        "total": cover.total,
        "kendall_tau": cover.kendall_tau,
    }


def _print(described: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    info, space = described["benchmark"], described["space"]

    def say(text: str, style: str = "") -> None:
        console.print(text, style=style, markup=False)

    say(f"{info['title']} ({info['key']})", "bold")
    say(f"  cite      {info['citation']}")
    say(f"  licence   {info['licence']}")
    if info["notes"]:
        say(f"  note      {info['notes']}")
    size = f", {space['codes']:,.0f} codes" if space["codes"] and space["codes"] < 1e9 else ""
    size = f", {space['codes']:.1e} codes" if space["codes"] and not size else size
    say(f"  space     {space['name']}{size}, at most {space['max_nodes']} nodes")
    say(f"            operations: {', '.join(space['operations'])}")
    if len(space["stages"]) > 1:
        say(f"            stages: {', '.join(space['stages'])}")
    if space["features"]:
        say(f"            features: {', '.join(space['features'])}")
    say(f"  table     {described['size_note']}")
    if "networks" not in described["size_note"]:
        say(f"            {described['networks']:,} different networks")
    for dataset in described["datasets"]:
        _print_dataset(dataset, say)


def _print_dataset(one: dict[str, Any], say: Any) -> None:  # noqa: ANN401
    say(f"\n{one['dataset']}", "bold")
    say("  labels    " + ", ".join(f"{name} ({count:,})" for name, count in one["labels"].items()))
    smaller = "" if one["direction"] == 1 else " (smaller is better; shown negated)"
    say(f"  target    {one['target']}: {one['note']}{smaller}")
    unit = f" {one['unit']}" if one["unit"] else ""
    counts, edges = one["histogram"]["counts"], one["histogram"]["edges"]
    for count, low, high in zip(counts, edges, edges[1:], strict=False):
        bar = "█" * round(_BAR * count / max(counts)) or ("▏" if count else "")
        say(f"  {low:9.2f} – {high:7.2f}{unit}  {count:7,}  {bar}")
    noise = one["noise"]
    if noise:
        found = f"{noise['from']}, {noise['rows']:,} rows"
        say(f"  ceiling   Kendall's tau {noise['kendall_tau']:.3f} ({found})")
    else:
        say("  ceiling   unknown: no network is trained more than once")
    if one["weak_labels"]:
        say("  weak labels, Kendall's tau with the target where both are known (* pretrained on by default)")
    for weak in one["weak_labels"]:
        tau = "–" if weak["kendall_tau"] is None else f"{weak['kendall_tau']:+.3f}"
        known, total = weak["known"], weak["total"]
        cover = f"{known:,} of {total:,} ({percent(known, total)})" if known < total else f"{known:,}"
        say(f"    {weak['name'] + '*' * weak['default']:32} {tau:>8}   {cover} architectures")


if __name__ == "__main__":
    run_cli(app, prog="python -m benchmarks.info")
