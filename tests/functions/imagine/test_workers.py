"""The imagine functions in real worker processes of the local backend."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import pytest
from tests.functions.imagine.checkpoints import Folders
from tests.functions.imagine.drawn import encoded, picture

from skyhook.compute import errors
from skyhook.compute.local import LocalCompute
from skyhook.configuration import Configuration
from skyhook_functions.imagine import messages, video
from skyhook_functions.imagine.image_model import ImageModel
from skyhook_functions.imagine.picture_tools import Pictures
from skyhook_functions.imagine.video_model import VideoModel

T = TypeVar("T")

PICTURE = encoded(picture())
MASK = encoded(picture().convert("L").point(lambda level: 255 * (level > 100)))


@pytest.fixture
async def compute(tmp_path: Path) -> AsyncGenerator[LocalCompute, None]:
    backend = LocalCompute(
        Configuration(data=tmp_path / "data", port=8000, host="127.0.0.1", database_url="sqlite://")
    )
    await backend.start()
    yield backend
    await backend.close()


async def last(stream: AsyncGenerator[T, None]) -> T:
    async with aclosing(stream) as events:
        return [event async for event in events][-1]


async def test_pictures_of_every_kind(compute: LocalCompute, checkpoints: Folders) -> None:
    text = messages.ImageRequest(str(checkpoints["text"]), "a red house", steps=2, seed=7)
    asked = [
        text,
        messages.ImageRequest(str(checkpoints["text"]), "a", init=PICTURE, steps=2),
        messages.ImageRequest(str(checkpoints["text"]), "a", init=PICTURE, mask=MASK, steps=2),
        messages.ImageRequest(str(checkpoints["instruct"]), "a", init=PICTURE, instruction=True, steps=2),
    ]
    made = [await last(compute.stream(ImageModel.generate, request)) for request in asked]
    assert all(isinstance(image, messages.Image) for image in made)
    request = messages.UpscaleRequest(PICTURE, factor=4, model=str(checkpoints["upscale"]), steps=2)
    enlarged = await last(compute.stream(ImageModel.upscale, request))
    assert isinstance(enlarged, messages.Image)
    assert (enlarged.width, enlarged.height) == (384, 256)

    # Its caller goes away: the worker is free again within a step.
    long = messages.ImageRequest(str(checkpoints["text"]), "a", steps=200, count=8)
    async with aclosing(compute.stream(ImageModel.generate, long)) as events:
        async for event in events:
            if isinstance(event, messages.Progress) and event.step > 2:
                break
    began = time.monotonic()
    await last(compute.stream(ImageModel.generate, text))
    assert time.monotonic() - began < 5

    # The worker is killed: its call is told apart from a failure, and the next one gets a new worker.
    stream = compute.stream(ImageModel.generate, long)
    assert isinstance(await anext(stream), messages.Progress)
    (status,) = compute.status()
    assert status.pid is not None
    os.kill(status.pid, signal.SIGKILL)
    with pytest.raises(errors.FunctionInterrupted):
        await last(stream)
    assert await last(compute.stream(ImageModel.generate, text)) == made[0]

    with pytest.raises(errors.FunctionReported) as reported:
        await last(compute.stream(ImageModel.generate, messages.ImageRequest("/nowhere", "a")))
    assert reported.value.code == "MODEL_NOT_FOUND"


async def test_video_of_every_kind(compute: LocalCompute, checkpoints: Folders, tmp_path: Path) -> None:
    start = encoded(picture(64, 64))
    first = await last(
        compute.stream(
            VideoModel.segment,
            messages.SegmentRequest(str(checkpoints["animatediff"]), "a", frames=8, fps=7, steps=2),
        )
    )
    assert isinstance(first, messages.Segment)
    animated = messages.SegmentRequest(
        str(checkpoints["svd"]), "", start=start, width=64, height=64, frames=4, steps=2
    )
    second = await last(compute.stream(VideoModel.segment, animated))
    assert isinstance(second, messages.Segment)
    extended = messages.SegmentRequest(
        str(checkpoints["svd"]), "", before=second.last_frames, frames=4, steps=2
    )
    third = await last(compute.stream(VideoModel.segment, extended))
    assert isinstance(third, messages.Segment)
    paths = [tmp_path / f"{number}.mp4" for number in range(3)]
    for path, segment in zip(paths, (first, second, third), strict=True):
        path.write_bytes(segment.content)
    whole = await asyncio.to_thread(video.join, paths, tmp_path / "whole.mp4")
    assert (whole.frames, whole.fps) == (16, 7)


async def test_users_pictures_are_read_in_a_worker(compute: LocalCompute) -> None:
    read = await compute.call(Pictures.read, messages.PictureRequest(PICTURE))
    assert (read.width, read.height) == (96, 64)
    with pytest.raises(errors.FunctionReported) as reported:
        await compute.call(Pictures.read, messages.PictureRequest(b"no picture"))
    assert reported.value.code == "PICTURE_INVALID"
    image = await last(compute.stream(Pictures.resample, messages.UpscaleRequest(PICTURE, factor=4)))
    assert isinstance(image, messages.Image)
    assert (image.method, image.width) == ("resample", 384)
