"""What a caption can say of a picture, and placing it.

Some combinations are held out of training: those of the pairs in UNSEEN, a colour and a shape that training never
shows together, and about one in HELD_PART of all others, by checksum.
"""

import random
import zlib
from dataclasses import dataclass

from skyhook_functions.training.imagine.drawing import BACKGROUNDS, COLOURS, SHAPES, SIZE, Scene, Thing

ARRANGEMENTS = ("single", "many", "beside", "above", "inside", "pair")
WEIGHTS = (5, 2, 4, 4, 2, 2)  # how often each is shown
SIZES = ("small", "large")
UNSEEN = frozenset({("star", "purple"), ("heart", "green"), ("cross", "orange")})
HELD_PART = 7
OUTER_SHAPES = ("circle", "square")  # what another thing fits into
# Things stand on a grid of STEP, the size of the codec's cells, and have few sizes: then each shape is the same few
# cells wherever it stands, and is learned from a hundredth of the pictures that free places and sizes need.
STEP = 12  # px
MIDDLE = SIZE // 2
NEAR, FAR = 2 * STEP, SIZE - 2 * STEP  # px, middles of two things side by side
RADII: dict[str, dict[str, float]] = {  # px
    "single": {"small": 10, "": 18, "large": 26},
    "pair": {"small": 10, "": 14, "large": 18},
    "three": {"": 10},
    "inner": {"": 10},
    "outer": {"": 30},
}
MANY_PLACES: dict[int, tuple[tuple[int, int], ...]] = {
    2: ((NEAR, MIDDLE), (FAR, MIDDLE)),
    3: ((NEAR, MIDDLE), (MIDDLE, MIDDLE), (FAR, MIDDLE)),
    4: ((NEAR, NEAR), (FAR, NEAR), (NEAR, FAR), (FAR, FAR)),
}


@dataclass(frozen=True)
class Kind:
    """What is said of a thing; an empty size is not said."""

    shape: str
    colour: str
    size: str = ""


@dataclass(frozen=True)
class Description:
    """What a caption says.

    `first` is the left one of two things beside each other, the upper of two above each other, the one inside
    of another. In a pair nothing is said of the places. `background` is empty where it is not said, `motion` in
    pictures.
    """

    arrangement: str
    first: Kind
    second: Kind | None = None
    count: int = 1
    background: str = ""
    motion: str = ""


def held(description: Description) -> bool:
    """Whether training must not show this combination."""
    kinds = [kind for kind in (description.first, description.second) if kind]
    if any((kind.shape, kind.colour) in UNSEEN for kind in kinds):
        return True
    said = [f"{kind.size} {kind.colour} {kind.shape}" for kind in kinds]
    key = "|".join((description.arrangement, str(description.count), description.motion, *said))
    return zlib.crc32(key.encode()) % HELD_PART == 0


def some_kind(rng: random.Random, other: Kind | None = None, shapes: tuple[str, ...] = SHAPES) -> Kind:
    """A random kind, of another colour than `other`, without a size."""
    colours = [colour for colour in COLOURS if other is None or colour != other.colour]
    return Kind(rng.choice(shapes), rng.choice(colours))


def sized(rng: random.Random, kind: Kind) -> Kind:
    """The kind, with a size in half of all cases."""
    return Kind(kind.shape, kind.colour, rng.choice(("", "", *SIZES)))


def any_description(rng: random.Random) -> Description:
    """Any combination, held out or not."""
    arrangement = rng.choices(ARRANGEMENTS, WEIGHTS)[0]
    background = rng.choice((*BACKGROUNDS, *BACKGROUNDS, "", "", "", "", ""))
    if arrangement == "single":
        return Description(arrangement, sized(rng, some_kind(rng)), background=background)
    if arrangement == "many":
        return Description(arrangement, some_kind(rng), count=rng.randint(2, 4), background=background)
    if arrangement == "inside":
        outer = some_kind(rng, shapes=OUTER_SHAPES)
        return Description(arrangement, some_kind(rng, outer), outer, background=background)
    first = some_kind(rng)
    second = sized(rng, some_kind(rng, first))
    return Description(arrangement, sized(rng, first), second, background=background)


def description(rng: random.Random, *, of_held: bool) -> Description:
    """A random combination, either of those held out or of the others."""
    while True:
        result = any_description(rng)
        if held(result) == of_held:
            return result


def thing(kind: Kind, group: str, place: tuple[int, int]) -> Thing:
    """A thing at a place, of the radius of its group and size."""
    return Thing(kind.shape, kind.colour, *place, RADII[group][kind.size])


def some_step(rng: random.Random) -> int:
    """A step of the grid to either side, or none."""
    return rng.choice((-STEP, 0, STEP))


def placed(rng: random.Random, said: Description) -> tuple[Thing, ...]:
    """The things of a description, somewhere."""
    shift = some_step(rng)
    middle = MIDDLE + shift
    if said.arrangement == "single":
        return (thing(said.first, "single", (middle, MIDDLE)),)
    if said.arrangement == "many":
        group, lift = "three" if said.count == 3 else "pair", 0 if said.count == 4 else shift
        return tuple(thing(said.first, group, (x, y + lift)) for x, y in MANY_PLACES[said.count])
    assert said.second is not None
    if said.arrangement == "inside":
        at = (MIDDLE, MIDDLE)
        return (thing(said.second, "outer", at), thing(said.first, "inner", at))
    kinds, level = [said.first, said.second], said.arrangement == "beside"
    if said.arrangement == "pair":
        rng.shuffle(kinds)
        level = rng.random() < 0.5
    spots = ((NEAR, middle), (FAR, middle)) if level else ((middle, NEAR), (middle, FAR))
    return tuple(thing(kind, "pair", spot) for kind, spot in zip(kinds, spots, strict=True))


def scene(rng: random.Random, said: Description) -> Scene:
    """A scene of which the description is true."""
    return Scene(placed(rng, said), said.background or rng.choice(BACKGROUNDS))
