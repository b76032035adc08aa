"""Video by diffusers pipelines, segment by segment, on tiny random checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from tests.functions.imagine.checkpoints import SIDE, Folders
from tests.functions.imagine.drawn import decoded, difference, encoded, picture
from tests.functions.imagine.refusals import refused

from skyhook_functions.imagine import video
from skyhook_functions.imagine.messages import Progress, Segment, SegmentRequest, VideoEvent
from skyhook_functions.imagine.video_model import VideoModel

# diffusers' Euler scheduler calls numpy as numpy 2 does not like it
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

START = encoded(picture(96, 96))
BEFORE = [encoded(picture(64, 64)), encoded(picture(64, 64).rotate(90))]


def finished(stream: Iterator[VideoEvent]) -> Segment:
    *progress, segment = stream
    assert all(isinstance(event, Progress) for event in progress)
    assert isinstance(segment, Segment)
    return segment


def request(folders: Folders, name: str, **fields: Any) -> SegmentRequest:
    return SegmentRequest(str(folders[name]), "a house", **{"steps": 2, "seed": 7, "frames": 6} | fields)


def written(segment: Segment, path: Path) -> Path:
    path.write_bytes(segment.content)
    return path


@pytest.mark.parametrize(
    ("name", "fields", "fps"),
    [
        ("animatediff", {}, 8),
        ("animatediff", {"width": 72, "height": 64, "fps": 12, "negative_prompt": "blue"}, 12),
        ("svd", {"start": START, "width": 64, "height": 64}, 7),
        ("svd", {"before": BEFORE}, 7),
        ("ltx", {"width": 64, "height": 72}, 24),
        ("ltx", {"width": 64, "height": 64, "start": START, "frames": 9}, 24),
        ("ltx", {"before": BEFORE}, 24),
    ],
    ids=["text", "size and rate", "animate", "extend", "ltx", "ltx animate", "ltx extend"],
)
def test_a_segment_has_the_frames_that_were_asked_for_and_the_same_bytes_for_the_same_seed(
    videos: VideoModel, checkpoints: Folders, tmp_path: Path, name: str, fields: dict[str, Any], fps: int
) -> None:
    asked = request(checkpoints, name, **fields)
    segment = finished(videos.segment(asked))
    probe = video.probe(written(segment, tmp_path / "segment.mp4"))
    frames = fields.get("frames", 6)
    size = (fields.get("width", SIDE), fields.get("height", SIDE))
    assert (probe.frames, probe.fps, probe.width, probe.height) == (frames, fps, *size)
    assert (segment.frames, segment.fps, segment.width, segment.height) == (frames, fps, *size)
    assert segment.seed == 7
    assert decoded(segment.poster).shape == (size[1], size[0], 3)
    assert finished(videos.segment(asked)) == segment
    assert finished(videos.segment(replace(asked, seed=8))).content != segment.content


def test_the_last_frames_are_those_of_the_file_as_they_were_before_it(
    videos: VideoModel, checkpoints: Folders, tmp_path: Path
) -> None:
    segment = finished(videos.segment(request(checkpoints, "animatediff")))
    (last,) = segment.last_frames
    (stored,) = video.last_frames(written(segment, tmp_path / "segment.mp4"), 1)
    mirrored = np.flip(decoded(last), axis=1)
    assert difference(decoded(last), decoded(stored)) < difference(mirrored, decoded(stored)) * 0.75


def test_an_extension_does_not_repeat_the_frame_that_it_goes_on_from(
    videos: VideoModel, checkpoints: Folders
) -> None:
    asked = request(checkpoints, "ltx", width=64, height=64, frames=8)
    begun = finished(videos.segment(replace(asked, start=BEFORE[-1], frames=9)))
    extended = finished(videos.segment(replace(asked, before=BEFORE)))
    # Both are the same nine frames, of which an extension leaves the first one out.
    assert extended.last_frames == begun.last_frames
    assert extended.poster != begun.poster


def test_segments_of_a_chain_are_joined(videos: VideoModel, checkpoints: Folders, tmp_path: Path) -> None:
    first = finished(videos.segment(request(checkpoints, "ltx", width=64, height=64)))
    second = finished(videos.segment(request(checkpoints, "ltx", before=first.last_frames, frames=8)))
    paths = [written(segment, tmp_path / f"{n}.mp4") for n, segment in enumerate((first, second))]
    assert video.join(paths, tmp_path / "whole.mp4").frames == 14


@pytest.mark.usefixtures("patient")
def test_progress_and_previews(videos: VideoModel, checkpoints: Folders) -> None:
    asked = request(checkpoints, "animatediff", steps=4)
    finished(videos.segment(asked))
    events = [event for event in videos.segment(asked) if isinstance(event, Progress)]
    assert [(event.step, event.steps) for event in events] == [(step, 4) for step in range(5)]
    assert any(event.preview for event in events)


@pytest.mark.parametrize(
    ("name", "fields", "code", "match"),
    [
        ("svd", {}, "MODEL_UNABLE", "cannot make a video from a prompt"),
        ("animatediff", {"start": START}, "MODEL_UNABLE", "cannot animate"),
        ("animatediff", {"before": BEFORE}, "MODEL_UNABLE", "cannot go on"),
        ("text", {}, "MODEL_UNABLE", "It can make a picture"),
        ("ltx", {"start": START, "before": BEFORE}, "REQUEST_INVALID", "not from both"),
        ("animatediff", {"frames": 33}, "REQUEST_INVALID", "at most 32 frames"),
        ("animatediff", {"width": 2048, "height": 64}, "REQUEST_INVALID", "from 64 to 1280"),
        ("ltx", {"before": [encoded(picture(60, 60))]}, "REQUEST_INVALID", "60x60 is no size"),
        ("ltx", {"start": b"no picture"}, "PICTURE_INVALID", "PNG, JPEG or WebP"),
    ],
)
def test_what_cannot_be_done_is_said(
    videos: VideoModel, checkpoints: Folders, name: str, fields: dict[str, Any], code: str, match: str
) -> None:
    with refused(code, match):
        list(videos.segment(request(checkpoints, name, **fields)))
