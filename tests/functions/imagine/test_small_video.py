"""`SmallVideo` on a tiny model of random weights, and what the shipped one films."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from tests.functions.imagine.conftest import WEIGHTS, needs_weights

from skyhook_functions.imagine.small.flow import Pixels
from skyhook_functions.imagine.small.video import SmallVideo, VideoRequest
from skyhook_functions.training.imagine.films import film
from skyhook_functions.training.imagine.scenes import Description, Kind
from skyhook_functions.training.imagine.watching import watch

GIVEN = np.random.default_rng(0).integers(0, 256, (9, 24, 24, 3), dtype=np.uint8)


def frames(model: SmallVideo, request: VideoRequest) -> Pixels:
    *_, step = model.segment(request)
    return step.frames


def test_only_new_frames_come_out(tiny_video: Path) -> None:
    model = SmallVideo(tiny_video)
    assert (model.frames_per_segment, model.context) == (7, 3)
    for given, used in ((0, 0), (1, 1), (2, 1), (3, 3), (4, 3), (9, 3)):
        assert model.used(given) == used
        result = frames(model, VideoRequest("a red star", given=GIVEN[:given]))
        assert result.shape == (model.new_frames(given), 24, 24, 3) == (7 - used, 24, 24, 3)


def test_the_same_request_gives_the_same_bytes(tiny_video: Path) -> None:
    request = VideoRequest("a red star", seed=3, given=GIVEN[:3])
    one, other = (frames(SmallVideo(tiny_video), request) for _ in range(2))
    assert np.array_equal(one, other)
    assert not np.array_equal(
        one, frames(SmallVideo(tiny_video), VideoRequest("a red star", seed=4, given=GIVEN[:3]))
    )


def test_the_last_given_frames_are_those_continued(tiny_video: Path) -> None:
    model = SmallVideo(tiny_video)
    many, few = (frames(model, VideoRequest("a red star", given=given)) for given in (GIVEN, GIVEN[-3:]))
    assert np.array_equal(many, few)
    assert not np.array_equal(many, frames(model, VideoRequest("a red star", given=GIVEN[:3])))


def test_a_stopped_film_computes_no_more(tiny_video: Path) -> None:
    model = SmallVideo(tiny_video)
    filming = model.segment(VideoRequest("a red star"))
    step = next(filming)
    filming.close()
    assert (step.done, step.total) == (1, 4)
    assert step.frames.shape == (7, 24, 24, 3)
    assert list(filming) == []


def test_frames_of_another_size_are_refused(tiny_video: Path) -> None:
    with pytest.raises(ValueError, match="24 x 24"):
        next(SmallVideo(tiny_video).segment(VideoRequest("a star", given=GIVEN[:, :12])))


@needs_weights("skyhook-scenes-video")
def test_the_shipped_model_goes_on_from_the_frames_given() -> None:
    model = SmallVideo(WEIGHTS / "skyhook-scenes-video")
    said = Description("single", Kind("circle", "red"), background="white", motion="right")
    before = film(random.Random(1), said, model.context, later=False).frames()
    result = frames(model, VideoRequest("a red circle moving right on a white background", given=before))
    assert len(result) == model.new_frames(model.context)
    assert np.abs(result[0].astype(int) - before[-1]).mean() < 8
    assert watch(np.concatenate((before, result)), said).motion
