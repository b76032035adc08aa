"""What is to be made, once a request has been checked against what its model can do."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from skyhook.function import FunctionError
from skyhook_functions.imagine import pictures
from skyhook_functions.imagine.messages import (
    LARGEST_SIDE,
    SIDE_STEP,
    SMALLEST_SIDE,
    Abilities,
    ImageRequest,
    SegmentRequest,
    UpscaleRequest,
)
from skyhook_functions.imagine.picture_tools import require_result

if TYPE_CHECKING:
    from PIL.Image import Image

Task: TypeAlias = Literal["generate", "image_to_image", "edit_mask", "edit_instruction"]
TASKS: dict[Task, str] = {
    "generate": "make a picture from a prompt",
    "image_to_image": "make a picture from a picture",
    "edit_mask": "repaint a part of a picture",
    "edit_instruction": "change a picture by an instruction",
}
DEFAULT_STRENGTH = 0.8
LARGEST_UPSCALED = 512
"""The longest side of what a model enlarges, in pixels: time and memory grow with the fourth power of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlan:
    """Pictures that are to be made."""

    task: Task
    prompt: str
    negative_prompt: str
    width: int
    height: int
    count: int
    seed: int
    steps: int
    guidance: float
    strength: float
    previews: bool
    init: Image | None = None
    """RGB, of the plan's size."""
    mask: Image | None = None
    """Greys, of the plan's size; white is repainted."""

    def composed(self, made: Image) -> Image:
        """What was made within the mask, and the given picture to the pixel where the mask is black.

        A model changes that as well: a little by its autoencoder, more where it has to be resampled.
        """
        import PIL.Image

        if self.mask is None or self.init is None:
            return made
        return PIL.Image.composite(made, self.init, self.mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscalePlan:
    """A picture that is to be enlarged by a model."""

    picture: Image
    """RGB."""
    factor: int
    prompt: str
    seed: int
    steps: int
    guidance: float
    previews: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentPlan:
    """Frames that are to be made."""

    prompt: str
    negative_prompt: str
    width: int
    height: int
    frames: int
    fps: int
    seed: int
    steps: int
    guidance: float
    previews: bool
    start: Image | None = None
    """RGB, of the plan's size: the first frame."""
    before: tuple[Image, ...] = ()
    """RGB, of any size, oldest first: what the new frames go on from."""


def check_images(request: ImageRequest, abilities: Abilities) -> Task:
    """What is to be done, without a look at the pictures. Raises MODEL_UNABLE and REQUEST_INVALID."""
    task = _task(request)
    if not getattr(abilities, task):
        raise _unable(abilities, TASKS[task])
    _check_size(request.width, request.height, abilities)
    return task


def plan_images(request: ImageRequest, abilities: Abilities) -> ImagePlan:
    """Raises MODEL_UNABLE, REQUEST_INVALID, PICTURE_INVALID and PICTURE_TOO_LARGE."""
    task = check_images(request, abilities)
    init = pictures.on_white(pictures.read(request.init)) if request.init is not None else None
    mask = pictures.read_mask(request.mask, init) if request.mask is not None and init is not None else None
    width, height = _size(request.width, request.height, init, abilities)
    return ImagePlan(
        task=task,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=width,
        height=height,
        count=request.count,
        seed=_seed(request.seed),
        steps=request.steps or abilities.steps,
        guidance=abilities.guidance if request.guidance is None else request.guidance,
        strength=request.strength or (1.0 if mask else DEFAULT_STRENGTH),
        previews=request.previews,
        init=init and pictures.fitted(init, width, height),
        mask=mask and pictures.fitted(mask, width, height),
    )


def check_upscale(request: UpscaleRequest, abilities: Abilities) -> None:
    """Raises MODEL_UNABLE."""
    if request.factor not in abilities.upscale_factors:
        raise _unable(abilities, f"enlarge a picture by {request.factor}")


def plan_upscale(request: UpscaleRequest, abilities: Abilities) -> UpscalePlan:
    """Raises MODEL_UNABLE, REQUEST_INVALID, PICTURE_INVALID and PICTURE_TOO_LARGE."""
    check_upscale(request, abilities)
    picture = pictures.on_white(pictures.read(request.picture))
    require_result(picture.width, picture.height, request.factor)
    if max(picture.size) > LARGEST_UPSCALED:
        raise _wrong(
            f"The picture is {picture.width}x{picture.height}: a model enlarges pictures of at most "
            f"{LARGEST_UPSCALED} pixels a side. Send a smaller one, or enlarge it by resampling."
        )
    return UpscalePlan(
        picture=picture,
        factor=request.factor,
        prompt=request.prompt,
        seed=_seed(request.seed),
        steps=request.steps or abilities.steps,
        guidance=abilities.guidance if request.guidance is None else request.guidance,
        previews=request.previews,
    )


def check_segment(request: SegmentRequest, abilities: Abilities) -> None:
    """Without a look at the pictures. Raises MODEL_UNABLE and REQUEST_INVALID."""
    if request.start is not None and request.before:
        raise _wrong("Frames go on either from `start` or from `before`, not from both.")
    if request.start is not None and not abilities.animate:
        raise _unable(abilities, "animate a picture")
    if request.before and not abilities.extend:
        raise _unable(abilities, "go on with a video")
    if request.start is None and not request.before and not abilities.video:
        raise _unable(abilities, "make a video from a prompt")
    frames = request.frames or abilities.frames
    if frames > abilities.most_frames:
        raise _wrong(f"A segment of this model has at most {abilities.most_frames} frames, not {frames}.")
    _check_size(request.width, request.height, abilities)


def plan_segment(request: SegmentRequest, abilities: Abilities) -> SegmentPlan:
    """Raises MODEL_UNABLE, REQUEST_INVALID, PICTURE_INVALID and PICTURE_TOO_LARGE."""
    check_segment(request, abilities)
    start = pictures.on_white(pictures.read(request.start)) if request.start is not None else None
    kept = request.before[-abilities.given_frames :]
    before = [pictures.on_white(pictures.read(content)) for content in kept]
    if before and request.width is None and request.height is None:
        width, height = before[-1].size
        _require_size(width, height, abilities)
    else:
        width, height = _size(request.width, request.height, start, abilities)
    return SegmentPlan(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=width,
        height=height,
        frames=request.frames or abilities.frames,
        fps=request.fps or abilities.fps,
        seed=_seed(request.seed),
        steps=request.steps or abilities.steps,
        guidance=abilities.guidance if request.guidance is None else request.guidance,
        previews=request.previews,
        start=start and pictures.fitted(start, width, height),
        before=tuple(before),
    )


def _task(request: ImageRequest) -> Task:
    if request.init is None:
        if request.mask is not None or request.instruction:
            raise _wrong("A mask or an instruction needs a picture that it is for.")
        return "generate"
    if request.mask is not None and request.instruction:
        raise _wrong("Give a mask or an instruction, not both.")
    if request.instruction:
        return "edit_instruction"
    return "image_to_image" if request.mask is None else "edit_mask"


def _size(
    width: int | None, height: int | None, given: Image | None, abilities: Abilities
) -> tuple[int, int]:
    """Width and height of what is to be made."""
    if width is not None and height is not None:
        return width, height
    if given is None:
        return abilities.width, abilities.height
    scale = (abilities.width * abilities.height / (given.width * given.height)) ** 0.5
    least, most = abilities.smallest_side, abilities.largest_side
    sides = (round(side * scale / SIDE_STEP) * SIDE_STEP for side in given.size)
    wide, high = (min(max(side, least), most) for side in sides)
    return wide, high


def _check_size(width: int | None, height: int | None, abilities: Abilities) -> None:
    if (width is None) != (height is None):
        raise _wrong("Give both a width and a height, or neither.")
    if width is not None and height is not None:
        _require_size(width, height, abilities)


def _require_size(width: int, height: int, abilities: Abilities) -> None:
    least = max(SMALLEST_SIDE, abilities.smallest_side)
    most = min(LARGEST_SIDE, abilities.largest_side)
    for side in (width, height):
        if not least <= side <= most or side % SIDE_STEP:
            raise _wrong(
                f"{width}x{height} is no size of this model: its sides are multiples of {SIDE_STEP} from "
                f"{least} to {most}."
            )


def _seed(seed: int | None) -> int:
    return random.SystemRandom().getrandbits(32) if seed is None else seed


def _wrong(reason: str) -> FunctionError:
    return FunctionError("REQUEST_INVALID", reason)


def _unable(abilities: Abilities, what: str) -> FunctionError:
    able = [text for task, text in TASKS.items() if getattr(abilities, task)]
    able += [f"enlarge a picture by {factor}" for factor in abilities.upscale_factors]
    able += [
        text
        for text, can in (
            ("make a video from a prompt", abilities.video),
            ("animate a picture", abilities.animate),
            ("go on with a video", abilities.extend),
        )
        if can
    ]
    return FunctionError(
        "MODEL_UNABLE", f"This model ({abilities.kind}) cannot {what}. It can {', '.join(able)}."
    )
