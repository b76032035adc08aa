"""What jobs are asked for and what they make, as it is stored: a request holds all that determines it."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct


class Generate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Pictures from a prompt."""

    prompt: str
    negative_prompt: str = ""
    width: int | None = None
    height: int | None = None
    count: int = 1
    seed: int
    """Of the first picture; each other one has the seed after that of the one before."""
    steps: int | None = None
    guidance: float | None = None


class Edit(Generate, frozen=True, kw_only=True, omit_defaults=True):
    """Pictures from a picture."""

    image: UUID
    mask: UUID | None = None
    instruction: bool = False
    strength: float | None = None


class Upscale(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A picture enlarged: by the job's model, or by plain resampling where it has none."""

    image: UUID
    factor: int
    prompt: str = ""
    seed: int


class Film(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A video from a prompt, from a picture on, or from a video on."""

    prompt: str
    negative_prompt: str = ""
    seconds: float
    """Of what is new."""
    fps: int | None = None
    """None where a video is continued, which tells it."""
    width: int | None = None
    height: int | None = None
    seed: int
    steps: int | None = None
    guidance: float | None = None
    image: UUID | None = None
    video: UUID | None = None
    segment_frames: int
    """How many frames are made at a time; here, so that a job that goes on after a crash divides alike."""
    given_frames: int
    """How many frames of what came before the model makes use of."""


class Picture(Struct, frozen=True, kw_only=True, rename="camel"):
    """A finished picture; `artifact` is the global id of its file."""

    artifact: str
    width: int
    height: int
    seed: int
    method: str
    """"model", or "resample" for a picture that was enlarged by no model."""


class Pictures(Struct, frozen=True):
    """The result of the jobs that make pictures."""

    images: list[Picture]


class Video(Struct, frozen=True, kw_only=True, rename="camel"):
    """The result of the jobs that make video, with the global ids of its files."""

    video: str
    poster: str
    """The first frame, a PNG."""
    strip: str
    """A JPEG of thumbnails side by side."""
    seconds: float
    frames: int
    width: int
    height: int
    fps: int
    seed: int
