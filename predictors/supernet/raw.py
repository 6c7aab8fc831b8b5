"""Images as they are published: pixels and classes, and how an image file is decoded."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.errors import AcerankError, TableError


@dataclass(frozen=True)
class Raw:
    """A data set as it is published.

    Attributes:
        train: Images (n, h, w, c) uint8 and classes (n,).
        test: The same, for judging.
        classes: Number of classes.
    """

    train: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]
    classes: int


def decode(encoded: bytes, what: str) -> np.ndarray:
    """Return the pixels (h, w, 3) of an image file's bytes; TableError that names `what` otherwise."""
    return np.asarray(_image(encoded, what))


def decode_square(encoded: bytes, what: str, size: int) -> np.ndarray:
    """Return the middle square of an image, resized to (size, size, 3)."""
    image = _image(encoded, what)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return np.asarray(image.resize((size, size), box=(left, top, left + side, top + side)))


def _image(encoded: bytes, what: str) -> Any:  # noqa: ANN401  # a class of Pillow, which may be missing
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise AcerankError("reading image files needs Pillow: pip install 'acerank[supernet]'") from error
    try:
        with Image.open(io.BytesIO(encoded)) as opened:
            return opened.convert("RGB")
    except (OSError, ValueError, TypeError, Image.DecompressionBombError) as error:
        why = "of no known format" if isinstance(error, UnidentifiedImageError) else error
        raise TableError(f"{what} is not a complete image: {why}") from error
