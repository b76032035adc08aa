"""`SmallImagine` on a tiny model of random weights, and what the shipped one draws."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.functions.imagine.conftest import WEIGHTS, needs_weights

from skyhook_functions.imagine.small.flow import Pixels, decode, encode
from skyhook_functions.imagine.small.images import ImageRequest, ImageStep, SmallImagine
from skyhook_functions.training.imagine.checker import judge, look
from skyhook_functions.training.imagine.drawing import Scene, Thing, draw
from skyhook_functions.training.imagine.evaluate import cases
from skyhook_functions.training.imagine.scenes import held

START = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)


def last(model: SmallImagine, request: ImageRequest) -> ImageStep:
    *_, step = model.images(request)
    return step


def images(model: SmallImagine, request: ImageRequest) -> Pixels:
    return last(model, request).images


def test_the_same_request_gives_the_same_bytes(tiny_image: Path) -> None:
    request = ImageRequest("a red star", seed=3, count=2)
    one, other = (images(SmallImagine(tiny_image), request) for _ in range(2))
    assert one.shape == (2, 24, 24, 3)
    assert one.dtype == np.uint8
    assert np.array_equal(one, other)
    assert not np.array_equal(one[0], one[1])


def test_a_picture_does_not_depend_on_those_beside_it(tiny_image: Path) -> None:
    model = SmallImagine(tiny_image)
    three = images(model, ImageRequest("a red star", seed=3, count=3))
    assert np.array_equal(three[2], images(model, ImageRequest("a red star", seed=5))[0])


def test_prompt_negative_prompt_guidance_and_steps_matter(tiny_image: Path) -> None:
    model = SmallImagine(tiny_image)
    base = images(model, ImageRequest("a red star"))
    for other in (
        ImageRequest("a blue star"), ImageRequest("a red star", negative_prompt="blue"),
        ImageRequest("a red star", guidance=1.0), ImageRequest("a red star", steps=2),
    ):  # fmt: skip
        assert not np.array_equal(base, images(model, other))


def test_each_step_has_a_preview_and_the_last_is_the_result(tiny_image: Path) -> None:
    steps = list(SmallImagine(tiny_image).images(ImageRequest("a red star", steps=3)))
    assert [(step.done, step.total) for step in steps] == [(1, 3), (2, 3), (3, 3)]
    assert all(step.images.shape == (1, 24, 24, 3) for step in steps)


def test_a_stopped_drawing_computes_no_more(tiny_image: Path) -> None:
    model = SmallImagine(tiny_image)
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    model.checkpoint.network.register_forward_pre_hook(count)
    drawing = model.images(ImageRequest("a red star", steps=4))
    next(drawing)
    drawing.close()
    assert calls == 1


def test_little_strength_changes_little(tiny_image: Path) -> None:
    model = SmallImagine(tiny_image)
    codec = model.checkpoint.codec
    as_it_is = decode(codec, encode(codec, START[None]))[0].astype(int)

    def change(strength: float) -> float:
        request = ImageRequest("a red star", start=START, strength=strength, steps=20)
        return float(np.abs(images(model, request)[0] - as_it_is).mean())

    assert change(0.1) < change(1.0)
    assert last(model, ImageRequest("a red star", start=START, strength=0.5, steps=20)).total == 10


def test_what_is_not_masked_stays_as_it_is(tiny_image: Path) -> None:
    mask = np.zeros((24, 24), dtype=bool)
    mask[5:15, 8:20] = True
    result = images(
        SmallImagine(tiny_image), ImageRequest("a red star", start=START, mask=mask, strength=1.0)
    )
    assert np.array_equal(result[0][~mask], START[~mask])
    assert not np.array_equal(result[0][mask], START[mask])


def test_what_does_not_fit_is_refused(tiny_image: Path) -> None:
    model = SmallImagine(tiny_image)
    with pytest.raises(ValueError, match="24 x 24"):
        next(model.images(ImageRequest("a star", start=START[:12])))
    with pytest.raises(ValueError, match="mask"):
        next(model.images(ImageRequest("a star", mask=np.ones((24, 24), dtype=bool))))
    config = json.loads((tiny_image / "config.json").read_text())
    (tiny_image / "config.json").write_text(json.dumps(config | {"model_type": "other"}))
    with pytest.raises(ValueError, match="other"):
        SmallImagine(tiny_image)


@needs_weights("skyhook-scenes")
def test_the_shipped_model_draws_captions_that_it_never_saw() -> None:
    model = SmallImagine(WEIGHTS / "skyhook-scenes")
    every = list(cases(8, seed=1, held=True))
    assert all(held(one.said) for one in every)
    right = [judge(one.said, look(images(model, ImageRequest(one.text, seed=one.seed))[0])) for one in every]
    assert sum(verdict.everything for verdict in right) >= 6


@needs_weights("skyhook-scenes")
def test_the_shipped_model_paints_into_a_picture() -> None:
    model = SmallImagine(WEIGHTS / "skyhook-scenes")
    start = draw(Scene((Thing("circle", "red", 25, 48, 14),), "white"))
    mask = np.zeros((96, 96), dtype=bool)
    mask[24:72, 48:96] = True
    prompt = "a red circle left of a blue square on a white background"
    result = images(model, ImageRequest(prompt, start=start, mask=mask, strength=1.0))[0]
    assert np.array_equal(result[~mask], start[~mask])
    assert {one.colour for one in look(result).things} == {"red", "blue"}
