"""Images: official archives, folders, digits; resized, split, and what is none."""

from __future__ import annotations

import gzip
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.small_supernet import DIGITS

from data.errors import InputError, MissingTableError, TableError, UnknownNameError
from predictors.supernet import images
from predictors.supernet.images import Images, ImageSettings
from predictors.supernet.raw import Raw


def test_digits_are_split_and_normalised(digits: Images) -> None:
    assert (len(digits.train), len(digits.valid), digits.channels, digits.classes) == (400, 200, 1, 10)
    assert digits.train.x.mean().abs() < 1e-5
    more = images.load(replace(DIGITS, train=500))
    assert torch.equal(more.valid.y, digits.valid.y)
    with pytest.raises(InputError, match="not enough for 200 held out and 5000"):
        images.load(replace(DIGITS, train=5000))


def test_resizing_takes_means_over_areas() -> None:
    raw = Raw(*[(np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1), np.zeros(1, np.int64))] * 2, classes=1)
    small = images.prepare(raw, ImageSettings(size=2)).test.x.flatten()
    means = torch.tensor([2.5, 4.5, 10.5, 12.5])
    torch.testing.assert_close(small, (means - means.mean()) / means.std())


def test_a_tenth_is_held_out() -> None:
    some = images.load(replace(DIGITS, train=0, valid=images.TENTH))
    assert (len(some.train), len(some.valid)) == (1080, 120)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros((2, 3, 4, 1)), [0, 1]),  # not square
        (np.zeros((2, 4, 4, 1)), [0, 2]),  # a class too many
        (np.zeros((2, 4, 4, 1)), [-1, 0]),
        (np.zeros((0, 4, 4, 1)), []),
    ],
)
def test_images_that_are_none(x: np.ndarray, y: list[int]) -> None:
    whole = np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1])
    with pytest.raises(TableError, match=r"expected square ones with classes 0 to 1"):
        images.prepare(Raw(whole, (x.astype(np.uint8), np.array(y, np.int64)), 2), ImageSettings("mine"))


def test_unknown_images() -> None:
    with pytest.raises(UnknownNameError, match="did you mean cifar10"):
        images.load(ImageSettings("cifar-10"))


def batch(n: int, labels: bytes, values: int) -> dict[bytes, Any]:
    return {b"data": np.full((n, values), 7, np.uint8), labels: list(range(n))}


def test_official_archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACERANK_DATA", str(tmp_path))
    monkeypatch.setenv("ACERANK_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        (folder / name).write_bytes(pickle.dumps(batch(4, b"labels", 3072), protocol=2))
    loaded = images.load(ImageSettings("cifar10"))
    assert (len(loaded.train), len(loaded.test), loaded.train.x.shape[1:]) == (20, 4, (3, 32, 32))
    with pytest.raises(MissingTableError, match=r"neither cifar-100-python/ nor cifar-100-python.tar.gz"):
        images.load(ImageSettings("cifar100"))
    packed = gzip.compress(np.random.default_rng(0).bytes(9999))
    for content in (b"broken", packed, packed[:99], packed[:99] + b"\xff" * 99 + packed[198:]):
        (tmp_path / "cifar-100-python.tar.gz").write_bytes(content)
        with pytest.raises(TableError, match="damaged or incomplete"):
            images.load(ImageSettings("cifar100"))
    (folder / "test_batch").write_bytes(
        pickle.dumps({**batch(4, b"", 3072), b"labels": [0, 1, 2, 0.5]}, protocol=2)
    )
    with pytest.raises(TableError, match="labels are not all class numbers"):
        images.load(ImageSettings("cifar10"))
    (folder / "test_batch").write_bytes(pickle.dumps(print, protocol=2))
    with pytest.raises(TableError, match="test_batch"):
        images.load(ImageSettings("cifar10"))


def test_imagenet16_counts_its_classes_from_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACERANK_DATA", str(tmp_path))
    folder = tmp_path / "ImageNet16"
    folder.mkdir()
    for name in [*(f"train_data_batch_{i}" for i in range(1, 11)), "val_data"]:
        content = {"data": np.zeros((3, 768), np.uint8), "labels": [1, 120, 121]}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    loaded = images.load(ImageSettings("imagenet16"))
    assert sorted(set(loaded.train.y.tolist())) == [0, 119]
    assert (len(loaded.train), len(loaded.test)) == (20, 2)


def test_a_folder_of_images(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(7):
            image.new("RGB", (12, 9), (10 * i, 0, 0)).save(tmp_path / name / f"{i}.png")
    loaded = images.load(ImageSettings(str(tmp_path), size=8))
    (tmp_path / ".git").mkdir()
    assert (len(loaded.train), len(loaded.test), loaded.classes) == (10, 4, 2)
    assert images.load(ImageSettings(str(tmp_path), size=8)).content_hash == loaded.content_hash
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty has too few images"):
        images.load(ImageSettings(str(tmp_path), size=8))
    (tmp_path / "empty").rmdir()
    with pytest.raises(InputError, match="set the image size"):
        images.load(ImageSettings(str(tmp_path)))
    (tmp_path / "dog" / "6.png").write_bytes(b"broken")
    with pytest.raises(TableError, match=r"6.png is not a complete image"):
        images.load(ImageSettings(str(tmp_path), size=8))
