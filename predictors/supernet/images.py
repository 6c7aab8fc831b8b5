"""Images to train and evaluate networks on: read from this machine, resized, split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from data.errors import InputError, MissingTableError, TableError
from data.folders import folders
from data.names import check_name
from data.table import Table
from predictors.supernet import archives
from predictors.supernet.raw import Raw, decode

CIFAR10 = "cifar10_images.parquet"
TENTH = -1  # as a number of held-out images


@dataclass(frozen=True)
class Split:
    """Labelled images.

    Attributes:
        x: (n, c, h, w) float32; `Images` are normalised.
        y: (n,) int64 classes.
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.y)

    def take(self, rows: Tensor | slice) -> Split:
        """Return the images of these rows."""
        return Split(self.x[rows], self.y[rows])

    def to(self, device: str) -> Split:
        """Return the images on another device."""
        return Split(self.x.to(device), self.y.to(device))


@dataclass(frozen=True)
class ImageSettings:
    """Which images, and how many.

    Attributes:
        name: A data set of `SOURCES`, or the path of a folder of images.
        size: Side in pixels, 0 for the images' own; smaller ones are means over areas.
        train: Training images, 0 for all that are not held out.
        valid: Images held out of the training part, to choose architectures by; `TENTH` for a tenth of them.
        seed: Seed of which images are drawn.
    """

    name: str = "cifar10"
    size: int = 0
    train: int = 0
    valid: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Images:
    """What networks are trained and evaluated on, normalised by the training images' mean and deviation.

    Attributes:
        settings: What was asked for.
        train: Training images.
        valid: Held-out images, possibly none.
        test: Test images.
        classes: Number of classes.
    """

    settings: ImageSettings
    train: Split
    valid: Split
    test: Split
    classes: int

    @property
    def channels(self) -> int:
        """Channels of an image."""
        return self.train.x.shape[1]

    @cached_property
    def content_hash(self) -> str:
        """Twelve hex digits that identify the images and labels."""
        digest = hashlib.sha256()
        for split in (self.train, self.valid, self.test):
            digest.update(split.x.cpu().numpy().tobytes() + split.y.cpu().numpy().tobytes())
        return digest.hexdigest()[:12]

    def to(self, device: str) -> Images:
        """Return the images on another device."""
        return replace(
            self, train=self.train.to(device), valid=self.valid.to(device), test=self.test.to(device)
        )


def load(settings: ImageSettings) -> Images:
    """Read, resize and split images.

    Raises:
        UnknownNameError: Neither a known data set nor a folder.
        MissingTableError: The data set is not on this machine; the message says where it is looked for.
        InputError: More images are asked for than there are.
        TableError: A file is not what it should be.
    """
    path = Path(settings.name)
    if settings.name not in SOURCES and (path.is_dir() or path.name != settings.name):
        if not path.is_dir():
            raise MissingTableError(f"there is no folder '{path}'")
        raw = archives.read_folder(path, settings.size)
    else:
        raw = SOURCES[check_name("images", settings.name, SOURCES)]()
    return prepare(raw, settings)


def prepare(raw: Raw, settings: ImageSettings) -> Images:
    """Resize, split and normalise a data set.

    Raises:
        InputError: More images are asked for than there are.
        TableError: Images are not square, classes are not as many as they should be, or there is nothing to
            test on.
    """
    for x, y in (raw.train, raw.test):
        square = x.ndim == 4 and x.shape[1] == x.shape[2]
        if not square or not len(y) or y.min() < 0 or y.max() >= raw.classes:
            raise TableError(
                f"{settings.name}: images {x.shape}, expected square ones with classes 0 to {raw.classes - 1}"
            )
    generator = torch.Generator().manual_seed(settings.seed)
    order = torch.randperm(len(raw.train[1]), generator=generator)
    n_valid = len(order) // 10 if settings.valid == TENTH else settings.valid
    n_train = settings.train or len(order) - n_valid
    if not 0 < n_train <= len(order) - n_valid:
        raise InputError(
            f"{settings.name} has {len(order)} training images: not enough for {n_valid} held out and "
            f"{n_train} to train on"
        )
    # Held out from the end, so that the number of training images does not change which they are.
    kept = order[:n_train], order[len(order) - n_valid :]
    train, valid = (_split(raw.train, rows, settings.size) for rows in kept)
    test = _split(raw.test, torch.arange(len(raw.test[1])), settings.size)
    mean = train.x.mean((0, 2, 3), keepdim=True)
    scale = train.x.std((0, 2, 3), keepdim=True).clamp_min(1e-6)
    train, valid, test = (Split((part.x - mean) / scale, part.y) for part in (train, valid, test))
    return Images(settings, train, valid, test, raw.classes)


def _split(part: tuple[np.ndarray, np.ndarray], rows: Tensor, size: int) -> Split:
    pixels = torch.from_numpy(np.ascontiguousarray(part[0][rows.numpy()])).permute(0, 3, 1, 2)
    labels = torch.from_numpy(part[1].astype(np.int64))[rows]
    x = pixels.float() / 255
    if size and size != x.shape[-1]:
        # Zero images cannot be interpolated.
        mode = "area" if size < x.shape[-1] else "bilinear"
        x = F.interpolate(x, (size, size), mode=mode) if len(x) else x.new_empty(0, x.shape[1], size, size)
    return Split(x, labels)


def parquet(path: Path) -> Raw:
    """Return the data set of a parquet file with the columns split, label, jpeg."""
    table = Table.read(path)
    part = np.array(table.column("split").to_pylist())
    labels = table.column("label").to_pylist()
    names = {name: i for i, name in enumerate(sorted(set(labels), key=str))}
    y = np.array([names[label] for label in labels], np.int64)
    encoded = table.column("jpeg").to_pylist()
    decoded = [decode(jpeg, f"{path}, row {i}") for i, jpeg in enumerate(encoded)]
    if len({image.shape for image in decoded}) != 1 or None in names:
        raise TableError(f"{path}: its images must all have one size and a label")
    x = np.stack(decoded)
    train, test = ((x[part == name], y[part == name]) for name in ("train", "test"))
    return Raw(train, test, len(names))


def cifar10() -> Raw:
    """Return CIFAR-10 from cifar10_images.parquet, or from the official python archive."""
    found = [folder / CIFAR10 for folder in folders() if (folder / CIFAR10).is_file()]
    return parquet(found[0]) if found else archives.cifar10()


SOURCES: Mapping[str, Callable[[], Raw]] = {
    "cifar10": cifar10,
    "cifar100": archives.cifar100,
    "imagenet16": archives.imagenet16,
    "digits": archives.digits,
}
