"""What a caption can say of a picture, and placing it.

Some combinations are held out of training: those of the pairs in UNSEEN, a colour and a shape that training never
shows together, and about one in HELD_PART of all others, by checksum.
"""

import random
import zlib
from dataclasses import dataclass, replace

from skyhook_functions.training.imagine.drawing import BACKGROUNDS, COLOURS, SHAPES, SIZE, Scene, Thing

ARRANGEMENTS = ("single", "many", "beside", "above", "inside", "pair")
WEIGHTS = (3, 2, 4, 4, 2, 2)  # how often each is shown
SIZES = ("small", "large")
UNSEEN = frozenset({("star", "purple"), ("heart", "green"), ("cross", "orange")})
HELD_PART = 7
OUTER_SHAPES = ("circle", "square")  # what another thing fits into
RADII: dict[str, dict[str, tuple[float, float]]] = {  # px, from and to
    "single": {"small": (9, 11), "": (15, 18), "large": (23, 27)},
    "pair": {"small": (9, 10.5), "": (13, 15), "large": (17.5, 19)},
    "many": {"": (10.5, 12.5)},
    "inner": {"": (10, 12)},
    "outer": {"": (27, 31)},
}
MANY_PLACES: dict[int, tuple[tuple[float, float], ...]] = {
    2: ((30, 48), (66, 48)),
    3: ((20, 48), (48, 48), (76, 48)),
    4: ((30, 30), (66, 30), (30, 66), (66, 66)),
}
NEAR, FAR = 25.0, SIZE - 25.0  # px, middles of two things side by side
JITTER = 2.0  # px, by which every thing is moved


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


def thing(rng: random.Random, kind: Kind, group: str, place: tuple[float, float]) -> Thing:
    """A thing near a place, of a radius that fits its group and size."""
    radius = rng.uniform(*RADII[group][kind.size])
    x, y = (middle + rng.uniform(-JITTER, JITTER) for middle in place)
    return Thing(kind.shape, kind.colour, x, y, radius)


def placed(rng: random.Random, said: Description) -> tuple[Thing, ...]:
    """The things of a description, somewhere."""
    shift = rng.uniform(-10, 10)
    middle = SIZE / 2 + shift
    if said.arrangement == "single":
        return (thing(rng, said.first, "single", (SIZE / 2 + rng.uniform(-12, 12), middle)),)
    if said.arrangement == "many":
        places = MANY_PLACES[said.count]
        lift = 0.0 if said.count == 4 else shift
        radius = rng.uniform(*RADII["many"][""])
        things = [thing(rng, said.first, "many", (x, y + lift)) for x, y in places]
        return tuple(replace(one, radius=radius) for one in things)
    assert said.second is not None
    if said.arrangement == "inside":
        outer = thing(rng, said.second, "outer", (SIZE / 2, SIZE / 2))
        return (outer, thing(rng, said.first, "inner", (outer.x, outer.y)))
    kinds, level = [said.first, said.second], said.arrangement == "beside"
    if said.arrangement == "pair":
        rng.shuffle(kinds)
        level = rng.random() < 0.5
    spots = ((NEAR, middle), (FAR, middle)) if level else ((middle, NEAR), (middle, FAR))
    return tuple(thing(rng, kind, "pair", place) for kind, place in zip(kinds, spots, strict=True))


def scene(rng: random.Random, said: Description) -> Scene:
    """A scene of which the description is true."""
    return Scene(placed(rng, said), said.background or rng.choice(BACKGROUNDS))
