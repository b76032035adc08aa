"""From what a client writes to what an operation is asked, with its upper bound."""

from __future__ import annotations

from math import ceil
from typing import Any

from skyhook.plugin import Asked, CatalogueModel, Info, InvalidInput
from skyhook_functions.imagine.messages import Abilities, ImageRequest, SegmentRequest, UpscaleRequest
from skyhook_functions.imagine.plan import check_images, check_segment, check_upscale
from skyhook_imagine.checks import (
    KnownModel,
    check_bounds,
    check_words,
    checked_seed,
    known_model,
    own_video,
    picture,
)
from skyhook_imagine.errors import functions_errors
from skyhook_imagine.films import LONGEST_S, seconds, segment_lengths
from skyhook_imagine.live import MOST_FRAMES, Live
from skyhook_imagine.meters import IMAGES, UPSCALES, VIDEO_SECONDS
from skyhook_imagine.requests import Edit, Film, Generate, Upscale
from skyhook_imagine.scopes import GENERATE
from skyhook_imagine.types import (
    ImagineAnimateInput,
    ImagineEditInput,
    ImagineExtendInput,
    ImagineGenerateInput,
    ImagineLiveInput,
    ImagineUpscaleInput,
    ImagineVideoInput,
)

DEFAULT_SECONDS = 2.0
SEGMENT_S = 4
"""About how long a segment is, where a model is good at that length."""
GIVEN = b""
"""Stands for a picture whose content the checks do not look at."""


async def generate(info: Info, given: ImagineGenerateInput) -> Asked:
    """What imagineGenerate is asked."""
    await check_words(info, "imagineGenerate", given.prompt, given.negative_prompt)
    known = await known_model(info, given.model)
    key = info.context.next_idempotency_key(given.idempotency_key)
    request = Generate(prompt=given.prompt, **_sampling(given, key), **_counted(given))
    with functions_errors():
        check_images(_image_request(known, request), known.abilities)
    return _asked(info, "imagineGenerate", request, {IMAGES: request.count}, known.model, key)


async def edit(info: Info, given: ImagineEditInput) -> Asked:
    """What imagineEdit is asked."""
    await check_words(info, "imagineEdit", given.prompt, given.negative_prompt)
    check_bounds(strength=given.strength)
    known = await known_model(info, given.model)
    key = info.context.next_idempotency_key(given.idempotency_key)
    request = Edit(
        prompt=given.prompt,
        image=await picture(info, given.image, "image"),
        mask=await picture(info, given.mask, "mask") if given.mask else None,
        instruction=given.instruction,
        strength=given.strength,
        **_sampling(given, key),
        **_counted(given),
    )
    with functions_errors():
        check_images(_image_request(known, request), known.abilities)
    return _asked(info, "imagineEdit", request, {IMAGES: request.count}, known.model, key)


async def upscale(info: Info, given: ImagineUpscaleInput) -> Asked:
    """What imagineUpscale is asked."""
    info.context.caller.require(GENERATE)
    if given.prompt is not None:
        await check_words(info, "imagineUpscale", given.prompt)
    if given.factor not in (2, 4):
        raise InvalidInput("factor is 2 or 4.", field="factor")
    known = await known_model(info, given.model) if given.model is not None else None
    if known is not None:
        with functions_errors():
            check_upscale(UpscaleRequest(GIVEN, given.factor), known.abilities)
    key = info.context.next_idempotency_key(given.idempotency_key)
    request = Upscale(
        image=await picture(info, given.image, "image"),
        factor=given.factor,
        prompt=given.prompt or "",
        seed=checked_seed(given.seed, key),
    )
    model = known.model if known else None
    return _asked(info, "imagineUpscale", request, {UPSCALES: 1}, model, key)


async def live(info: Info, given: ImagineLiveInput) -> Asked:
    """What imagineLive is asked."""
    await check_words(info, "imagineLive", given.prompt, given.negative_prompt)
    check_bounds(strength=given.strength)
    if not 1 <= given.frames <= MOST_FRAMES:
        raise InvalidInput(f"frames is 1 to {MOST_FRAMES}.", field="frames")
    known = await known_model(info, given.model)
    sampling = _sampling(given, None)
    request = Live(prompt=given.prompt, strength=given.strength, count=given.frames, **sampling)
    with functions_errors():
        check_images(_image_request(known, request), known.abilities)
        check_images(ImageRequest(known.model.location, given.prompt, init=GIVEN), known.abilities)
    # Without an idempotency key, under which every frame would be stored.
    return _asked(info, "imagineLive", request, {IMAGES: request.count}, known.model, None)


async def video(info: Info, given: ImagineVideoInput) -> Asked:
    """What imagineVideo is asked."""
    return await _new_video(info, "imagineVideo", given)


async def animate(info: Info, given: ImagineAnimateInput) -> Asked:
    """What imagineAnimate is asked."""
    return await _new_video(info, "imagineAnimate", given)


async def extend(info: Info, given: ImagineExtendInput) -> Asked:
    """What imagineExtend is asked."""
    await check_words(info, "imagineExtend", given.prompt, given.negative_prompt)
    check_bounds(steps=given.steps, guidance=given.guidance)
    known = await known_model(info, given.model)
    key = info.context.next_idempotency_key(given.idempotency_key)
    with functions_errors():
        check_segment(SegmentRequest(known.model.location, given.prompt, before=[GIVEN]), known.abilities)
    _check_length(given.seconds)
    request = Film(
        prompt=given.prompt,
        negative_prompt=given.negative_prompt,
        seconds=given.seconds,
        video=await own_video(info, given.video, "video"),
        seed=checked_seed(given.seed, key),
        steps=given.steps,
        guidance=given.guidance,
        segment_frames=_segment_frames(known.abilities),
        given_frames=known.abilities.given_frames,
    )
    # The video tells the rate; whatever it is, no more seconds than these begin.
    at_most = {VIDEO_SECONDS: ceil(given.seconds)}
    return _asked(info, "imagineExtend", request, at_most, known.model, key)


async def _new_video(info: Info, operation: str, given: ImagineVideoInput | ImagineAnimateInput) -> Asked:
    await check_words(info, operation, given.prompt, given.negative_prompt)
    check_bounds(fps=given.fps)
    known = await known_model(info, given.model)
    key = info.context.next_idempotency_key(given.idempotency_key)
    image = await picture(info, given.image, "image") if isinstance(given, ImagineAnimateInput) else None
    checked = SegmentRequest(
        known.model.location,
        given.prompt,
        start=GIVEN if image else None,
        width=given.width,
        height=given.height,
    )
    with functions_errors():
        check_segment(checked, known.abilities)
    fps = given.fps or known.abilities.fps
    frames = _frames(given, fps)
    request = Film(
        prompt=given.prompt,
        seconds=frames / fps,
        fps=fps,
        image=image,
        segment_frames=_segment_frames(known.abilities),
        given_frames=known.abilities.given_frames,
        **_sampling(given, key),
    )
    _check_can_go_on(known, frames, request.segment_frames)
    return _asked(info, operation, request, {VIDEO_SECONDS: seconds(frames, fps)}, known.model, key)


def _asked(
    info: Info,
    operation: str,
    request: Any,
    at_most: dict[str, int],
    model: CatalogueModel | None,
    key: str | None,
) -> Asked:
    return Asked(
        caller=info.context.caller,
        operation=operation,
        arguments=request,
        at_most=at_most,
        model=model,
        idempotency_key=key,
    )


def _sampling(given: Any, key: str | None) -> dict[str, Any]:
    check_bounds(steps=given.steps, guidance=given.guidance)
    return {
        "negative_prompt": given.negative_prompt,
        "width": given.width,
        "height": given.height,
        "seed": checked_seed(given.seed, key),
        "steps": given.steps,
        "guidance": given.guidance,
    }


def _counted(given: ImagineGenerateInput | ImagineEditInput) -> dict[str, Any]:
    check_bounds(count=given.count)
    return {"count": given.count}


def _image_request(known: KnownModel, request: Generate) -> ImageRequest:
    """The request as the function's own checks take it."""
    editing = request if isinstance(request, Edit) else None
    return ImageRequest(
        model=known.model.location,
        prompt=request.prompt,
        width=request.width,
        height=request.height,
        init=GIVEN if editing else None,
        mask=GIVEN if editing and editing.mask else None,
        instruction=editing is not None and editing.instruction,
    )


def _frames(given: ImagineVideoInput | ImagineAnimateInput, fps: int) -> int:
    if given.frames is not None and given.seconds is not None:
        raise InvalidInput("Give seconds or frames, not both.", field="frames")
    if given.frames is not None:
        if not 1 <= given.frames <= LONGEST_S * fps:
            raise InvalidInput(f"frames is 1 to {LONGEST_S * fps} at {fps} a second.", field="frames")
        return given.frames
    length = DEFAULT_SECONDS if given.seconds is None else given.seconds
    _check_length(length)
    return max(1, round(length * fps))


def _check_length(length: float) -> None:
    if not 0 < length <= LONGEST_S:
        raise InvalidInput(f"seconds is above 0, and at most {LONGEST_S} (20 minutes).", field="seconds")


def _check_can_go_on(known: KnownModel, frames: int, segment_frames: int) -> None:
    """Raises InvalidInput for more than a model makes that cannot go on with what it made."""
    if not known.abilities.extend and len(segment_lengths(frames, segment_frames)) > 1:
        raise InvalidInput(
            f"{known.model.name} cannot go on with a video: ask for at most {segment_frames} frames, "
            "or use another model.",
            field="seconds",
        )


def _segment_frames(abilities: Abilities) -> int:
    """How many frames a segment has: as many as the model makes at once, several times for a short one."""
    if not abilities.extend:
        return abilities.most_frames
    times = round(SEGMENT_S * abilities.fps / abilities.frames)
    return abilities.frames * max(1, min(times, abilities.most_frames // abilities.frames))
