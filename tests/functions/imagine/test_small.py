"""The bundled small models behind the functions, with random weights: what is around what they know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from PIL import Image as PillowImage
from tests.functions.imagine.drawn import decoded, difference, encoded, picture
from tests.functions.imagine.refusals import refused

from skyhook_functions.imagine import small_engine, video
from skyhook_functions.imagine.abilities import describe
from skyhook_functions.imagine.image_model import ImageModel
from skyhook_functions.imagine.messages import (
    Image,
    ImageRequest,
    Progress,
    Segment,
    SegmentRequest,
    UpscaleRequest,
)
from skyhook_functions.imagine.small.checkpoint import IMAGE_TYPE, VIDEO_TYPE, Checkpoint, Defaults, save
from skyhook_functions.imagine.small.codec import STRIDE, Codec
from skyhook_functions.imagine.small.network import Network, Shape
from skyhook_functions.imagine.small.words import Words
from skyhook_functions.imagine.video_model import VideoModel

SIZE = 48
SMALL = {"side": SIZE // STRIDE, "width": 64, "depth": 1, "heads": 2, "hidden": 64, "text_depth": 1}
CONTEXT = 5


def saved(folder: Path, kind: str, **shape: int) -> Path:
    torch.manual_seed(1)
    words = Words(["red", "house"])
    network = Network(Shape(len(words), answers=(2, 3), **SMALL, **shape))
    for parameter in network.parameters():  # some begin at zero
        torch.nn.init.normal_(parameter, std=0.1)
    save(folder, kind, Checkpoint(network, Codec(), words, Defaults(steps=4, fps=8.0)))
    return folder


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("scenes"), IMAGE_TYPE)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("films"), VIDEO_TYPE, frames=4, moments=4)


def made(images: ImageModel, request: ImageRequest) -> Image:
    *_, image = images.generate(request)
    assert isinstance(image, Image)
    return image


def filmed(videos: VideoModel, request: SegmentRequest) -> Segment:
    *_, segment = videos.segment(request)
    assert isinstance(segment, Segment)
    return segment


def test_they_say_what_they_can_do(scenes: Path, films: Path, tmp_path: Path) -> None:
    pictures, film = describe(scenes), describe(films)
    assert (pictures.kind, pictures.width, pictures.resamples) == (IMAGE_TYPE, SIZE, True)
    assert pictures.generate
    assert pictures.image_to_image
    assert pictures.edit_mask
    assert not pictures.edit_instruction
    assert (film.kind, film.video, film.animate, film.extend) == (VIDEO_TYPE, True, True, True)
    # One go sees 17 frames, of which 9 are given ones.
    assert (film.frames, film.given_frames, film.fps, film.steps) == (8, CONTEXT, 8, 4)
    for content in (
        {"model_type": "llama"},
        {"model_type": IMAGE_TYPE},
        {"model_type": VIDEO_TYPE, "shape": 1},
    ):
        (tmp_path / "config.json").write_text(json.dumps(content))
        with refused("MODEL_UNSUPPORTED" if content == {"model_type": "llama"} else "MODEL_INVALID"):
            describe(tmp_path)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"width": 128, "height": 72},
        {"init": encoded(picture()), "width": 96, "height": 64},
        {"init": encoded(picture()), "mask": encoded(PillowImage.new("L", (96, 64), 255)), "strength": 0.5},
    ],
    ids=["native", "size", "picture", "mask"],
)
@pytest.mark.usefixtures("patient")
def test_pictures_have_the_size_that_was_asked_for_and_the_same_bytes_for_the_same_seed(
    images: ImageModel, scenes: Path, fields: dict[str, Any]
) -> None:
    asked = ImageRequest(str(scenes), "a red house", seed=3, **fields)
    image = made(images, asked)
    wanted = (fields.get("width", 64), fields.get("height", 64))
    if "mask" in fields:
        wanted = (64, 64)
    assert (image.width, image.height) == (wanted if fields else (SIZE, SIZE))
    assert made(images, asked) == image
    assert made(images, replace(asked, seed=4)).content != image.content
    steps = [event for event in images.generate(asked) if isinstance(event, Progress) and event.steps]
    assert [event.step for event in steps] == list(range(steps[-1].steps + 1))


@pytest.mark.parametrize("size", [(96, 96), (128, 64), (64, 128), (104, 72)])
def test_what_is_given_comes_out_where_it_was(size: tuple[int, int]) -> None:
    given = picture(*size)
    squared = small_engine._squared(given, SIZE)
    assert squared.size == (SIZE, SIZE)
    back = small_engine._covering(squared, *size)
    assert back.size == size
    assert difference(back, given) < 8
    mask = small_engine._squared(given.convert("L"), SIZE)
    assert (mask.mode, mask.size) == ("L", (SIZE, SIZE))


def test_what_the_mask_leaves_stays_to_the_pixel(images: ImageModel, scenes: Path) -> None:
    init, mask = encoded(picture(128, 64)), PillowImage.new("L", (128, 64))
    mask.paste(255, (64, 0, 128, 64))
    asked = ImageRequest(str(scenes), "a", init=init, mask=encoded(mask), width=128, height=64, seed=1)
    changed = (decoded(made(images, asked).content) != decoded(init)).any(axis=2)
    assert not changed[:, :64].any()
    assert changed[:, 66:].mean() > 0.5


@pytest.mark.usefixtures("patient")
def test_video_takes_as_many_goes_as_its_frames_need(videos: VideoModel, films: Path, tmp_path: Path) -> None:
    asked = SegmentRequest(str(films), "a red house", seed=3, width=128, height=72, frames=40)
    segment = filmed(videos, asked)
    (tmp_path / "film.mp4").write_bytes(segment.content)
    assert video.probe(tmp_path / "film.mp4") == video.Probe(5.0, 128, 72, 8.0, 40)
    assert len(segment.last_frames) == CONTEXT
    assert decoded(segment.last_frames[-1]).shape == (SIZE, SIZE, 3)
    assert filmed(videos, asked) == segment
    steps = [event for event in videos.segment(asked) if isinstance(event, Progress) and event.steps]
    # 13 frames, then 8 in each of four more goes
    assert [event.step for event in steps] == list(range(5 * 4 + 1))
    with refused("REQUEST_INVALID", "at most 80"):
        list(videos.segment(replace(asked, frames=81)))


def test_a_long_segment_is_what_a_chain_of_short_ones_would_be(videos: VideoModel, films: Path) -> None:
    asked = SegmentRequest(str(films), "a red house", seed=3, width=64, height=64)
    first = filmed(videos, replace(asked, frames=13))
    second = filmed(videos, replace(asked, frames=8, seed=4, before=first.last_frames))
    assert filmed(videos, replace(asked, frames=21)).last_frames == second.last_frames


def test_an_animated_picture_is_the_first_frame(videos: VideoModel, films: Path) -> None:
    start = encoded(picture(128, 72))
    asked = SegmentRequest(str(films), "a", seed=3, start=start, width=128, height=72, frames=10)
    segment = filmed(videos, asked)
    assert segment.frames == 10
    mirrored = np.flip(decoded(start), axis=1)
    assert difference(decoded(segment.poster), decoded(start)) < 6
    assert difference(decoded(segment.poster), mirrored) > 30


def test_what_they_cannot_do_and_broken_weights_are_told(
    images: ImageModel, videos: VideoModel, scenes: Path, films: Path, tmp_path: Path
) -> None:
    with refused("MODEL_UNABLE", "by an instruction"):
        list(images.generate(ImageRequest(str(scenes), "a", init=encoded(picture()), instruction=True)))
    with refused("MODEL_UNABLE", "cannot enlarge"):
        list(images.upscale(UpscaleRequest(encoded(picture()), model=str(scenes))))
    with refused("MODEL_UNABLE", "cannot make a picture"):
        list(images.generate(ImageRequest(str(films), "a")))
    with refused("MODEL_UNABLE", "cannot make a video"):
        list(videos.segment(SegmentRequest(str(scenes), "a")))
    (tmp_path / "config.json").write_bytes((scenes / "config.json").read_bytes())
    (tmp_path / "words.json").write_bytes((scenes / "words.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes((scenes / "model.safetensors").read_bytes()[:1000])
    with refused("MODEL_INVALID", "cannot be used"):
        list(images.generate(ImageRequest(str(tmp_path), "a")))
