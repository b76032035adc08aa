"""Scenes, captions and films that the small picture models are trained on."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest

from skyhook_functions.imagine.small.words import Words
from skyhook_functions.training.imagine.batches import Stream, picture
from skyhook_functions.training.imagine.drawing import COLOURS, SHAPES, SIZE, Scene, Thing, draw
from skyhook_functions.training.imagine.films import MOTIONS, film, film_description, trained_film
from skyhook_functions.training.imagine.meaning import QUESTIONS, answers
from skyhook_functions.training.imagine.scenes import (
    ARRANGEMENTS,
    UNSEEN,
    Description,
    Kind,
    description,
    held,
    scene,
)
from skyhook_functions.training.imagine.wording import caption, vocabulary


def stream(seed: int) -> Stream:
    return Stream(picture, Words(vocabulary()), length=28, per_moment=1, seed=seed)


def test_the_same_seed_draws_and_says_the_same() -> None:
    one, other = (stream(5).batch(100, 4) for _ in range(2))
    assert one.frames.equal(other.frames)
    said, again = (stream(5).captions(100, 4)[0] for _ in range(2))
    assert said.equal(again)
    assert one.answers.equal(other.answers)
    assert not one.frames.equal(stream(6).batch(100, 4).frames)


def test_the_position_in_the_stream_decides_a_sample() -> None:
    assert stream(5).batch(0, 4).frames[2:].equal(stream(5).batch(2, 2).frames)


def test_a_thing_is_drawn_in_its_colour_at_its_place() -> None:
    for shape in SHAPES:
        pixels = draw(Scene((Thing(shape, "red", 30, 60, 16),), "white"))
        assert tuple(pixels[60, 30]) == COLOURS["red"]
        assert tuple(pixels[20, 70]) == (250, 250, 250)


def test_training_and_evaluation_share_no_combination() -> None:
    rng = random.Random(0)
    trained = {description(rng, of_held=False) for _ in range(3000)}
    kept = {description(rng, of_held=True) for _ in range(3000)}
    assert not trained & kept
    shown = {(kind.shape, kind.colour) for one in trained for kind in (one.first, one.second) if kind}
    assert not shown & UNSEEN
    assert len(shown) == len(SHAPES) * len(COLOURS) - len(UNSEEN)


def test_held_phrasings_are_of_known_words_and_a_few_fillers() -> None:
    rng = random.Random(0)
    words = set(vocabulary())
    trained, kept = set(), set()
    for _ in range(4000):
        said = film_description(rng, of_held=False)
        trained.add(caption(rng, said))
        kept.add(caption(rng, said, held=True))
    new = {word for text in kept for word in re.findall(r"[a-z0-9]+", text)} - words
    assert new <= {"thank", "plain", "are", "group", "together", "also"}
    assert len(kept - trained) > 0.9 * len(kept)


@pytest.mark.parametrize("motion", MOTIONS)
def test_a_film_shows_its_motion(motion: str) -> None:
    said = Description("single", Kind("circle", "red"), background="white", motion=motion)
    shown = film(random.Random(1), said, 9, later=False)
    start, end = shown.scenes[0].things[0], shown.scenes[-1].things[0]
    expected = {
        "right": end.x > start.x + 20, "left": end.x < start.x - 20, "up": end.y < start.y - 20,
        "down": end.y > start.y + 20, "growing": end.radius > start.radius + 5,
        "shrinking": end.radius < start.radius - 5, "still": end == start,
        "bouncing": shown.scenes[6].things[0].y < start.y - 20,
        "orbiting": abs(np.hypot(end.x - SIZE / 2, end.y - SIZE / 2) - 24) < 1 and end != start,
    }  # fmt: skip
    assert expected[motion]


def test_films_are_deterministic_and_of_trained_combinations() -> None:
    one, other = (trained_film(random.Random(4), 5) for _ in range(2))
    assert np.array_equal(one.frames(), other.frames())
    assert one.frames().shape == (5, SIZE, SIZE, 3)
    assert not held(one.said)


def test_every_description_has_one_right_answer_to_each_question() -> None:
    rng = random.Random(2)
    for _ in range(300):
        said = film_description(rng, of_held=False)
        given = answers(said)
        assert len(given) == len(QUESTIONS)
        assert QUESTIONS[1][given[1]] == said.arrangement
    assert set(ARRANGEMENTS) == set(QUESTIONS[1])


def test_a_scene_of_a_relation_has_it() -> None:
    rng = random.Random(3)
    for _ in range(100):
        said = description(rng, of_held=False)
        things = scene(rng, said).things
        if said.arrangement == "beside":
            assert things[0].x < things[1].x
            assert (things[0].shape, things[0].colour) == (said.first.shape, said.first.colour)
        if said.arrangement == "above":
            assert things[0].y < things[1].y
