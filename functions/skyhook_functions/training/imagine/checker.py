"""Saying what a picture shows by looking at it alone, and whether that is what a description says.

Nothing here is learned: the background is told by its colour at the edges, things are connected pixels that
differ from it, and their shapes are told by laying each shape over them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skyhook_functions.training.imagine.drawing import (
    BACKGROUNDS,
    COLOURS,
    SHAPES,
    SIZE,
    Floats,
    Pixels,
    Thing,
    backdrop,
    coverage,
)
from skyhook_functions.training.imagine.scenes import Description, Kind

Mask = NDArray[np.bool_]
DIFFERENT = 45.0  # of 255: distance of a colour from the background at which a pixel belongs to a thing
SAME = 60.0  # of 255: distance to a colour within which a pixel has it
EDGE = 4  # px, of the picture's rim that tells the background
LEAST_CORE = 9  # px, of a thing without its rim; what is smaller is no thing
LEAST_PURE = 0.85  # share of a thing's pixels, without its rim, that have its colour
LEAST_FIT = 0.78  # intersection over union of a thing and its shape
LEAST_MARGIN = 0.02  # by which the best shape must fit better than the next
CLEAN_BACKGROUND = 0.97  # share of pixels outside things that have the background's colour
SMALL, LARGE = 12.0, {"single": 20.5, "pair": 16.2}  # px: radius up to which, from which
LEFTOVER = 0.25  # radii, by which things must be further apart one way than the other to be beside or above


@dataclass(frozen=True)
class Seen:
    """What was found: things, the background (empty if none fits), and whether all else is clean."""

    things: tuple[Thing, ...]
    background: str
    clean: bool


@dataclass(frozen=True)
class Verdict:
    """Which parts of a description a picture shows; a part that is not said is right."""

    colours: bool
    shapes: bool
    count: bool
    relation: bool
    background: bool
    sizes: bool
    clean: bool

    @property
    def everything(self) -> bool:
        """All of it."""
        return all(vars(self).values())


def away(picture: Floats, colour: Floats) -> Floats:
    """Distance of each pixel from a colour, or from the pixel of another picture."""
    result: Floats = np.sqrt(((picture - colour) ** 2).mean(axis=-1) * 3)
    return result


def shrink(mask: Mask) -> Mask:
    """Without pixels that touch the outside."""
    padded = np.pad(mask, 1)
    inner = padded[1:-1, 1:-1]
    return inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


def grow(mask: Mask) -> Mask:
    """With pixels that touch it."""
    return ~shrink(~np.pad(mask, 1))[1:-1, 1:-1]


def flood(start: Mask, within: Mask) -> Mask:
    """All of `within` that is connected to `start`."""
    reached = start & within
    while True:
        more = grow(reached) & within
        if more.sum() == reached.sum():
            return more
        reached = more


def parts(mask: Mask) -> list[Mask]:
    """Connected parts, leaving out those without a core."""
    found, left = [], mask.copy()
    for row, column in np.argwhere(shrink(mask)):
        if left[row, column]:
            seed = np.zeros_like(mask)
            seed[row, column] = True
            part = flood(seed, left)
            left &= ~part
            if shrink(part).sum() >= LEAST_CORE:
                found.append(part)
    return found


def core_of(mask: Mask) -> Mask:
    """A part without its rim, where pixels mix with those beside; less of the rim where little else is left."""
    once = shrink(mask)
    twice = shrink(once)
    if twice.any():
        return twice
    return once if once.any() else mask


def background_of(picture: Floats) -> str:
    """The background that fits the rim of a picture best; empty if none fits most of it."""
    rim = np.ones((SIZE, SIZE), dtype=bool)
    rim[EDGE:-EDGE, EDGE:-EDGE] = False
    medians = {name: float(np.median(away(picture, backdrop(name))[rim])) for name in BACKGROUNDS}
    best = min(medians, key=lambda name: medians[name])
    return best if medians[best] < DIFFERENT / 2 else ""


def near(picture: Floats, colour: str) -> Mask:
    """Where a picture has a colour."""
    return away(picture, np.array(COLOURS[colour], dtype=np.float32)) < SAME


def colour_of(picture: Floats, part: Mask) -> str:
    """The colour of most of a part; empty if it is not pure."""
    core = core_of(part)
    shares = {name: near(picture, name)[core].mean() for name in COLOURS}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= LEAST_PURE else ""


def overlap(silhouette: Floats, guess: Thing) -> float:
    """Intersection over union of a silhouette [SIZE, SIZE] and a thing."""
    rows, columns, covered = coverage(guess)
    common = np.minimum(silhouette[rows, columns], covered).sum()
    return float(common / (silhouette.sum() + covered.sum() - common))


def fit(silhouette: Floats, shape: str, colour: str) -> tuple[float, Thing]:
    """How well a shape can be laid over a silhouette, and where."""
    mass = silhouette.sum()
    rows, columns, unit = coverage(Thing(shape, colour, SIZE / 2, SIZE / 2, SIZE / 4))
    radius = float(np.sqrt(mass / unit.sum())) * SIZE / 4
    grid = np.arange(SIZE) + 0.5
    off_x = float((unit.sum(0) * (grid[columns] - SIZE / 2)).sum() / unit.sum()) / (SIZE / 4)
    off_y = float((unit.sum(1) * (grid[rows] - SIZE / 2)).sum() / unit.sum()) / (SIZE / 4)
    x = float((silhouette.sum(0) * grid).sum() / mass) - off_x * radius
    y = float((silhouette.sum(1) * grid).sum() / mass) - off_y * radius
    guess = Thing(shape, colour, x, y, radius)
    return overlap(silhouette, guess), guess


def recognize(silhouette: Floats, colour: str) -> Thing:
    """The shape that fits best; an empty one if none fits well, or two alike, or nothing is there."""
    if not silhouette.any():
        return Thing("", colour, SIZE / 2, SIZE / 2, 0.0)
    fits = sorted((fit(silhouette, shape, colour) for shape in SHAPES), key=lambda one: -one[0])
    (best, thing), (next_best, _) = fits[:2]
    if best < LEAST_FIT or best - next_best < LEAST_MARGIN:
        return Thing("", colour, thing.x, thing.y, thing.radius)
    return thing


def softened(picture: Floats, part: Mask, behind: Floats, colour: str) -> Floats:
    """How much of each pixel a part covers: where its rim mixes with what is behind it, less than all."""
    front = np.array(COLOURS[colour], dtype=np.float32) if colour else picture[core_of(part)].mean(axis=0)
    span = front - behind
    share = ((picture - behind) * span).sum(-1) / np.maximum((span * span).sum(-1), 1.0)
    inside = shrink(shrink(shrink(part)))
    result: Floats = np.where(inside, 1.0, np.where(grow(part), share.clip(0, 1), 0.0)).astype(np.float32)
    return result


def look(pixels: Pixels) -> Seen:
    """Find everything in a picture [SIZE, SIZE, 3]. A thing inside another comes after it."""
    picture = pixels.astype(np.float32)
    background = background_of(picture)
    behind = (
        backdrop(background)
        if background
        else np.broadcast_to(np.median(picture, axis=(0, 1)), picture.shape)
    )
    foreground = away(picture, behind) > DIFFERENT
    things: list[Thing] = []
    covered = np.zeros_like(foreground)
    for part in parts(foreground):
        covered |= grow(grow(part))
        outer, inner = layers(picture, part)
        outer_colour = colour_of(picture, outer)
        things.append(recognize(softened(picture, part, behind, outer_colour), outer_colour))
        for one in inner:
            colour = colour_of(picture, one)
            base = np.broadcast_to(picture[core_of(outer)].mean(axis=0), picture.shape)
            things.append(recognize(softened(picture, one, base, colour), colour))
    rest = ~covered
    clean = bool(rest.any()) and float((~foreground)[rest].mean()) >= CLEAN_BACKGROUND
    return Seen(tuple(things), background, clean)


def layers(picture: Floats, part: Mask) -> tuple[Mask, list[Mask]]:
    """The widest piece of one colour in a part, and pieces of other colours in it."""
    pieces = [piece for colour in COLOURS for piece in parts(part & near(picture, colour))]
    if not pieces:
        return part, []
    spans = [int(np.ptp(np.argwhere(piece), axis=0).sum()) for piece in pieces]
    widest = spans.index(max(spans))
    inner = [piece for index, piece in enumerate(pieces) if index != widest]
    return (pieces[widest], inner) if inner else (part, [])


def relation_holds(said: Description, first: Thing, second: Thing) -> bool:
    """Whether two things stand as it is said."""
    right, down = second.x - first.x, second.y - first.y
    apart = max(abs(right), abs(down)) > max(first.radius, second.radius)
    least = LEFTOVER * (first.radius + second.radius) / 2
    if said.arrangement == "beside":
        return right > abs(down) + least
    if said.arrangement == "above":
        return down > abs(right) + least
    if said.arrangement == "inside":
        return first.radius < second.radius and not apart
    return apart


def size_holds(kind: Kind, thing: Thing, group: str) -> bool:
    """Whether a thing has the size that is said of it."""
    if kind.size == "small":
        return thing.radius <= SMALL
    return kind.size != "large" or thing.radius >= LARGE[group]


def matched(wanted: list[Kind], things: tuple[Thing, ...]) -> list[Thing] | None:
    """The things in the order in which they are wanted, or None if they are not those."""
    left, result = list(things), []
    for kind in wanted:
        found = next((one for one in left if (one.shape, one.colour) == (kind.shape, kind.colour)), None)
        if found is None:
            return None
        left.remove(found)
        result.append(found)
    return result


def judge(said: Description, seen: Seen) -> Verdict:
    """Compare what is said with what is seen."""
    wanted = [said.first] * said.count if said.second is None else [said.first, said.second]
    pairs = matched(wanted, seen.things) if len(wanted) == len(seen.things) else None
    group = "pair" if said.second else "single"
    related = said.second is None or (pairs is not None and relation_holds(said, pairs[0], pairs[1]))
    sized = not any(kind.size for kind in wanted) or (
        pairs is not None
        and all(size_holds(kind, one, group) for kind, one in zip(wanted, pairs, strict=True))
    )
    return Verdict(
        colours=sorted(one.colour for one in seen.things) == sorted(kind.colour for kind in wanted),
        shapes=sorted(one.shape for one in seen.things) == sorted(kind.shape for kind in wanted),
        count=len(seen.things) == len(wanted),
        relation=related,
        background=bool(seen.background) and said.background in {"", seen.background},
        sizes=sized,
        clean=seen.clean,
    )
