"""What the voice functions take and give: the structs that they share with the voice plugin.

Sound travels as PCM: 16-bit signed little-endian samples of one channel.
A struct gets new fields only with a default, so that both sides may be of different versions.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from skyhook.function import WeightsFolder

SPOKEN_RATE = 24_000
"""Samples a second of what is spoken, and of what a live session hears."""
HEARD_RATE = 16_000
"""Samples a second of what the recognizer works on."""
LONGEST_TEXT = 5_000
"""In characters."""
LONGEST_RECORDING_S = 600
SLOWEST, FASTEST = 80, 450


class Utterance(Struct, frozen=True):
    """A text to be spoken."""

    text: Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)]
    voice: str
    """The name of a voice, such as `en-us`, or of one with a variant, such as `en-us+f3`."""
    speed: Annotated[int, Meta(ge=SLOWEST, le=FASTEST)] = 175
    """In words a minute."""
    pitch: Annotated[int, Meta(ge=0, le=99)] = 50


class Sound(Struct, frozen=True):
    """PCM at 24 kHz."""

    pcm: bytes


class Nothing(Struct, frozen=True):
    """No argument."""


class Voice(Struct, frozen=True):
    """A voice that can speak."""

    name: str
    title: str
    language: str
    gender: str
    """`male`, `female`, or empty where the voice does not say."""


class Voices(Struct, frozen=True):
    """What can speak: each voice alone, or with a variant behind a plus sign."""

    voices: list[Voice]
    variants: list[str]


class Recording(Struct, frozen=True):
    """A file of sound: WAV, FLAC, OGG or MP3."""

    content: bytes
    model: WeightsFolder
    """The folder of the recognizer's grammar."""


class Speech(Struct, frozen=True):
    """PCM at 24 kHz with one utterance in it."""

    pcm: bytes
    model: WeightsFolder


class Word(Struct, frozen=True, kw_only=True):
    """A word with its place in the recording."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float
    """How well the sound fits the word, from 0 to 1; no probability."""


class Segment(Struct, frozen=True, kw_only=True):
    """A stretch of speech: a sentence of the grammar, or what is none."""

    start_ms: int
    end_ms: int
    is_command: bool
    """Whether it was understood; `words` is empty where not."""
    confidence: float
    words: list[Word]

    @property
    def text(self) -> str:
        """The words."""
        return " ".join(word.text for word in self.words)


class Transcript(Struct, frozen=True, kw_only=True):
    """What was said in a recording."""

    duration_ms: int
    segments: list[Segment]


class Listening(Struct, frozen=True):
    """The next sound of a live session, with where the detector stood after the one before."""

    pcm: bytes
    """At 24 kHz: any whole number of frames of 768 samples, which are 32 ms."""
    state: bytes = b""


class Activity(Struct, frozen=True):
    """How likely there is speech in each frame of 32 ms, and where the detector stands now."""

    probabilities: list[float]
    state: bytes
