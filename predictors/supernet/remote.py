"""Parts of a long job on a cluster: images and weights travel once, records come back whole."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.cluster import Cell, Run, Source, connect

if TYPE_CHECKING:
    from predictors.supernet.images import Images

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("data", "predictors/supernet")  # with the code that shapes records
LIBRARIES = ("numpy", "scipy", "torch")
_ready = ""  # of a worker: the job that it is set up for


@dataclass(frozen=True)
class Job:
    """What workers need besides the items.

    Attributes:
        function: Computes a part from its item; a function of a module.
        setup: Called once in each process before any item, with `args` and the images.
        args: Its arguments.
    """

    function: Callable[[Any], Any]
    setup: Callable[..., None]
    args: Sequence[Any]


def run_remote(
    address: str, job: Job, images: Images, items: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (name, record) of every part, in the order in which they finish.

    Args:
        address: Of the cluster, as `data.cluster.connect` takes it.
        job: What workers need.
        images: Images that the job loads; workers need no folder with them.
        items: What each part is computed from, by the part's name.
    """
    names, packed = list(items), pickle.dumps(job)
    needs = f"job-{hashlib.sha256(packed).hexdigest()[:16]}", f"images-{images.content_hash}"
    sources = {needs[0]: Source(packed), needs[1]: Source(pickle.dumps(images))}

    def get_cell(position: int) -> Cell:
        name = names[position]
        return Cell(f"part {name}", pickle.dumps((*needs, items[name])), needs)

    with connect(address) as cluster:
        for position, record in Run(cluster, call, len(names), get_cell, sources, fingerprint).results():
            yield names[position], record


def call(payload: bytes, values: Mapping[str, Any]) -> dict[str, Any]:
    """In a worker: compute a part."""
    global _ready
    job_name, images_name, item = pickle.loads(payload)
    job = values[job_name]
    if _ready != job_name:
        job.setup(*job.args, values[images_name])
        _ready = job_name
    return job.function(item)


def fingerprint(modules: tuple[str, ...]) -> dict[str, str]:
    """Return what records depend on: versions of libraries, and the code of folders."""
    del modules
    return {
        **{name: metadata.version(name) for name in LIBRARIES},
        **{f"code of {name}": _hash_folder(ROOT / name) for name in FOLDERS},
    }


def _hash_folder(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]
