"""Drawing plain scenes: coloured shapes, with smooth edges, on a background.

Lengths are pixels of a picture of SIZE x SIZE; colours are red, green and blue from 0 to 255.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

SIZE = 96
COLOURS = {
    "red": (215, 30, 40),
    "orange": (240, 115, 20),
    "yellow": (255, 225, 45),
    "green": (30, 150, 50),
    "blue": (35, 90, 220),
    "purple": (125, 45, 170),
    "pink": (245, 105, 175),
    "turquoise": (0, 190, 190),
}
PLAIN = {"white": (250, 250, 250), "black": (20, 20, 20), "grey": (175, 175, 178), "beige": (240, 222, 190)}
BACKGROUNDS = (*PLAIN, "meadow", "night")
SHAPES = ("circle", "square", "triangle", "star", "heart", "cross")
HORIZON = 64  # row at which a meadow begins
REACH = 1.5  # radii that a distance map covers to each side of its centre
MAP_CELLS = 193  # along a side of a distance map


@dataclass(frozen=True)
class Thing:
    """A shape of a colour, its centre and half of its extent."""

    shape: str
    colour: str
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Scene:
    """Everything that a picture shows; a later thing covers an earlier one."""

    things: tuple[Thing, ...]
    background: str


def outline(shape: str) -> NDArray[np.float64]:
    """The corners [n, 2] of a shape of radius 1, y downwards."""
    if shape == "square":
        return 0.85 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], dtype=float)
    if shape == "triangle":
        return np.array([(0, -1), (0.98, 0.8), (-0.98, 0.8)])
    if shape == "star":
        turns = np.arange(10) * math.pi / 5 - math.pi / 2
        lengths = np.where(np.arange(10) % 2 == 0, 1.05, 0.44)
        return np.stack((lengths * np.cos(turns), lengths * np.sin(turns) + 0.05), axis=1)
    if shape == "heart":
        turns = np.linspace(0, 2 * math.pi, 60, endpoint=False)
        x = 16 * np.sin(turns) ** 3
        y = 13 * np.cos(turns) - 5 * np.cos(2 * turns) - 2 * np.cos(3 * turns) - np.cos(4 * turns)
        return np.stack((x, -y - 2.5), axis=1) / 16.5
    thick, long = 0.33, 0.95
    quarter = [(thick, -long), (thick, -thick), (long, -thick)]
    turned = [quarter]
    for _ in range(3):
        turned.append([(-y, x) for x, y in turned[-1]])
    return np.array([corner for part in turned for corner in part])


def distances(corners: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> Floats:
    """Signed distance of points to a polygon, negative inside."""
    nearest, inside = np.full(x.shape, np.inf), np.zeros(x.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
        share = np.clip(along, 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay)))
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return np.where(inside, -nearest, nearest).astype(np.float32)


@functools.cache
def distance_map(shape: str) -> Floats:
    """Signed distances [MAP_CELLS, MAP_CELLS] around a shape of radius 1."""
    axis = np.linspace(-REACH, REACH, MAP_CELLS)
    x, y = np.meshgrid(axis, axis)
    if shape == "circle":
        return (np.hypot(x, y) - 0.93).astype(np.float32)
    return distances(outline(shape), x, y)


def coverage(thing: Thing) -> tuple[slice, slice, Floats]:
    """The rows and columns that a thing can touch and how much of each pixel it covers, from 0 to 1."""
    extent = 1.2 * thing.radius + 1
    bounds = [
        (min(SIZE, max(0, math.floor(middle - extent))), max(0, min(SIZE, math.ceil(middle + extent))))
        for middle in (thing.y, thing.x)
    ]
    cells = [
        ((np.arange(low, high) + 0.5 - middle) / thing.radius + REACH) * ((MAP_CELLS - 1) / (2 * REACH))
        for (low, high), middle in zip(bounds, (thing.y, thing.x), strict=True)
    ]
    rows, columns = (np.clip(part, 0, MAP_CELLS - 1.001) for part in cells)
    top, left = rows.astype(int), columns.astype(int)
    down, right = (rows - top)[:, None].astype(np.float32), (columns - left)[None].astype(np.float32)
    values = distance_map(thing.shape)
    upper = values[np.ix_(top, left)] * (1 - right) + values[np.ix_(top, left + 1)] * right
    lower = values[np.ix_(top + 1, left)] * (1 - right) + values[np.ix_(top + 1, left + 1)] * right
    distance = (upper * (1 - down) + lower * down) * np.float32(thing.radius)
    return slice(*bounds[0]), slice(*bounds[1]), np.clip(0.5 - distance, 0, 1)


def fade(top: tuple[int, int, int], bottom: tuple[int, int, int], rows: int) -> Floats:
    """A vertical gradient [rows, SIZE, 3]."""
    share = np.linspace(0, 1, rows)[:, None, None]
    mixed = np.array(top) * (1 - share) + np.array(bottom) * share
    return np.broadcast_to(mixed, (rows, SIZE, 3)).astype(np.float32)


@functools.cache
def backdrop(name: str) -> Floats:
    """A background [SIZE, SIZE, 3]."""
    if name == "meadow":
        sky = fade((150, 205, 245), (215, 238, 252), HORIZON)
        return np.concatenate((sky, fade((170, 218, 130), (140, 195, 105), SIZE - HORIZON)))
    if name == "night":
        return fade((12, 16, 48), (45, 50, 105), SIZE)
    return fade(PLAIN[name], PLAIN[name], SIZE)


def draw(scene: Scene) -> Pixels:
    """The picture [SIZE, SIZE, 3] of a scene."""
    picture = backdrop(scene.background).copy()
    for thing in scene.things:
        rows, columns, covered = coverage(thing)
        colour = np.array(COLOURS[thing.colour], dtype=np.float32)
        picture[rows, columns] += covered[..., None] * (colour - picture[rows, columns])
    return np.rint(picture).astype(np.uint8)
