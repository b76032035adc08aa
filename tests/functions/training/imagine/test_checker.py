"""The checker agrees with true pictures and rejects wrong ones."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from skyhook_functions.training.imagine.checker import judge, look
from skyhook_functions.training.imagine.drawing import BACKGROUNDS, SIZE, Scene, Thing, draw
from skyhook_functions.training.imagine.scenes import Description, Kind, any_description, scene

RED_CIRCLE, BLUE_STAR = Thing("circle", "red", 25, 48, 14), Thing("star", "blue", 71, 48, 14)
BESIDE = Description("beside", Kind("circle", "red"), Kind("star", "blue"), background="white")


def test_it_agrees_with_true_pictures() -> None:
    rng = random.Random(11)
    every = [any_description(rng) for _ in range(400)]
    right = [judge(said, look(draw(scene(rng, said)))).everything for said in every]
    assert sum(right) >= 0.99 * len(every)


def test_it_agrees_under_the_small_errors_of_generated_pictures() -> None:
    rng, numbers = random.Random(12), np.random.default_rng(12)
    right = 0
    for _ in range(150):
        said = any_description(rng)
        noisy = draw(scene(rng, said)) + numbers.normal(0, 5, (SIZE, SIZE, 3))
        right += judge(said, look(noisy.clip(0, 255).astype(np.uint8))).everything
    assert right >= 0.97 * 150


def test_it_agrees_where_edges_are_soft() -> None:
    rng = random.Random(14)
    right = 0
    for _ in range(150):
        said = any_description(rng)
        pixels = np.pad(draw(scene(rng, said)).astype(np.float32), ((1, 1), (1, 1), (0, 0)), mode="edge")
        rows = (pixels[:-2] + 2 * pixels[1:-1] + pixels[2:]) / 4
        blurred = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4
        right += judge(said, look(blurred.astype(np.uint8))).everything
    assert right >= 0.97 * 150


def test_it_rejects_the_picture_of_another_description() -> None:
    rng = random.Random(13)
    accepted = 0
    for _ in range(300):
        said, other = any_description(rng), any_description(rng)
        if (said.first, said.second, said.count) != (other.first, other.second, other.count):
            accepted += judge(said, look(draw(scene(rng, other)))).everything
    assert accepted == 0


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ((replace(RED_CIRCLE, colour="green"), BLUE_STAR), "colours"),
        ((replace(RED_CIRCLE, colour="orange"), BLUE_STAR), "colours"),
        ((replace(RED_CIRCLE, shape="square"), BLUE_STAR), "shapes"),
        ((replace(RED_CIRCLE, shape="heart"), BLUE_STAR), "shapes"),
        ((RED_CIRCLE,), "count"),
        ((RED_CIRCLE, BLUE_STAR, Thing("circle", "red", 48, 15, 9)), "count"),
        ((replace(RED_CIRCLE, x=71), replace(BLUE_STAR, x=25)), "relation"),
        ((replace(RED_CIRCLE, x=48, y=25), replace(BLUE_STAR, x=48, y=71)), "relation"),
        ((replace(RED_CIRCLE, colour="blue"), replace(BLUE_STAR, colour="red")), "relation"),
    ],
)
def test_it_names_what_is_wrong(change: tuple[Thing, ...], part: str) -> None:
    verdict = judge(BESIDE, look(draw(Scene(change, "white"))))
    assert not getattr(verdict, part)
    assert not verdict.everything


def test_it_tells_backgrounds_and_sizes() -> None:
    for background in BACKGROUNDS:
        seen = look(draw(Scene((RED_CIRCLE, BLUE_STAR), background)))
        assert judge(BESIDE, seen).background == (background == "white")
    small = replace(BESIDE, first=Kind("circle", "red", "small"))
    assert not judge(small, look(draw(Scene((RED_CIRCLE, BLUE_STAR), "white")))).sizes


def test_it_rejects_smears_and_mixtures() -> None:
    good = draw(Scene((RED_CIRCLE, BLUE_STAR), "white"))
    smeared = good.copy()
    smeared[5:25, 40:90] = (150, 200, 160)
    assert not judge(BESIDE, look(smeared)).everything
    halved = good.copy()
    halved[40:56, 11:25] = (30, 150, 50)
    assert not judge(BESIDE, look(halved)).everything
    gone = np.full_like(good, 250)
    assert not judge(BESIDE, look(gone)).everything


def test_a_swapped_inside_is_wrong() -> None:
    said = Description("inside", Kind("star", "yellow"), Kind("circle", "blue"))
    outer, inner = Thing("circle", "blue", 48, 48, 29), Thing("star", "yellow", 48, 48, 11)
    assert judge(said, look(draw(Scene((outer, inner), "black")))).everything
    swapped = Scene((replace(outer, colour="yellow"), replace(inner, colour="blue")), "black")
    assert not judge(said, look(draw(swapped))).everything
    outside = Scene((replace(outer, radius=20, x=25), replace(inner, x=75)), "black")
    assert not judge(said, look(draw(outside))).relation
