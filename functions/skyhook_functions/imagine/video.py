"""Video files: encoding segments, joining them without encoding again, and pictures of them. Without torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray

    Frame: TypeAlias = NDArray[uint8]
else:
    Frame: TypeAlias = Any
"""A frame [height, width, 3], RGB."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a video file is."""

    duration_s: float
    width: int
    height: int
    fps: float
    frames: int


def encode(frames: Iterable[Frame], fps: int) -> bytes:
    """The MP4 of some frames with even sides; the same frames give the same bytes."""
    raise NotImplementedError


def join(paths: Sequence[Path], out: Path, *, faststart: bool = True) -> Probe:
    """Writes one video of several segments, in constant memory and without encoding again.

    `out` appears whole or not at all. Raises VIDEO_INVALID, and VIDEO_MISMATCH where the segments differ
    in size, rate or codec.
    """
    raise NotImplementedError


def probe(path: Path) -> Probe:
    """What a video file is. Raises VIDEO_INVALID."""
    raise NotImplementedError


def last_frames(path: Path, count: int) -> list[bytes]:
    """The last frames as PNGs, oldest first; fewer where the video has fewer. Raises VIDEO_INVALID."""
    raise NotImplementedError


def poster(path: Path, at_s: float = 0.0) -> bytes:
    """The frame shown at a time, as a PNG. Raises VIDEO_INVALID."""
    raise NotImplementedError


def preview_strip(path: Path, count: int = 10, height: int = 90) -> bytes:
    """A JPEG of `count` thumbnails side by side, evenly spread over the video. Raises VIDEO_INVALID."""
    raise NotImplementedError
