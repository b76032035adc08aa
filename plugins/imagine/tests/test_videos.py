"""Video over real HTTP: in segments that survive a crash, joined, charged by the second, and refused."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from imagining import Studio
from tests.functions.imagine.drawn import encoded, frames, picture
from tests.serving import Server

from skyhook_functions.imagine import video
from skyhook_imagine.films import segment_lengths

SECOND = 2_000_000
FPS = 8
SEGMENT = 32
"""Frames that the tiny model makes at a time."""
FILM: dict[str, Any] = {"prompt": "a red house", "model": "films", "width": 64, "height": 64}
LONG: dict[str, Any] = FILM | {"seconds": 40, "seed": 3, "steps": 4}


@pytest.fixture(scope="module")
def photo() -> bytes:
    return encoded(picture(96, 64))


def probed(studio: Studio, artifact: str, folder: Path) -> video.Probe:
    path = folder / "downloaded.mp4"
    path.write_bytes(studio.download(artifact))
    return video.probe(path)


def segments(job: dict[str, Any]) -> list[str]:
    """The ids of a running job's finished segments."""
    return [one["id"] for one in job["artifacts"] if re.fullmatch(r"segment-\d+\.mp4", one["name"])]


def segments_made(studio: Studio, job_id: str, count: int) -> dict[str, Any]:
    """The job, once so many segments are stored."""
    deadline = time.monotonic() + 120
    while len(segments(job := studio.read(job_id))) < count:
        assert job["state"] in ("QUEUED", "RUNNING"), job
        assert time.monotonic() < deadline, (job, studio.server.log())
        time.sleep(0.05)
    return job


@pytest.mark.parametrize(
    ("count", "lengths"), [(1, [1]), (31, [31]), (32, [32]), (33, [32, 1]), (9600, [32] * 300), (0, [1])]
)
def test_a_video_is_divided_into_segments(count: int, lengths: list[int]) -> None:
    assert segment_lengths(count, SEGMENT) == lengths


def test_a_video_of_two_segments_is_joined(studio: Studio, tmp_path: Path) -> None:
    before = studio.balance()
    job = studio.submit("imagineVideo", **FILM, seconds=4.5, seed=9, steps=40)
    assert job["held"] == str(5 * SECOND)
    seen = list(studio.watch(job["id"]))
    last = seen[-1]
    assert last["state"] == "COMPLETED", last
    assert any(one["preview"] for one in seen)
    stages = {one["stage"] for one in seen}
    assert stages & {"Segment 1 of 2", "Segment 2 of 2"}
    result = last["result"]
    assert {one["name"] for one in last["artifacts"]} == {"video.mp4", "poster.png", "strip.jpg"}
    assert (result["frames"], result["seconds"], result["fps"], result["seed"]) == (36, 4.5, FPS, 9)
    known = probed(studio, result["video"], tmp_path)
    assert (known.frames, known.width, known.height) == (36, 64, 64)
    assert studio.download(result["poster"]).startswith(b"\x89PNG")
    assert studio.download(result["strip"]).startswith(b"\xff\xd8\xff")
    assert (last["cost"], before - studio.balance()) == (str(5 * SECOND), 5 * SECOND)


def test_a_picture_is_animated_and_the_video_continued(studio: Studio, photo: bytes, tmp_path: Path) -> None:
    image = studio.upload(photo, "photo.png")
    animated = studio.made("imagineAnimate", image=image, **FILM | {"width": 96, "frames": 12})
    assert (animated["width"], animated["height"]) == (96, 64)
    before = studio.balance()
    asked: dict[str, Any] = {"prompt": "a house", "model": "films", "seconds": 1.5}
    extended = studio.made("imagineExtend", video=animated["video"], **asked)
    assert before - studio.balance() == 2 * SECOND
    known = probed(studio, extended["video"], tmp_path)
    assert (known.frames, known.width, known.height) == (24, animated["width"], animated["height"])
    assert probed(studio, animated["video"], tmp_path).frames == 12
    again = studio.made("imagineExtend", video=extended["video"], **asked)
    assert again["frames"] == 36


def test_a_cancelled_video_costs_its_finished_segments(studio: Studio) -> None:
    before = studio.balance()
    job = studio.submit("imagineVideo", **LONG)
    segments_made(studio, job["id"], 2)
    cancel = "mutation ($id: ID!) { jobCancel(id: $id) { state } }"
    assert "errors" not in studio.server.graphql(cancel, id=job["id"])
    job = studio.ended(job["id"])
    assert job["state"] == "CANCELLED"
    made = len(segments(job))
    seconds, rest = divmod(int(job["cost"]), SECOND)
    # The last segment may be stored, and its step not have ended.
    assert (rest, seconds // 4 in (made - 1, made), seconds % 4) == (0, True, 0)
    assert seconds >= 4
    assert studio.balance() == before - int(job["cost"])


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"prompt": "a weapon"}, ("CONTENT_REFUSED", "prompt")),
        ({"seconds": 1201}, ("INVALID_INPUT", "seconds")),
        ({"seconds": 0}, ("INVALID_INPUT", "seconds")),
        ({"frames": 8 * 1200 + 1}, ("INVALID_INPUT", "frames")),
        ({"seconds": 1, "frames": 8}, ("INVALID_INPUT", "frames")),
        ({"fps": 61}, ("INVALID_INPUT", "fps")),
        ({"width": 32}, ("REQUEST_INVALID", None)),
        ({"model": "scenes"}, ("MODEL_UNABLE", None)),
        ({"model": "none"}, ("MODEL_NOT_FOUND", "model")),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_held(
    studio: Studio, changed: dict[str, Any], refusal: tuple[str, str | None]
) -> None:
    assert studio.refused("imagineVideo", **FILM | changed) == refusal


def test_only_its_own_videos_are_continued(studio: Studio, photo: bytes) -> None:
    asked: dict[str, Any] = {"prompt": "a house", "model": "films"}
    image = studio.upload(photo, "photo.png")
    assert studio.refused("imagineExtend", video=image, **asked) == ("ARTIFACT_UNFIT", "video")
    foreign = studio.upload(video.encode(frames(4), FPS), "foreign.mp4")
    assert studio.refused("imagineExtend", video=foreign, **asked) == ("ARTIFACT_UNFIT", "video")


def test_a_video_goes_on_after_a_crash_with_the_segments_it_had(
    new_server: Callable[[], Server], tmp_path: Path
) -> None:
    server = new_server()
    server.start()
    studio = Studio(server)
    try:
        before = studio.balance()
        job_id = studio.submit("imagineVideo", **FILM, seconds=16, seed=3)["id"]
        job = segments_made(studio, job_id, 2)
        assert job["state"] == "RUNNING"
        server.kill()
        server.start()
        had = [hashlib.sha256(studio.download(one)).digest() for one in segments(job)]
        job = segments_made(studio, job_id, 4)
        assert [hashlib.sha256(studio.download(one)).digest() for one in segments(job)[:2]] == had
        job = studio.ended(job_id)
        assert job["state"] == "COMPLETED", job
        assert probed(studio, job["result"]["video"], tmp_path).frames == 16 * FPS
        assert len(job["artifacts"]) == 3
        assert studio.balance() == before - 16 * SECOND
    finally:
        server.stop()
