"""Saying whether a video shows what a description says, by looking at its frames one by one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skyhook_functions.training.imagine.checker import Seen, judge, look
from skyhook_functions.training.imagine.drawing import SIZE, Pixels, Thing
from skyhook_functions.training.imagine.films import DIRECTIONS
from skyhook_functions.training.imagine.scenes import Description

MOST = 0.8  # share of frames that must show what is said
MOST_CUT = 0.5  # the same where a thing may be partly outside the picture
LEAST_SPEED, MOST_DRIFT = 1.5, 1.0  # px a frame along the direction and across it
LEAST_HOP, MOST_SWAY = 18.0, 8.0  # px
LEAST_TURN = 110.0  # degrees around the middle
LEAST_DISTANCE, MOST_WOBBLE = 15.0, 6.0  # px from the middle, and how much that may vary
LEAST_GROWTH = 6.0  # px of radius
MOST_STIR = 2.5  # px, by which a thing that stands still may move or grow

Track = NDArray[np.float64]  # [frames in which it was seen, (x, y, radius, frame)]


@dataclass(frozen=True)
class FilmVerdict:
    """Which parts of a description a video shows."""

    things: bool
    background: bool
    motion: bool

    @property
    def everything(self) -> bool:
        """All of it."""
        return self.things and self.background and self.motion


def track(every: list[Seen], said: Description) -> Track:
    """The mean place and radius of the things of the first kind's colour, where all of them are seen."""
    rows = []
    for index, seen in enumerate(every):
        found = [one for one in seen.things if one.colour == said.first.colour and in_motion(one, said)]
        if found:
            mean = np.mean([(one.x, one.y, one.radius) for one in found], axis=0)
            rows.append((*mean, index))
    return np.array(rows).reshape(-1, 4)


def in_motion(one: Thing, said: Description) -> bool:
    """Whether it may be what moves, rather than another thing of the same colour."""
    second = said.second
    return second is None or second.colour != said.first.colour or one.shape == said.first.shape


def moves(direction: tuple[int, int], path: Track) -> bool:
    """Whether it goes straight in a direction; medians tell, because what leaves comes back."""
    steps = np.diff(path[:, :2], axis=0) / np.diff(path[:, 3])[:, None]
    along = steps @ np.array(direction)
    across = steps @ np.array(direction[::-1])
    onward = float((along > 0).mean())
    return bool(np.median(along) > LEAST_SPEED and abs(np.median(across)) < MOST_DRIFT and onward >= MOST)


def bounces(path: Track) -> bool:
    """Whether it goes up and down on one spot."""
    heights = np.diff(path[:, 1])
    signs = np.sign(heights[np.abs(heights) > 1.0])
    turns = int((np.diff(signs) != 0).sum())
    return bool(np.ptp(path[:, 1]) > LEAST_HOP and np.ptp(path[:, 0]) < MOST_SWAY and turns >= 1)


def orbits(path: Track) -> bool:
    """Whether it goes around the middle of the picture."""
    x, y = path[:, 0] - SIZE / 2, path[:, 1] - SIZE / 2
    angles = np.degrees(np.unwrap(np.arctan2(y, x)))
    distance = np.hypot(x, y)
    return bool(
        abs(angles[-1] - angles[0]) > LEAST_TURN
        and distance.mean() > LEAST_DISTANCE
        and distance.std() < MOST_WOBBLE
    )


def shows_motion(said: Description, path: Track) -> bool:
    """Whether a track is that of the motion that is said."""
    if len(path) < 6:
        return False
    if said.motion in DIRECTIONS:
        return moves(DIRECTIONS[said.motion], path)
    if said.motion == "bouncing":
        return bounces(path)
    if said.motion == "orbiting":
        return orbits(path)
    if said.motion in {"growing", "shrinking"}:
        grown = float(path[-1, 2] - path[0, 2])
        return (grown if said.motion == "growing" else -grown) > LEAST_GROWTH
    return bool(np.ptp(path[:, :3], axis=0).max() < MOST_STIR)


def watch(frames: Pixels, said: Description) -> FilmVerdict:
    """Compare a video [n, SIZE, SIZE, 3] with what is said."""
    every = [look(frame) for frame in frames]
    verdicts = [judge(said, seen) for seen in every]
    right = [one.colours and one.shapes and one.count and one.clean for one in verdicts]
    least = MOST_CUT if said.motion in DIRECTIONS else MOST
    return FilmVerdict(
        things=float(np.mean(right)) >= least,
        background=float(np.mean([one.background for one in verdicts])) >= MOST,
        motion=shows_motion(said, track(every, said)),
    )
