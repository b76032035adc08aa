"""Scenes that move: what a caption can say of a video, and the scene of each frame.

Every motion goes on for ever, so that any part of it can be trained and continued. `phase` counts frames since the
motion began.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skyhook_functions.training.imagine.drawing import BACKGROUNDS, SIZE, Pixels, Scene, Thing, draw
from skyhook_functions.training.imagine.scenes import (
    FAR,
    MIDDLE,
    NEAR,
    Description,
    any_description,
    held,
    placed,
    sized,
    some_kind,
    thing,
)

MOTIONS = {
    "right": 2, "left": 2, "up": 2, "down": 2, "bouncing": 3, "orbiting": 3, "growing": 2, "shrinking": 2, "still": 2,
}  # fmt: skip
DIRECTIONS = {"right": (1, 0), "left": (-1, 0), "up": (0, -1), "down": (0, 1)}
SPEED = 4.0  # px a frame: in the three frames of a moment, a step of the grid
MARGIN = 30.0  # px, how far a thing goes outside before it comes back at the other side
HOP = 33.0  # px, height of a bounce
HOP_FRAMES = 12
GROUND = SIZE - 8.0  # px, where a bouncing thing lands
ORBIT_FRAMES = 24
ORBIT_RADIUS = {False: 24.0, True: 32.0}  # px, without and with a thing in the middle
GROWTH = 1.3  # px a frame
BEGIN_RADIUS = {"growing": 9.0, "shrinking": 29.0}  # px
LEAST_RADIUS, MOST_RADIUS = 7.0, 33.0  # px, between which things grow and shrink
PHASE_STEP, PHASES = 3, 20  # frames of a moment, and of how many moments a motion may have gone on before
LATER_SHARE = 0.5  # of trained films, which begin later in the motion rather than at its start

Path = Callable[[Thing, float], Thing]  # a thing at the start and a phase to the thing at that phase


@dataclass(frozen=True)
class Film:
    """What is said, the scene of each frame, and whether the motion had begun before the first."""

    said: Description
    scenes: tuple[Scene, ...]
    later: bool

    def frames(self) -> Pixels:
        """The pictures [n, SIZE, SIZE, 3]."""
        return np.stack([draw(scene) for scene in self.scenes])


def moved(start: Thing, phase: float, direction: tuple[int, int]) -> Thing:
    """Straight on; what leaves the picture comes back at the other side."""
    x, y = (
        (middle + step * SPEED * phase + MARGIN) % (SIZE + 2 * MARGIN) - MARGIN if step else middle
        for middle, step in zip((start.x, start.y), direction, strict=True)
    )
    return replace(start, x=x, y=y)


def bounced(start: Thing, phase: float) -> Thing:
    """From the ground up and down again."""
    share = phase / HOP_FRAMES % 1.0
    return replace(start, y=GROUND - start.radius - HOP * 4 * share * (1 - share))


def orbited(start: Thing, phase: float, distance: float, turn: float) -> Thing:
    """Clockwise around the middle of the picture."""
    angle = 2 * math.pi * (phase / ORBIT_FRAMES + turn)
    x, y = SIZE / 2 + distance * math.cos(angle), SIZE / 2 + distance * math.sin(angle)
    return replace(start, x=x, y=y)


def resized(start: Thing, phase: float, growth: float) -> Thing:
    """Growing or shrinking at a steady pace until it can no more."""
    radius = min(MOST_RADIUS, max(LEAST_RADIUS, start.radius + growth * phase))
    return replace(start, radius=radius)


def any_film_description(rng: random.Random) -> Description:
    """Any combination of things and motion, held out or not."""
    motion = rng.choices(list(MOTIONS), list(MOTIONS.values()))[0]
    said = any_description(rng)
    if motion == "still":
        return replace(said, motion=motion)
    if motion == "orbiting" and rng.random() < 0.5:
        middle = some_kind(rng)
        return Description("pair", some_kind(rng, middle), middle, background=said.background, motion=motion)
    if motion == "bouncing" and rng.random() < 0.25:
        return Description("many", some_kind(rng), None, rng.randint(2, 3), said.background, motion)
    kind = some_kind(rng)
    kind = kind if motion in {"growing", "shrinking", "orbiting"} else sized(rng, kind)
    return Description("single", kind, background=said.background, motion=motion)


def film_description(rng: random.Random, *, of_held: bool) -> Description:
    """A random combination, either of those held out or of the others."""
    while True:
        result = any_film_description(rng)
        if held(result) == of_held:
            return result


def path_of(rng: random.Random, motion: str, *, around: bool) -> Path:
    """How a thing with that motion goes; `around` another one or by itself."""
    if motion in DIRECTIONS:
        direction = DIRECTIONS[motion]
        return lambda start, phase: moved(start, phase, direction)
    if motion == "bouncing":
        return bounced
    if motion == "orbiting":
        distance, turn = ORBIT_RADIUS[around], rng.randrange(8) / 8
        return lambda start, phase: orbited(start, phase, distance, turn)
    if motion in {"growing", "shrinking"}:
        growth = GROWTH if motion == "growing" else -GROWTH
        return lambda start, phase: resized(start, phase, growth)
    return lambda start, phase: start


def beginnings(rng: random.Random, said: Description) -> tuple[list[Thing], list[Thing]]:
    """The things that move, as they start, and those that do not."""
    if said.motion == "still":
        return [], list(placed(rng, said))
    if said.motion == "orbiting":
        mover = thing(said.first, "three", (MIDDLE, MIDDLE))
        return [mover], [thing(said.second, "pair", (MIDDLE, MIDDLE))] if said.second else []
    things = list(placed(rng, said))
    if said.motion in DIRECTIONS:
        x, y = (NEAR if step > 0 else FAR if step < 0 else None for step in DIRECTIONS[said.motion])
        things = [replace(one, x=x or one.x, y=y or one.y) for one in things]
    if said.motion in BEGIN_RADIUS:
        things = [replace(one, radius=BEGIN_RADIUS[said.motion]) for one in things]
    return things, []


def film(rng: random.Random, said: Description, count: int, *, later: bool) -> Film:
    """So many frames of which the description is true, from the start of the motion or from `later` on."""
    movers, others = beginnings(rng, said)
    path = path_of(rng, said.motion, around=bool(others))
    background = said.background or rng.choice(BACKGROUNDS)
    first = PHASE_STEP * rng.randint(1, PHASES) if later else 0
    scenes = tuple(
        Scene((*others, *(path(one, first + index) for one in movers)), background) for index in range(count)
    )
    return Film(said, scenes, later)


def trained_film(rng: random.Random, count: int) -> Film:
    """A film of a trained combination."""
    said = film_description(rng, of_held=False)
    return film(rng, said, count, later=rng.random() < LATER_SHARE)
