"""Pictures by diffusers pipelines, on tiny random checkpoints."""

from __future__ import annotations

import io
import shutil
import socket
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from msgspec.structs import replace
from PIL import Image as PillowImage
from PIL import ImageDraw
from safetensors.torch import load_file, save_file
from tests.functions.imagine.checkpoints import SIDE, Folders
from tests.functions.imagine.drawn import decoded, difference, encoded, picture
from tests.functions.imagine.refusals import refused

from skyhook_functions.imagine import loading, progress
from skyhook_functions.imagine.diffusion import DiffusersImages
from skyhook_functions.imagine.image_model import ImageModel
from skyhook_functions.imagine.messages import Image, ImageEvent, ImageRequest, Progress, UpscaleRequest

STEPS = 4


def mask() -> PillowImage.Image:
    """White in the middle of the drawn picture."""
    drawn = PillowImage.new("L", (96, 64))
    ImageDraw.Draw(drawn).rectangle((32, 16, 63, 47), fill=255)
    return drawn


def finished(stream: Iterator[ImageEvent]) -> list[Image]:
    return [event for event in stream if isinstance(event, Image)]


def progresses(stream: Iterator[ImageEvent]) -> list[Progress]:
    return [event for event in stream if isinstance(event, Progress)]


def request(folders: Folders, name: str, **fields: Any) -> ImageRequest:
    return ImageRequest(str(folders[name]), "a red house", **{"steps": STEPS, "seed": 7} | fields)


@pytest.mark.parametrize(
    ("name", "fields", "size"),
    [
        ("text", {}, (SIDE, SIDE)),
        ("text", {"width": 136, "height": 72, "negative_prompt": "blue", "guidance": 3.0}, (136, 72)),
        ("text", {"init": encoded(picture())}, (80, 64)),
        ("text", {"init": encoded(picture()), "width": 64, "height": 64, "strength": 0.1}, (64, 64)),
        ("text", {"init": encoded(picture()), "mask": encoded(mask())}, (80, 64)),
        ("inpaint", {"init": encoded(picture()), "mask": encoded(mask())}, (80, 64)),
        ("instruct", {"init": encoded(picture()), "instruction": True}, (80, 64)),
    ],
    ids=["text", "size", "image to image", "little", "mask", "mask model", "instruction"],
)
def test_each_ability_gives_the_same_bytes_for_the_same_seed(
    images: ImageModel, checkpoints: Folders, name: str, fields: dict[str, Any], size: tuple[int, int]
) -> None:
    asked = request(checkpoints, name, **fields)
    (image,) = finished(images.generate(asked))
    opened = PillowImage.open(io.BytesIO(image.content))
    assert (opened.format, opened.mode, opened.size, opened.info) == ("PNG", "RGB", size, {})
    assert (image.width, image.height, image.seed, image.method) == (*size, 7, "model")
    assert finished(images.generate(asked)) == [image]
    assert finished(images.generate(replace(asked, seed=8)))[0].content != image.content


def test_each_of_several_pictures_can_be_made_again_alone(images: ImageModel, checkpoints: Folders) -> None:
    several = finished(images.generate(request(checkpoints, "text", count=3)))
    assert [(image.index, image.seed) for image in several] == [(0, 7), (1, 8), (2, 9)]
    (again,) = finished(images.generate(request(checkpoints, "text", seed=9)))
    assert again.content == several[2].content


def test_a_seed_is_drawn_and_named_where_none_is_given(images: ImageModel, checkpoints: Folders) -> None:
    drawn = [finished(images.generate(request(checkpoints, "text", seed=None)))[0] for _ in range(2)]
    assert drawn[0].content != drawn[1].content
    (again,) = finished(images.generate(request(checkpoints, "text", seed=drawn[0].seed)))
    assert again.content == drawn[0].content


@pytest.mark.parametrize("name", ["text", "inpaint"])
def test_what_the_mask_leaves_stays_to_the_pixel(images: ImageModel, checkpoints: Folders, name: str) -> None:
    fields = {"init": encoded(picture()), "mask": encoded(mask()), "width": 96, "height": 64}
    (image,) = finished(images.generate(request(checkpoints, name, **fields)))
    changed = (decoded(image.content) != decoded(fields["init"])).any(axis=2)
    assert changed[16:48, 32:64].mean() > 0.9
    changed[16:48, 32:64] = False
    assert not changed.any()


def test_the_less_strength_the_more_stays(images: ImageModel, checkpoints: Folders) -> None:
    fields = {"init": encoded(picture(64, 64)), "width": 64, "height": 64, "steps": 10}
    differences = [
        difference(
            decoded(finished(images.generate(request(checkpoints, "text", strength=s, **fields)))[0].content),
            decoded(
                finished(images.generate(request(checkpoints, "text", strength=0.1, **fields)))[0].content
            ),
        )
        for s in (0.1, 0.3, 1.0)
    ]
    assert differences[0] == 0
    assert differences[1] < differences[2]


@pytest.mark.usefixtures("patient")
def test_progress_counts_every_step_of_every_picture(images: ImageModel, checkpoints: Folders) -> None:
    list(images.generate(request(checkpoints, "text")))  # so that it is loaded
    events = progresses(images.generate(request(checkpoints, "text", count=2)))
    assert [(event.step, event.index) for event in events] == [
        *((step, 0) for step in range(STEPS + 1)),
        *((step, 1) for step in range(STEPS, 2 * STEPS + 1)),
    ]
    assert {event.steps for event in events} == {2 * STEPS}
    little = progresses(images.generate(request(checkpoints, "text", init=encoded(picture()), strength=0.5)))
    assert [(event.step, event.steps) for event in little] == [(0, 2), (1, 2), (2, 2)]


def test_previews_are_small_pictures_now_and_then(
    images: ImageModel, checkpoints: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PREVIEW_EVERY_S", 1e9)
    asked = request(checkpoints, "text", count=2, width=128, height=128)
    previews = [event.preview for event in progresses(images.generate(asked)) if event.preview]
    assert len(previews) == 1
    shown = PillowImage.open(io.BytesIO(previews[0]))
    assert shown.format == "JPEG"
    assert max(shown.size) <= progress.PREVIEW_SIDE
    without = progresses(images.generate(replace(asked, previews=False)))
    assert not any(event.preview for event in without)


def test_a_preview_shows_what_is_being_made(
    images: ImageModel, checkpoints: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PREVIEW_EVERY_S", 0.0)
    monkeypatch.setattr(progress, "PREVIEW_SHARE", 1e9)
    asked = request(checkpoints, "text", init=encoded(picture(64, 64)), width=64, height=64, strength=0.25)
    events = list(images.generate(asked))
    assert isinstance(events[-1], Image)
    made = PillowImage.open(io.BytesIO(events[-1].content))
    preview = next(
        event.preview for event in reversed(events) if isinstance(event, Progress) and event.preview
    )
    shown = PillowImage.open(io.BytesIO(preview)).convert("RGB")
    small = made.resize(shown.size, PillowImage.Resampling.BOX)
    other = PillowImage.fromarray(255 - np.asarray(small))
    assert difference(shown, small) < difference(shown, other)


def test_a_closed_stream_stops_within_one_step(
    images: ImageModel, checkpoints: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []
    done = progress.Steps.done

    def watched(self: progress.Steps, step: int, *rest: Any) -> None:
        taken.append(step)
        done(self, step, *rest)

    monkeypatch.setattr(progress.Steps, "done", watched)
    stream = images.generate(request(checkpoints, "text", steps=200))
    while next(stream).step < 2:  # type: ignore[union-attr]
        pass
    assert isinstance(stream, Generator)
    stream.close()
    assert taken[-1] < 100
    assert not [thread for thread in threading.enumerate() if thread.name == "imagine"]
    assert finished(images.generate(request(checkpoints, "text")))


def test_an_upscale_pipeline_enlarges_to_the_pixel(images: ImageModel, checkpoints: Folders) -> None:
    asked = UpscaleRequest(
        encoded(picture(50, 39)), factor=4, model=str(checkpoints["upscale"]), steps=2, seed=1
    )
    (image,) = finished(images.upscale(asked))
    assert (image.width, image.height, image.method) == (200, 156, "model")
    assert PillowImage.open(io.BytesIO(image.content)).size == (200, 156)
    assert (decoded(image.content)[150:] > 0).any()
    assert finished(images.upscale(asked)) == [image]
    with refused("MODEL_UNABLE", "cannot enlarge a picture by 2. It can enlarge a picture by 4"):
        list(images.upscale(replace(asked, factor=2)))
    with refused("REQUEST_INVALID", "at most 512"):
        list(images.upscale(replace(asked, picture=encoded(picture(600, 100)))))


@pytest.mark.parametrize(
    ("name", "fields", "code", "match"),
    [
        ("text", {"init": encoded(picture()), "instruction": True}, "MODEL_UNABLE", "by an instruction"),
        ("instruct", {}, "MODEL_UNABLE", "cannot make a picture from a prompt"),
        ("inpaint", {"init": encoded(picture())}, "MODEL_UNABLE", "It can repaint a part"),
        ("svd", {}, "MODEL_UNABLE", "It can animate a picture"),
        ("text", {"mask": encoded(mask())}, "REQUEST_INVALID", "needs a picture"),
        ("text", {"instruction": True}, "REQUEST_INVALID", "needs a picture"),
        ("text", {"width": 64}, "REQUEST_INVALID", "both a width and a height"),
        ("text", {"width": 64, "height": 4096}, "REQUEST_INVALID", "from 64 to 2048"),
        ("text", {"width": 64, "height": 65}, "REQUEST_INVALID", "multiples of 8"),
        ("text", {"init": b"no picture"}, "PICTURE_INVALID", "PNG, JPEG or WebP"),
        ("text", {"init": encoded(picture()), "mask": encoded(picture(64, 64))}, "PICTURE_INVALID", "mask"),
    ],
)
def test_what_cannot_be_done_is_said_before_a_model_is_loaded(
    images: ImageModel,
    checkpoints: Folders,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    fields: dict[str, Any],
    code: str,
    match: str,
) -> None:
    monkeypatch.setattr(loading.Models, "get", lambda *_: pytest.fail("it was loaded"))
    with refused(code, match):
        list(images.generate(request(checkpoints, name, **fields)))


def test_a_size_outside_the_bounds_does_not_fit_the_message() -> None:
    for fields in ({"width": 63}, {"height": 2056}, {"count": 9}, {"steps": 0}, {"strength": 0.0}):
        packed = msgspec.msgpack.encode({"model": "m", "prompt": "p"} | fields)
        with pytest.raises(msgspec.ValidationError):
            msgspec.msgpack.decode(packed, type=ImageRequest)


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "model"))


def test_a_checkpoint_that_lacks_a_tensor_is_refused(
    images: ImageModel, checkpoints: Folders, tmp_path: Path
) -> None:
    folder = copied(checkpoints["text"], tmp_path)
    for part, name in (("unet", "conv_in.weight"), ("text_encoder", None)):
        (file,) = (folder / part).glob("*.safetensors")
        tensors = load_file(file)
        del tensors[name or next(iter(tensors))]
        save_file(tensors, file, metadata={"format": "pt"})
        with refused("MODEL_INVALID", f"tensors of its {part} are missing"):
            list(images.generate(ImageRequest(str(folder), "a")))
        shutil.copy(checkpoints["text"] / part / file.name, file)


def test_pickles_and_the_folders_own_code_are_refused(
    images: ImageModel, checkpoints: Folders, tmp_path: Path
) -> None:
    folder = copied(checkpoints["text"], tmp_path)
    (weights,) = (folder / "unet").glob("*.safetensors")
    weights.rename(folder / "unet" / "diffusion_pytorch_model.bin")
    with refused("MODEL_INVALID", "only pickles"):
        list(images.generate(ImageRequest(str(folder), "a")))
    (folder / "unet" / "diffusion_pytorch_model.bin").rename(weights)
    index = folder / "model_index.json"
    (folder / "unet" / "mine.py").write_text("raise SystemExit('the code ran')")
    index.write_text(index.read_text().replace('"diffusers",\n    "UNet2D', '"mine",\n    "UNet2D'))
    with refused("MODEL_INVALID", "neither diffusers nor transformers"):
        list(images.generate(ImageRequest(str(folder), "a")))


def test_no_network_is_asked(checkpoints: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("something was asked of a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    fresh = ImageModel()
    fresh.load()
    assert finished(fresh.generate(request(checkpoints, "text", init=encoded(picture()))))


def test_half_precision_weights_are_found_by_their_variant(
    images: ImageModel, checkpoints: Folders, tmp_path: Path
) -> None:
    folder = copied(checkpoints["text"], tmp_path)
    for file in folder.rglob("*.safetensors"):
        halves = {name: tensor.half() for name, tensor in load_file(file).items()}
        save_file(halves, file.with_suffix(".fp16.safetensors"), metadata={"format": "pt"})
        file.unlink()
    (half,) = finished(images.generate(ImageRequest(str(folder), "a red house", steps=STEPS, seed=7)))
    (whole,) = finished(images.generate(request(checkpoints, "text")))
    assert difference(decoded(half.content), decoded(whole.content)) < 4


def test_what_the_safety_checker_withholds_is_an_error(
    images: ImageModel, checkpoints: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = images._models.get(checkpoints["text"])._base
    monkeypatch.setattr(type(pipeline), "run_safety_checker", lambda self, image, *_: (image, [True]))
    with refused("PICTURE_WITHHELD", "Change the prompt"):
        list(images.generate(request(checkpoints, "text")))


def test_few_models_are_kept_and_the_least_recently_used_goes(checkpoints: Folders) -> None:
    models = loading.Models(DiffusersImages)
    text, inpaint = (models.get(checkpoints[name]) for name in ("text", "inpaint"))
    assert models.get(checkpoints["text"]) is text
    models.get(checkpoints["instruct"])
    assert models.get(checkpoints["text"]) is text
    assert models.get(checkpoints["inpaint"]) is not inpaint


def test_a_batch_of_seeds_leaves_torchs_own_random_numbers_no_part(
    images: ImageModel, checkpoints: Folders
) -> None:
    (one,) = finished(images.generate(request(checkpoints, "text")))
    torch.manual_seed(99)
    (other,) = finished(images.generate(request(checkpoints, "text")))
    assert one == other
