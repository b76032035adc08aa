"""Each pipeline that is known is run once for all that it is said to do."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image as PillowImage
from tests.functions.imagine.drawn import encoded, picture
from tests.functions.imagine.families import IN_FIXTURES, MADE

from skyhook_functions.imagine.abilities import describe
from skyhook_functions.imagine.families import FAMILIES
from skyhook_functions.imagine.image_model import ImageModel
from skyhook_functions.imagine.messages import (
    Abilities,
    Image,
    ImageRequest,
    Progress,
    Segment,
    SegmentRequest,
    UpscaleRequest,
)
from skyhook_functions.imagine.video_model import VideoModel

PICTURE = encoded(picture(96, 64))
MASK = encoded(PillowImage.new("L", (96, 64), 255))


def image_requests(model: str, can: Abilities) -> Iterator[ImageRequest]:
    """One for each ability, at a size that is no multiple of 16."""
    if can.generate:
        yield ImageRequest(model, "a red house", steps=2, width=72, height=88)
        yield ImageRequest(model, "a red house", "blue", steps=2, width=72, height=88)
    if can.image_to_image:
        yield ImageRequest(model, "a", init=PICTURE, steps=2, width=72, height=88)
    if can.edit_mask:
        yield ImageRequest(model, "a", init=PICTURE, mask=MASK, steps=2, width=72, height=88)
    if can.edit_instruction:
        yield ImageRequest(model, "a", init=PICTURE, instruction=True, steps=2, width=72, height=88)


def segment_requests(model: str, can: Abilities) -> Iterator[SegmentRequest]:
    if can.video:
        yield SegmentRequest(model, "a", frames=6, steps=2, width=64, height=72)
    if can.animate:
        yield SegmentRequest(model, "a", start=PICTURE, frames=6, steps=2, width=64, height=72)
    if can.extend:
        yield SegmentRequest(model, "a", before=[encoded(picture(64, 72))], frames=4, steps=2)


def test_no_known_pipeline_is_left_out() -> None:
    assert MADE.keys() | IN_FIXTURES == FAMILIES.keys()
    assert not MADE.keys() & IN_FIXTURES


@pytest.mark.parametrize("name", MADE)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The configuration file:FutureWarning")
def test_it_does_all_that_it_is_said_to_do(
    images: ImageModel, videos: VideoModel, tmp_path: Path, name: str
) -> None:
    for package in FAMILIES[name].packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    torch.manual_seed(1)
    MADE[name]().save_pretrained(tmp_path)
    can = describe(tmp_path)
    done = 0
    for request in image_requests(str(tmp_path), can):
        *progress, image = images.generate(request)
        assert isinstance(image, Image)
        assert (image.width, image.height) == (72, 88)
        assert isinstance(progress[-1], Progress)
        assert progress[-1].step == progress[-1].steps > 0
        done += 1
    for asked in segment_requests(str(tmp_path), can):
        *_, segment = videos.segment(asked)
        assert isinstance(segment, Segment)
        assert (segment.width, segment.height, segment.frames) == (64, 72, asked.frames)
        done += 1
    for factor in can.upscale_factors:
        request = UpscaleRequest(PICTURE, factor=factor, model=str(tmp_path), steps=2)
        *_, image = images.upscale(request)
        assert isinstance(image, Image)
        assert (image.width, image.height) == (96 * factor, 64 * factor)
        done += 1
    assert done
