"""Images from official releases: CIFAR-10, CIFAR-100 and ImageNet16-120 (pickles), digits, folders."""

from __future__ import annotations

import lzma
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from typing import Any

import numpy as np

from data.convert.pickles import read_images
from data.errors import InputError, MissingTableError, TableError
from data.folders import folders
from predictors.supernet.raw import Raw, decode_square

SUFFIXES = (".png", ".jpg", ".jpeg", ".ppm", ".bmp", ".webp")
DIGITS_TRAIN = 1200  # of 1,797


def cifar10() -> Raw:
    """Return CIFAR-10 from the official python archive."""
    train = [f"data_batch_{i}" for i in range(1, 6)]
    return _cifar("cifar-10-batches-py", "cifar-10-python.tar.gz", train, "test_batch", "labels", 10)


def cifar100() -> Raw:
    """Return CIFAR-100 from the official python archive."""
    return _cifar("cifar-100-python", "cifar-100-python.tar.gz", ["train"], "test", "fine_labels", 100)


def imagenet16() -> Raw:
    """Return ImageNet16-120: the first 120 classes of 16 × 16 ImageNet, validation images for testing."""
    with _opened("ImageNet16", "ImageNet16.tar.gz") as folder:
        train = _batches(folder, [f"train_data_batch_{i}" for i in range(1, 11)], "labels", 16)
        test = _batches(folder, ["val_data"], "labels", 16)
    parts = []
    for x, y in (train, test):
        kept = y <= 120  # the release counts from 1
        parts.append((x[kept], y[kept] - 1))
    return Raw(parts[0], parts[1], 120)


def digits() -> Raw:
    """Return scikit-learn's 1,797 digits, 8 × 8 pixels; nothing to download."""
    from sklearn.datasets import load_digits

    found: Any = load_digits()
    x = np.round(found.images * 255 / 16).astype(np.uint8)[..., None]
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[:DIGITS_TRAIN], order[DIGITS_TRAIN:]
    return Raw((x[train], found.target[train]), (x[test], found.target[test]), 10)


def read_folder(path: Path, size: int) -> Raw:
    """Return the images of a folder with one subfolder a class, in "train" and "test" if it has these.

    Without them every sixth image of a class is for testing. Images are cut to their middle square and
    resized.

    Raises:
        InputError: No size is given, or there are no classes.
        TableError: A file is not an image.
    """
    if not size:
        raise InputError(f"{path}: set the image size; images in a folder may have any")
    if (path / "train").is_dir() and (path / "test").is_dir():
        names = _classes(path / "train")
        train, test = (_read(path / part, names, size, slice(None)) for part in ("train", "test"))
    else:
        names = _classes(path)
        test = _read(path, names, size, slice(0, None, 6))
        train = _read(path, names, size, None)
    return Raw(train, test, len(names))


def _classes(path: Path) -> list[str]:
    names = sorted(f.name for f in path.iterdir() if f.is_dir() and not f.name.startswith((".", "__")))
    if len(names) < 2:
        raise InputError(
            f"{path} has {len(names)} subfolders; an image folder needs one per class, at least two"
        )
    return names


def _read(path: Path, names: Sequence[str], size: int, rows: slice | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the images of every class; `rows` of each, or None for those that every sixth leaves over."""
    x, y = [], []
    for label, name in enumerate(names):
        files = sorted(file for file in (path / name).glob("*") if file.suffix.lower() in SUFFIXES)
        kept = [file for i, file in enumerate(files) if i % 6] if rows is None else files[rows]
        if not kept:
            raise InputError(f"{path / name} has too few images ({', '.join(SUFFIXES)}) to train and to test")
        x += [decode_square(file.read_bytes(), str(file), size) for file in kept]
        y += [label] * len(kept)
    return np.stack(x), np.array(y)


def _cifar(folder: str, archive: str, train: Sequence[str], test: str, labels: str, classes: int) -> Raw:
    with _opened(folder, archive) as path:
        return Raw(_batches(path, train, labels, 32), _batches(path, [test], labels, 32), classes)


def _batches(folder: Path, names: Sequence[str], labels: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the images (n, size, size, 3) and classes (n,) of pickled batches."""
    x, y = [], []
    for name in names:
        if not (folder / name).is_file():
            raise MissingTableError(f"{folder} lacks the file {name}")
        batch = read_images(folder / name)
        pixels = np.asarray(batch.get("data"))
        classes = batch.get(labels)
        shape = (len(classes) if isinstance(classes, list) else -1, 3 * size * size)
        if pixels.dtype != np.uint8 or pixels.shape != shape:
            raise TableError(f"{folder / name}: not a batch of {size} × {size} images with {labels}")
        if not all(type(c) is int and 0 <= c <= 1000 for c in classes):  # pyright: ignore[reportOptionalIterable]
            raise TableError(f"{folder / name}: {labels} are not all class numbers")
        x.append(pixels.reshape(-1, 3, size, size).transpose(0, 2, 3, 1))
        y.append(np.array(classes, np.int64))
    return np.concatenate(x), np.concatenate(y)


@contextmanager
def _opened(folder: str, archive: str) -> Iterator[Path]:
    """Give the folder of a release: unpacked already, or unpacked now for as long as it is read."""
    for place in folders():
        if (place / folder).is_dir():
            yield place / folder
            return
    for place in folders():
        if (place / archive).is_file():
            with tempfile.TemporaryDirectory() as temporary:
                _unpack(place / archive, Path(temporary))
                yield Path(temporary)
            return
    searched = ", ".join(map(str, folders()))
    raise MissingTableError(
        f"neither {folder}/ nor {archive} in {searched}: put the official release into one of these, or set "
        "ACERANK_DATA to its folder"
    )


def _unpack(archive: Path, to: Path) -> None:
    """Unpack the plain files of an archive into one folder, whatever folders they are in."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isfile() else None
                if stream is not None:
                    (to / Path(member.name).name).write_bytes(stream.read())
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno == ENOSPC:
            raise
        raise TableError(f"{archive} is damaged or incomplete: {error}") from error
