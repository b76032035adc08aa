"""What the imagine functions take and give: the structs that they share with the imagine plugin.

Pictures travel as the bytes of a file. What a user sends may be a PNG, JPEG or WebP of any kind that
`skyhook_functions.imagine.pictures` reads; what a function gives is a PNG, and a JPEG where it is a preview.
A struct gets new fields only with a default, so that both sides may be of different versions.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from skyhook.function import Transient, WeightsFolder

SMALLEST_SIDE = 64
LARGEST_SIDE = 2048
SIDE_STEP = 8

Side = Annotated[int, Meta(ge=SMALLEST_SIDE, le=LARGEST_SIDE, multiple_of=SIDE_STEP)]
"""A width or height in pixels. `Abilities` names the bounds of one model, which may be narrower."""
Seed = Annotated[int, Meta(ge=0, le=2**53 - 1)]
"""As large as a number of JSON is exact."""
Steps = Annotated[int, Meta(ge=1, le=200)]
Guidance = Annotated[float, Meta(ge=0, le=50)]
Fps = Annotated[int, Meta(ge=1, le=60)]


class Abilities(Struct, frozen=True, omit_defaults=True):
    """What a model can do, and what it does where a request leaves that open."""

    kind: str
    """The class of the diffusers pipeline, or the `model_type` of a bundled model."""
    generate: bool = False
    """A picture from a prompt."""
    image_to_image: bool = False
    """A picture from a picture and a prompt: `init` without mask and instruction."""
    edit_mask: bool = False
    """Repaints a part of a picture: `init` and `mask`."""
    edit_instruction: bool = False
    """Changes a picture as the prompt tells: `init` and `instruction`."""
    upscale_factors: list[int] = []
    """The factors by which it enlarges a picture; empty where it does not."""
    video: bool = False
    """Frames from a prompt alone."""
    animate: bool = False
    """Frames that begin with a given picture: `start`."""
    extend: bool = False
    """Frames that go on where other frames ended: `before`."""
    width: int = 512
    """The native width, in pixels: what a request without a size gets."""
    height: int = 512
    smallest_side: int = SMALLEST_SIDE
    largest_side: int = LARGEST_SIDE
    resamples: bool = False
    """It makes pictures of its native size only, which are resampled to the one that is asked for."""
    steps: int = 30
    """The default number of steps."""
    guidance: float = 7.5
    """The default guidance; 0 where the model has none."""
    negative_prompt: bool = True
    """Whether a negative prompt has any effect."""
    frames: int = 0
    """The default number of new frames of a segment; 0 where it makes no video."""
    most_frames: int = 0
    """The most new frames of a segment."""
    fps: int = 0
    """The native frame rate, in frames a second."""
    given_frames: int = 0
    """How many frames of what came before are of use to it."""


class Progress(Transient, frozen=True, omit_defaults=True, tag="progress"):
    """How far a request is.

    It also comes, with the same numbers, while nothing happens: a stream can be closed only when it yields.
    """

    step: int
    """Steps done, of all pictures of the request together."""
    steps: int
    """Steps that the request takes; 0 while the model is being loaded."""
    preview: bytes | None = None
    """A small JPEG of what is being made, now and then; of a video, one frame."""
    index: int = 0
    """The picture that is being made."""


class Image(Struct, frozen=True, omit_defaults=True, tag="image"):
    """A finished picture."""

    index: int
    content: bytes
    """A PNG without metadata."""
    width: int
    height: int
    seed: int
    """A request for one picture with this seed, and nothing else changed, gives the same bytes on the same
    machine; another processor rounds otherwise."""
    method: str = "model"
    """"model", or "resample" for a picture that was only enlarged, by no model."""


ImageEvent: TypeAlias = Progress | Image
"""What an image stream yields: any number of Progress, and one Image for each picture, in order."""


class ImageRequest(Struct, frozen=True, omit_defaults=True):
    """Asks for pictures. Which of the optional pictures are there says what is to be done:

    none: generate; `init`: image to image; `init` and `mask`: repaint the mask's white part;
    `init` and `instruction`: change the picture as the prompt tells.
    """

    model: WeightsFolder
    """The folder of a bundled model or of a diffusers pipeline."""
    prompt: str
    negative_prompt: str = ""
    width: Side | None = None
    """Without a size: the model's own or, with `init`, the picture's proportions at the model's own area."""
    height: Side | None = None
    """Width and height are given both or not at all."""
    count: Annotated[int, Meta(ge=1, le=8)] = 1
    """Pictures, made one after the other; each has the seed after that of the one before."""
    seed: Seed | None = None
    """Of the first picture; drawn where there is none, and named by the results."""
    steps: Steps | None = None
    guidance: Guidance | None = None
    init: bytes | None = None
    """Scaled and cropped around its middle to the size that is asked for."""
    strength: Annotated[float, Meta(gt=0, le=1)] | None = None
    """How much of `init` is changed, where there is no instruction: 1 keeps nothing of it. 0.8 where it is
    not given, 1 with a mask."""
    mask: bytes | None = None
    """White is repainted, black stays as it is to the pixel. If it has transparent parts, these are
    repainted and the rest stays. It has the proportions of `init`."""
    instruction: bool = False
    """The prompt says what to change in `init`, such as "make it night"."""
    previews: bool = True


class UpscaleRequest(Struct, frozen=True, omit_defaults=True):
    """Asks for a picture to be enlarged: by an upscale model, or without one by plain resampling."""

    picture: bytes
    factor: Annotated[int, Meta(ge=2, le=4)] = 2
    """2 or 4; a model may know one of them only. No side of the result may be longer than 8192 pixels."""
    model: WeightsFolder | None = None
    """The folder of a diffusers upscale pipeline: for `ImageModel.upscale`, not for `Pictures.resample`."""
    prompt: str = ""
    """What the picture shows, for models that make use of it."""
    seed: Seed | None = None
    steps: Steps | None = None
    guidance: Guidance | None = None
    previews: bool = True


class PictureRequest(Struct, frozen=True, omit_defaults=True):
    """Asks what a user's picture is."""

    content: bytes
    largest_side: Annotated[int, Meta(ge=1, le=8192)] = LARGEST_SIDE
    """Larger pictures are scaled down to it."""
    thumbnail_side: Annotated[int, Meta(ge=16, le=1024)] = 256


class Picture(Struct, frozen=True, omit_defaults=True):
    """A user's picture as it may be stored and shown: upright, 8 bits a channel, without metadata."""

    content: bytes
    """A PNG: RGB, or RGBA where the picture has transparent parts."""
    width: int
    height: int
    thumbnail: bytes
    """A JPEG, on white where the picture is transparent."""


class SegmentRequest(Struct, frozen=True, omit_defaults=True):
    """Asks for a piece of video: from the prompt alone, from a picture on, or from earlier frames on."""

    model: WeightsFolder
    """The folder of a bundled video model or of a diffusers video pipeline."""
    prompt: str
    negative_prompt: str = ""
    start: bytes | None = None
    """A user's picture that the video begins with."""
    before: list[bytes] = []
    """The last frames of what came before, oldest first (`Segment.last_frames`): the new ones go on from
    there and do not repeat them."""
    frames: Annotated[int, Meta(ge=1, le=2000)] | None = None
    """New frames. A model that makes only certain numbers makes more, and the surplus is cut off."""
    fps: Fps | None = None
    """At which the frames are played; segments that are to be joined have the same."""
    width: Side | None = None
    """Without a size: that of `before`, else the proportions of `start` at the model's area, else its own."""
    height: Side | None = None
    seed: Seed | None = None
    steps: Steps | None = None
    guidance: Guidance | None = None
    previews: bool = True


class Segment(Struct, frozen=True, omit_defaults=True, tag="segment"):
    """A finished piece of video, which can be joined with others of its size and rate by `video.join`."""

    content: bytes
    """An MP4 with the new frames only (VP9, yuv420p, no sound)."""
    frames: int
    width: int
    height: int
    fps: int
    seed: int
    """The same request with this seed gives the same bytes on the same machine."""
    last_frames: list[bytes]
    """PNGs, oldest first, as they were before encoding: the next segment's `before`.

    As many as are of use to the model, so of `before` as well where the segment is short. Of a model that
    resamples they have its native size, so that nothing is lost from one segment to the next: give the next
    one the same width and height.
    """
    poster: bytes
    """The first frame, a PNG."""


VideoEvent: TypeAlias = Progress | Segment
"""What a segment stream yields: any number of Progress, then one Segment."""
