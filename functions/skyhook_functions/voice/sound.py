"""Sound as numbers: reading files of it, and from 24 to 16 thousand samples a second."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from skyhook.function import FunctionError
from skyhook_functions.voice.messages import HEARD_RATE, LONGEST_RECORDING_S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TAPS = 64
CONTEXT = TAPS // 2
"""How many samples before a part of a stream its conversion to 16 kHz looks back at."""


def read(content: bytes) -> NDArray[np.int16]:
    """The samples of a WAV, FLAC, OGG or MP3 file at 16 kHz, its channels mixed.

    Raises AUDIO_INVALID for what is no such file or is broken, and AUDIO_TOO_LONG.
    """
    import av
    import numpy as np

    parts: list[NDArray[np.int16]] = []
    left = LONGEST_RECORDING_S * HEARD_RATE
    try:
        for part in _decoded(content):
            parts.append(part)
            left -= len(part)
            if left < 0:
                raise FunctionError(
                    "AUDIO_TOO_LONG",
                    f"A recording has at most {LONGEST_RECORDING_S} seconds: cut it into shorter ones.",
                )
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise FunctionError("AUDIO_INVALID", "This file is broken, or has no sound in it.") from error
    if not parts:
        raise FunctionError("AUDIO_INVALID", "There is no sound in this file.")
    return np.concatenate(parts)


def to_16k(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """From 24 to 16 kHz; the first `CONTEXT` samples are those before, and only looked back at."""
    import numpy as np

    wide = np.zeros(2 * len(samples), np.float32)
    wide[::2] = samples
    narrow = np.convolve(wide, _low_pass(), "valid")[1::3]
    return np.clip(np.rint(narrow), -32768, 32767).astype(np.int16)


def _decoded(content: bytes) -> Iterator[NDArray[np.int16]]:
    import av

    # The format is told here and not by FFmpeg, some of whose formats open other files by name.
    with av.open(io.BytesIO(content), mode="r", format=_format(content)) as file:
        resampler: Any = av.AudioResampler("s16", "mono", HEARD_RATE)
        for frame in file.decode(file.streams.audio[0]):
            for part in resampler.resample(frame):
                yield part.to_ndarray()[0]
        for part in resampler.resample(None):
            yield part.to_ndarray()[0]


def _format(content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return "wav"
    if content[:4] == b"fLaC":
        return "flac"
    if content[:4] == b"OggS":
        return "ogg"
    if content[:3] == b"ID3" or (content[:1] == b"\xff" and content[1:2] >= b"\xe0"):
        return "mp3"
    raise FunctionError("AUDIO_INVALID", "Send a WAV, FLAC, OGG or MP3 file.")


@cache
def _low_pass() -> NDArray[np.float32]:
    """A windowed sinc at 48 kHz that ends at 7.5 kHz, and makes up for the zeros put in between."""
    import numpy as np

    at = np.arange(TAPS) - (TAPS - 1) / 2
    taps = np.sinc(2 * 7_500 / 48_000 * at) * np.hamming(TAPS)
    return np.asarray(2 * taps / taps.sum(), np.float32)
