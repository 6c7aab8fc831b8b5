"""What every run has: the command that asks for it, a folder, a description, and progress on a terminal."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.base import Benchmark
from data.errors import InputError
from eval.grid.folder import Signature, claim_folder, sign
from eval.grid.pace import Pace
from eval.provenance import device, versions
from eval.task import Task

if TYPE_CHECKING:
    from distributed import Client

    from data.cluster import Cluster


@dataclass(frozen=True)
class Command:
    """The command line that asks for a run, which then has a folder under runs/ where none is named.

    Attributes:
        words: The words of the command line.
        options: The options that were given.
    """

    words: Sequence[str]
    options: Mapping[str, Any]


def describe_run(
    benches: Sequence[Benchmark], kind: str, signature: Signature, command: Command | None
) -> dict[str, Any]:
    """Return what settings.json says of a run: what asked for it, on which tables, machine and versions."""
    return {
        "command": list(command.words) if command else [],
        "options": dict(command.options) if command else {},
        "benchmarks": {
            bench.info.key: {"table": bench.content_hash, "size": bench.size_note, **asdict(bench.info)}
            for bench in benches
        },
        "device": device(),
        "versions": versions(),
        "run": sign(kind, signature),
    }


def name_folder(benches: Sequence[Benchmark], kind: str) -> Path:
    """Return the default folder of a run: runs/BENCH, or runs/BENCH-KIND."""
    stems = "+".join(dict.fromkeys(Path(bench.info.key).stem for bench in benches))
    return Path("runs") / (stems if kind == "run" else f"{stems}-{kind}")


def choose_folder(
    benches: Sequence[Benchmark],
    kind: str,
    signature: Signature,
    out: str | Path | None,
    command: Command | None,
) -> Path | None:
    """Return the folder of a run; None from Python where none is named, to keep nothing.

    Raises:
        InputError: `out` holds another run, or files that no run has written.
    """
    if out is None and command is None:
        return None
    return claim_folder(None if out is None else Path(out), name_folder(benches, kind), kind, signature)


def get_benches(tasks: Iterable[Task]) -> list[Benchmark]:
    """Return the benchmarks of tasks, each once, in order."""
    return list({id(task.bench): task.bench for task in tasks}.values())


@contextmanager
def open_folder(folder: Path | None) -> Iterator[Path]:
    """Make a run's folder, or a temporary one for None."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="acerank-") as temporary:
        yield Path(temporary)


class Titled(Protocol):
    """What has a title to show."""

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        ...


@contextmanager
def open_cluster(cluster: str | Client | None, jobs: int) -> Iterator[Cluster | None]:
    """Connect to the cluster that a run is asked to use; None for processes of this machine.

    Raises:
        InputError: There is none, or processes are asked for as well.
    """
    if cluster is None:
        yield None
        return
    if jobs > 1:
        raise InputError(f"{jobs} jobs would have no effect: trials are run on the cluster")
    from data.cluster import connect

    with connect(cluster) as opened:
        yield opened


@contextmanager
def show_progress(
    total: int, *, show: bool, cluster: Cluster | None = None
) -> Iterator[Callable[[Titled, bool], object]]:
    """Show finished trials on stderr, if that is a terminal; on a cluster also its workers and the pace.

    Elsewhere, a run on a cluster logs a line now and then.
    """
    pace = None if cluster is None else Pace(total, lambda: len(cluster.threads))
    if not (show and sys.stderr.isatty()):
        yield lambda trial, was_stored: None if pace is None else pace.log(was_stored=was_stored)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("trials", total=total)

        def done(trial: Titled, was_stored: bool) -> None:
            title = trial.title if pace is None else f"{pace.count(was_stored=was_stored)}; {trial.title}"
            bar.update(task, advance=1, description=title)

        yield done
