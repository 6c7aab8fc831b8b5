"""Options of the command lines: each declared once, as the field of a dataclass that a command takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar, get_type_hints

import typer

if TYPE_CHECKING:
    from benchmarks.table_options import TableOptions

T = TypeVar("T")


class Format(StrEnum):
    """What is printed on stdout."""

    table = "table"
    markdown = "markdown"
    latex = "latex"
    tsv = "tsv"
    csv = "csv"
    json = "json"


def names(text: str) -> list[str]:
    """Return the distinct names of a comma-separated list."""
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def sizes(text: str) -> list[int]:
    """Return the distinct whole numbers of a comma-separated list."""
    try:
        return [int(size) for size in names(text)]
    except ValueError as error:
        raise typer.BadParameter(f"'{text}' is not a list of whole numbers") from error


def numbers(text: str) -> list[float]:
    """Return the numbers, from 0 up, of a comma-separated list."""
    try:
        found = [float(number) for number in names(text)]
    except ValueError:
        found = [-1.0]
    if any(not 0 <= number < float("inf") for number in found):
        raise typer.BadParameter(f"'{text}' is not a list of numbers from 0 up")
    return found


def _list(parser: Callable[[str], list[Any]], help_: str, flag: str = "", metavar: str = "LIST") -> Any:  # noqa: ANN401
    flags = [flag] if flag else []
    return typer.Option(*flags, parser=parser, metavar=metavar, help=help_)


@dataclass(frozen=True)
class TableFlags:
    """How a table of the user's own is read."""

    zero: Annotated[
        list | None,
        _list(names, "Operations of your own table whose output is zero. Default: known by their names."),
    ] = None
    identity: Annotated[
        list | None,
        _list(names, "Operations of your own table that pass their input on. Default: known by their names."),
    ] = None
    fold: Annotated[
        bool | None,
        typer.Option(
            "--fold/--no-fold",
            help="Treat rows of your own table that differ in zeros and identities alone as one network. "
            "Default: yes, except in chains whose blocks differ by position.",
        ),
    ] = None
    position: Annotated[
        bool,
        typer.Option(
            "--position/--no-position",
            help="Tell the blocks of a chain apart by their position, where the table names no stages.",
        ),
    ] = True

    def table_options(self) -> TableOptions | None:
        """Return them for `benchmarks.load`; None for the default rules."""
        if all(getattr(self, field.name) == field.default for field in fields(TableFlags)):
            return None
        from benchmarks.table_options import TableOptions

        return TableOptions(
            zero=None if self.zero is None else tuple(self.zero),
            identity=None if self.identity is None else tuple(self.identity),
            fold=self.fold,
            position=self.position,
        )


@dataclass(frozen=True)
class BenchFlags(TableFlags):
    """Which benchmark, and which of its labels.

    Attributes:
        bench_required: Whether a benchmark must be named.
    """

    bench_required: ClassVar[bool] = True
    bench: Annotated[
        list | None,
        _list(
            names,
            "Benchmark, e.g. nb201, or the path of your own table (parquet, CSV, JSON lines, ...); several "
            "separated by commas.",
            metavar="NAME",
        ),
    ] = None
    dataset: Annotated[list | None, _list(names, "Data sets, separated by commas.")] = None
    label: Annotated[
        str | None,
        typer.Option(
            help="Training label; NAME:min where lower is better. Default: the benchmark's, e.g. valid_acc."
        ),
    ] = None
    target: Annotated[
        str | None,
        typer.Option(
            help="Target that scores are evaluated on; NAME:min where lower is better. Default: the "
            "benchmark's, e.g. test_acc."
        ),
    ] = None
    weak: Annotated[
        list | None,
        _list(
            names,
            "Weak labels to pretrain on, separated by commas: names, DATASET/TARGET for one of another data "
            "set, numeric columns of your own table, tables with a column arch, or none. Default: the "
            "benchmark's.",
        ),
    ] = None
    trust_weak: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=REASON",
            help="Accept a weak label that ranks like a true label, and say why; repeatable.",
        ),
    ] = None
    encoder: Annotated[Path | None, typer.Option(help="Pretrained encoder to use, from --save-encoder.")] = (
        None
    )
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PREDICTOR.PARAMETER=VALUE", help="Set a hyper-parameter; repeatable."),
    ] = None
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first repeat; repeat r uses seed + r.")] = 0
    jobs: Annotated[
        int, typer.Option(min=0, help="Processes; 0 for one a core. Any number gives the same rows.")
    ] = 0
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for rows, scores and the report. Default: the first folder under runs/ that is "
            "free, or holds an earlier part of this run."
        ),
    ] = None
    format_: Annotated[Format, typer.Option("--format", help="What to print on stdout.")] = Format.table
    offline: Annotated[bool, typer.Option("--offline", help="Never use the network.")] = False

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that `evaluate` and its relatives share.

        Raises:
            typer.BadParameter: No benchmark, or a reason without a name.
        """
        if self.bench_required and not self.bench:
            raise typer.BadParameter("name a benchmark, e.g. --bench nb201; --list shows all of them")
        return {
            "bench": self.bench,
            "datasets": self.dataset,
            "label": self.label,
            "target": self.target,
            "weak": self.weak,
            "trusted_weak": _reasons(self.trust_weak or ()),
            "encoder": self.encoder,
            "settings": self.set_ or (),
            "seed": self.seed,
            "jobs": self.jobs,
            "out": self.out,
            "offline": self.offline,
            "table": self.table_options(),
        }


@dataclass(frozen=True)
class ClusterFlags(BenchFlags):
    """Where a comparison or a search is computed, if not on this machine."""

    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Dask cluster to run on in place of --jobs: tcp://host:8786, a scheduler file (.json), or "
            "local:2 for two processes of this machine. The rows are the same.",
        ),
    ] = None

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that `evaluate` and its relatives share."""
        if self.cluster is not None:
            from data.cluster.connect import check_address

            check_address(self.cluster)
        return super().arguments() | {"cluster": self.cluster}


@dataclass(frozen=True)
class GridFlags(ClusterFlags):
    """How predictors are compared."""

    protocol: Annotated[
        list | None,
        _list(
            names,
            "How training and test rows are drawn; separated by commas, see --list. Default: leakfree, "
            "or cv (cross-validation) for a small table.",
        ),
    ] = None
    train_size: Annotated[
        list | None, _list(sizes, "Training labels; separated by commas for a curve. Default: 100.")
    ] = None
    repeats: Annotated[int, typer.Option(min=1, help="Repeats, each with its own split and seed.")] = 10
    metrics: Annotated[
        list | None, _list(names, "Metrics, separated by commas, e.g. ndcg@10,kendall_tau.")
    ] = None
    device: Annotated[
        str,
        typer.Option(
            help="Where networks train and score: cpu, cuda, cuda:1, mps, or auto for the fastest of this "
            "machine. Scores differ in the last digits; for one predictor: gcn:device=cuda."
        ),
    ] = "cpu"
    encoders: Annotated[
        int,
        typer.Option(
            min=1,
            help="Encoders that a predictor is pretrained to, each with its own seed; repeats share them in "
            "turn. As many as repeats, and intervals include the chance of the pretraining.",
        ),
    ] = 1

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that `evaluate` and its relatives share."""
        return super().arguments() | {
            "protocol": self.protocol,
            "train_sizes": self.train_size,
            "repeats": self.repeats,
            "metrics": self.metrics,
            "device": self.device,
            "encoders": self.encoders,
        }


def _reasons(items: list[str] | tuple[()]) -> dict[str, str]:
    reasons = {}
    for item in items:
        name, equals, reason = item.partition("=")
        if not equals or not reason.strip():
            raise typer.BadParameter(f"--trust-weak '{item}' is not of the form NAME=REASON")
        reasons[name] = reason.strip()
    return reasons


def as_mapping(options: object) -> Mapping[str, Any]:
    """Return the options that were given, for settings.json."""
    return {
        field.name.rstrip("_"): str(value) if isinstance(value, Path) else value
        for field in fields(options)  # pyright: ignore[reportArgumentType]
        if (value := getattr(options, field.name)) != field.default
    }


def command(app: typer.Typer, function: Callable[[Any], None], options: type[T]) -> None:
    """Add a command whose options are the fields of a dataclass.

    Args:
        app: The command line.
        function: Called with the dataclass; its docstring is the help.
        options: The dataclass: each field annotated with a typer option.
    """
    hints = get_type_hints(options, include_extras=True)
    parameters = []
    for field in fields(options):  # pyright: ignore[reportArgumentType]
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        parameters.append(
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[field.name]
            )
        )

    def call(**given: Any) -> None:  # noqa: ANN401
        function(options(**given))

    late = {field.name for field in fields(TableFlags)}  # what most runs do not need comes last
    parameters.sort(key=lambda parameter: parameter.name in late)
    call.__doc__ = function.__doc__
    call.__name__ = function.__name__
    call.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app.command()(call)
