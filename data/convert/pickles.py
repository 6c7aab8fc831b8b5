"""Official releases that are pickles, read without trust: plain, in bz2, or in the containers of torch.

`torch.save` writes a zip whose member data.pkl is the pickle (since 1.6), or, before, one file: three small
pickles (a magic number, the version, the machine), the pickle, and one with the keys of the tensors. No
release here holds a tensor, so tensors are refused like every other name that is not needed.
"""

from __future__ import annotations

import bz2
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from data.convert import Progress
from data.convert.pickle_bytes import Reader
from data.convert.pickle_machine import Limits, Machine
from data.convert.pickle_names import Name, shown
from data.convert.pickle_shed import Shed
from data.errors import TableError

_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_TORCH_VERSION = 1001
_SMALL = Limits(size=1 << 16, held=1 << 16, objects=1000)


def read_pickle(
    path: Path,
    *,
    text: Literal["latin1", "bytes"] = "latin1",
    limits: Limits | None = None,
    shed: Shed | None = None,
    names: Mapping[str, Name] | None = None,
    progress: Progress = lambda share: None,
) -> Any:  # noqa: ANN401
    """Return what a pickled file holds: built-in values and numpy arrays.

    Args:
        path: A pickle of protocol 2 to 5, plain, in bz2, or as `torch.save` writes it.
        text: What texts of Python 2 become: str, one letter a byte, or bytes.
        limits: What the pickle may cost.
        shed: Large dicts whose values are reduced as they come.
        names: What this file may name besides the containers and numbers that every one may.
        progress: Called with the share of the file that has been read.

    Raises:
        TableError: The file is none of these, is cut short, exceeds the limits or asks for something that
            is not data (a call, an import, an object); the file, the byte and the name are given.
    """
    limits = limits or Limits()
    with _opened(path) as (stream, raw):
        share = _share(raw, path.stat().st_size, progress)
        reader = Reader(stream, path.name, limits.size, share)

        def load(limits: Limits = _SMALL, shed: Shed | None = None) -> Any:  # noqa: ANN401
            return Machine(reader, limits=limits, text=text, shed=shed, names=names).load()

        value = load(limits, shed)
        if _is(value, _TORCH_MAGIC):
            if not _is(version := load(), _TORCH_VERSION):
                raise TableError(f"{path.name}: torch file format {shown(version)}; {_TORCH_VERSION} is read")
            load()
            value = load(limits, shed)
            if not _is(load(), []):
                raise TableError(f"{path.name}: holds tensors; the official release has none")
        if not reader.is_empty():
            raise TableError(f"{path.name}: further bytes after its end")
    progress(1.0)
    return value


def read_images(path: Path) -> dict[str, Any]:
    """Return a batch of CIFAR-10, CIFAR-100 or ImageNet16, as their authors pickled it.

    The keys become str whatever the Python that wrote them: "data" is a uint8 array (n, values of an image),
    "labels" ("fine_labels" of CIFAR-100) a list of n numbers.

    Raises:
        TableError: Not such a file.
    """
    batch = mapping(read_pickle(path, text="bytes"), path.name)
    return {key.decode("latin1") if isinstance(key, bytes) else str(key): batch[key] for key in batch}


def _is(value: object, expected: object) -> bool:
    """Whether two values are equal; an array is not compared number by number."""
    return type(value) is type(expected) and value == expected


def mapping(value: object, place: str) -> Mapping[Any, Any]:
    """Return `value`, a dict; TableError otherwise."""
    if not isinstance(value, dict):
        raise TableError(f"{place}: {shown(value)} where a dict belongs")
    return value


def number(value: object, low: float, high: float, what: str) -> float:
    """Return `value`, a number in low..high; otherwise, as for NaN, TableError that says `what` it is."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise TableError(f"{what} is {shown(value)}, not a number in {low:g}..{high:g}")
    return float(value)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Give the stream of the pickle in `path`, and the file under it."""
    try:
        with path.open("rb") as raw:
            start = raw.read(4)
            raw.seek(0)
            if start.startswith(b"BZh"):
                with bz2.BZ2File(raw) as stream:
                    yield stream, raw  # pyright: ignore[reportReturnType]
            elif start == b"PK\3\4":
                with zipfile.ZipFile(raw) as archive, archive.open(_member(archive, path)) as stream:
                    yield stream, raw
            else:
                yield raw, raw
    except TableError:
        raise
    except EOFError as error:
        raise TableError(f"{path.name}: cut short") from error
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise TableError(f"{path.name}: not a complete file: {str(error)[:200]}") from error


def _member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    found = [info for info in archive.infolist() if info.filename.split("/")[1:] == ["data.pkl"]]
    if len(found) != 1:
        raise TableError(f"{path.name}: {len(found)} members named data.pkl; a file of torch.save has one")
    return found[0]


def _share(raw: IO[bytes], size: int, progress: Progress) -> Callable[[], object]:
    """Return what reports how much of the file has been read; zip members read ahead, so at most 1."""
    return lambda: progress(min(1.0, raw.tell() / max(size, 1)))
