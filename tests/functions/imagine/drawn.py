"""Pictures and frames that the tests of the imagine functions draw."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def frames(count: int, width: int = 128, height: int = 72, first: int = 0) -> Iterator[NDArray[np.uint8]]:
    """A yellow square that moves to the right over a colour gradient, 4 pixels a frame."""
    rows, columns = np.mgrid[0:height, 0:width]
    for index in range(first, first + count):
        frame = np.zeros((height, width, 3), np.uint8)
        frame[..., 0] = columns * 255 // width
        frame[..., 1] = rows * 255 // height
        frame[..., 2] = 40
        left = index * 4 % width
        frame[height // 3 : height // 3 * 2, left : left + width // 6] = (255, 220, 0)
        yield frame


def picture(width: int = 96, height: int = 64) -> Image.Image:
    """The first of the frames."""
    return Image.fromarray(next(frames(1, width, height)))


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The picture as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(content: bytes) -> NDArray[np.int64]:
    """The pixels of a picture's file, in RGB."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(np.int64)


def difference(one: Any, other: Any) -> float:
    """The mean absolute difference of two pictures' pixels, of 0 to 255."""
    return float(np.abs(np.asarray(one, np.int64) - np.asarray(other, np.int64)).mean())
