"""Options that the command lines share: how they are written, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """What is printed on stdout."""

    table = "table"
    json = "json"
    tsv = "tsv"
    markdown = "markdown"


Bench = Annotated[
    str | None,
    typer.Option(help="Benchmark, e.g. nb201, or the path of your own table (parquet, CSV, JSON lines)."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PREDICTOR.PARAMETER=VALUE", help="Set a hyper-parameter; repeatable."),
]
Dataset = Annotated[str | None, typer.Option(help="Data sets, separated by commas.")]
Label = Annotated[
    str | None, typer.Option(help="Label to train on. Default: the benchmark's, e.g. valid_acc.")
]
Target = Annotated[
    str | None, typer.Option(help="Target to be judged on. Default: the benchmark's, e.g. test_acc.")
]
Weak = Annotated[
    str | None,
    typer.Option(
        help="Weak labels to pretrain on: names separated by commas, DATASET/TARGET for one of another "
        "data set, a parquet table of your own with a column arch, or none. Default: the benchmark's."
    ),
]
Encoder = Annotated[Path | None, typer.Option(help="Pretrained encoder to use, from --save-encoder.")]
SaveEncoder = Annotated[Path | None, typer.Option(help="Where to save the encoder that was pretrained.")]
ProtocolName = Annotated[
    str, typer.Option(help="How training and test rows are chosen; separated by commas, see --list.")
]
TrainSize = Annotated[
    str | None, typer.Option(help="Training labels; separated by commas for a curve. Default: 100.")
]
Repeats = Annotated[int, typer.Option(min=1, help="Repeats, each with its own split and seed.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the first repeat; repeat r uses seed + r.")]
Metrics = Annotated[str | None, typer.Option(help="Metrics, separated by commas, e.g. ndcg@10,kendall_tau.")]
Jobs = Annotated[
    int, typer.Option(min=0, help="Processes; 0 for one a core. Any number gives the same rows.")
]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder for rows, scores and the report. Default: a folder under runs/."),
]
FormatOption = Annotated[Format, typer.Option("--format", help="What to print on stdout.")]
Offline = Annotated[bool, typer.Option("--offline", help="Never touch the network.")]


@dataclass(frozen=True)
class Options:
    """What a command line was given; None where the benchmark or a protocol has a default.

    Attributes:
        chosen: Whether the user named the predictors; default ones may be left out where they cannot work.
        distinct: Whether a predictor that is listed twice, under whatever spelling, is run once.
        settings: "PREDICTOR.PARAMETER=VALUE" each.
    """

    bench: str
    predictors: str
    chosen: bool = True
    settings: Sequence[str] = ()
    datasets: Sequence[str] | None = None
    label: str | None = None
    target: str | None = None
    weak: Sequence[str] | None = None
    encoder: Path | None = None
    save_encoder: Path | None = None
    protocols: Sequence[str] = ("leakfree",)
    train_sizes: Sequence[int] | None = None
    repeats: int = 10
    seed: int = 0
    metrics: Sequence[str] | None = None
    jobs: int = 0
    out: Path | None = None
    offline: bool = False
    distinct: bool = False


def bench_named(bench: str | None) -> str:
    """Return --bench; a usage error if it is missing."""
    if bench is None:
        raise typer.BadParameter("name a benchmark, e.g. --bench nb201; --list shows what there is")
    return bench


def names_of(text: str | None) -> list[str] | None:
    """Return the different names of a comma-separated list, None if there is none."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    return list(dict.fromkeys(names)) or None


def sizes_of(text: str | None) -> list[int] | None:
    """Return the different numbers of --train-size, None if there is none."""
    try:
        return [int(size) for size in names_of(text) or []] or None
    except ValueError as error:
        message = f"'{text}' is not a list of whole numbers"
        raise typer.BadParameter(message, param_hint="--train-size") from error
