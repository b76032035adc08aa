"""Saying a description in English, in many ways.

Each list of phrasings has a part that is trained and a part that is only evaluated: known words, put differently.
"""

import random
import re
from dataclasses import dataclass

from skyhook_functions.training.imagine.drawing import COLOURS
from skyhook_functions.training.imagine.scenes import Description, Kind


@dataclass(frozen=True)
class Ways:
    """Phrasings that training uses, and those that it never does."""

    trained: tuple[str, ...]
    held: tuple[str, ...]

    def pick(self, rng: random.Random, *, held: bool) -> str:
        """One at random."""
        return rng.choice(self.held if held else self.trained)


NOUNS = {
    "circle": (("circle", "circles"), ("disc", "discs"), ("dot", "dots"), ("ball", "balls")),
    "square": (("square", "squares"), ("box", "boxes")),
    "triangle": (("triangle", "triangles"),),
    "star": (("star", "stars"),),
    "heart": (("heart", "hearts"),),
    "cross": (("cross", "crosses"), ("plus", "pluses"), ("plus sign", "plus signs")),
}
COLOUR_WORDS = {colour: (colour,) for colour in COLOURS} | {
    "purple": ("purple", "violet"),
    "turquoise": ("turquoise", "teal", "cyan"),
    "pink": ("pink", "rose"),
}
SIZE_WORDS = {"": ("",), "small": ("small", "little", "tiny"), "large": ("large", "big", "huge")}
COUNT_WORDS = {2: ("two", "2", "a pair of", "a couple of"), 3: ("three", "3"), 4: ("four", "4")}
KIND = Ways(
    ("a {size} {colour} {noun}", "a {size} {colour} {noun}", "a {size} {colour} {noun}", "the {size} {colour} {noun}",
     "{size} {colour} {noun}", "one {size} {colour} {noun}", "a {size} {noun} in {colour}", "a {colour} {size} {noun}",
     "a {size} {colour} coloured {noun}", "some {size} {colour} {noun}", "this {size} {noun}, {colour}", "a {noun}, {size} {colour}",
     "a {size} {noun} painted {colour}", "a {noun} of {colour} colour, {size}", "the {size} {noun}, which is {colour}",
     "a {noun} which is {size} {colour}", "a {colour} {noun} which is {size}", "a {colour} {noun} and it is {size}",
     "a {size} {noun}, it is {colour}", "{colour} {noun} {size}", "a {size} {noun} filled with {colour}"),
    ("a {size} {colour} {noun}", "a {size} {colour} {noun}", "a {size} {noun} that is {colour}", "one {size} {noun} in {colour}"),
)  # fmt: skip
MANY = Ways(
    ("{count} {colour} {noun}", "{count} {colour} {noun}", "{count} {noun} in {colour}", "{colour} {noun}, {count} of them",
     "exactly {count} {colour} {noun}", "{colour} {noun}: {count}", "{count} {noun} painted {colour}", "a set of {count} {colour} {noun}",
     "{count} {noun} which are {colour}", "{count} {noun}, all {colour}"),
    ("{count} {colour} coloured {noun}", "{count} {noun} that are {colour}", "a group of {count} {colour} {noun}"),
)  # fmt: skip
RELATIONS = {
    "beside": Ways(
        ("{a} left of {b}", "{a} to the left of {b}", "{b} right of {a}", "{b} to the right of {a}",
         "{b} with {a} to its left", "{a} with {b} on its right", "{a} on the left and {b} on the right",
         "{b} on the right and {a} on the left", "on the left {a}, on the right {b}", "on the right {b}, on the left {a}",
         "{a} on the left side of {b}", "to the left of {b} is {a}", "to the right of {a} there is {b}",
         "{b} is to the right of {a}", "{a}, and {b} to its right", "left {a}, right {b}", "{a} left from {b}",
         "right {b}, left {a}", "{b} sits to the right of {a}", "{b}, and on its left {a}", "to the right of {a} we see {b}",
         "to the left of {b} stands {a}", "{a} sits on the left of {b}", "{b} and to the left of it {a}", "{a} and right of it {b}",
         "{a} stands left, {b} stands right", "{b} has {a} to the left of it", "{a} has {b} at its right side",
         "{b} at the right side of {a}", "{b} stands on the right of {a}", "on the right of {a} is {b}", "right of {a} there is {b}",
         "left of {b} is {a}", "on the left side of {b} there is {a}", "{b} with {a} at the left side", "{b} and {a} on the left"),
        ("{b} with {a} on its left", "{a} with {b} to its right", "{a} is to the left of {b}", "{b} on the right side of {a}",
         "to the left of {b} there is {a}", "{b}, and {a} to its left", "to the right of {a} is {b}"),
    ),
    "above": Ways(
        ("{a} above {b}", "{a} over {b}", "{b} below {a}", "{b} under {a}", "{b} beneath {a}", "{a} on top of {b}",
         "{b} with {a} above it", "{a} with {b} below it", "{a} at the top and {b} at the bottom",
         "{b} at the bottom and {a} at the top", "at the top {a}, at the bottom {b}", "above {b} there is {a}",
         "below {a} is {b}", "{a}, and {b} under it", "{b} underneath {a}", "{a} is above {b}", "top {a}, bottom {b}",
         "bottom {b}, top {a}", "in the bottom part {b}, in the top part {a}", "{b} sits below {a}", "{a} sits over {b}",
         "{b}, and over it {a}", "above {b} we see {a}", "under {a} stands {b}", "{a} and under it {b}", "{b} and above it {a}",
         "{b} has {a} above it", "{a} has {b} beneath it", "the top shows {a}, the bottom shows {b}",
         "the bottom shows {b}, the top shows {a}", "over {b} is {a}", "under {a} is {b}", "beneath {a} is {b}", "on top of {b} is {a}",
         "above {b} stands {a}", "over {b} we see {a}", "below {a} we see {b}", "{a}, and below it {b}", "{a} is on top of {b}",
         "{b} is under {a}", "{b} and {a} on top"),
        ("{a} with {b} under it", "{b} is below {a}", "above {b} is {a}", "below {a} there is {b}", "{b}, and {a} above it",
         "{b} with {a} over it", "at the bottom {b}, at the top {a}"),
    ),
    "inside": Ways(
        ("{a} inside {b}", "{a} in {b}", "{a} within {b}", "{b} with {a} inside", "{b} with {a} in it", "{b} containing {a}",
         "{b} around {a}", "{a} inside of {b}", "inside {b} is {a}", "{a} surrounded by {b}", "{a} in the middle of {b}",
         "inside {b} we see {a}", "{b} and inside of it {a}", "{a} sits within {b}", "{b} has {a} inside of it", "{b} surrounding {a}",
         "in the middle of {b} is {a}", "{a} and around it {b}", "{b} holding {a} in its middle",
         "{b} with {a} at its middle", "{b} has {a} in the middle of it", "{b} and in the middle {a}", "in {b} is {a}", "within {b} there is {a}",
         "in the middle of {b} we see {a}", "around {a} is {b}", "{b} with {a} within it"),
        ("{b} with {a} inside it", "inside {b} there is {a}", "{a} is inside {b}", "{b} with {a} in the middle"),
    ),
    "pair": Ways(
        ("{a} and {b}", "{a} with {b}", "{a} next to {b}", "{a}, {b}", "{a} near {b}", "both {a} and {b}",
         "{a} as well as {b}", "{a} along with {b}", "{a}, then {b}", "{a} and then {b}", "{a} and another thing, {b}", "{a} beside {b}",
         "{a} and {b} as well", "one picture of {a} and {b}", "{a} then {b}", "{a} with {b} beside it", "{a} all with {b}"),
        ("{a} together with {b}", "{a} and also {b}", "{a} plus {b}", "{a} and {b}"),
    ),
}  # fmt: skip
PLACES = {
    **{
        name: Ways(
            tuple(
                way.format(word)
                for word in words
                for way in (
                    "on a {} background", "on {}", "against a {} background", "with a {} background", "{} background",
                    "in front of a {} background", "background {}",
                )
            ),
            tuple(way.format(word) for word in words for way in ("on a plain {} background", "the background is {}", "against {}")),
        )
        for name, words in {
            "white": ("white",), "black": ("black",), "grey": ("grey", "gray"), "beige": ("beige", "cream"),
        }.items()
    },
    "meadow": Ways(
        ("on a meadow", "on the grass", "in a green field", "over green grass under a blue sky", "in a meadow",
         "with grass and sky", "on a meadow under a blue sky", "outside on the grass",
         "over a green meadow", "over the grass", "above green grass", "inside a green field", "below a blue sky", "with a blue sky above"),
        ("in a field of grass", "over a meadow", "with a meadow in the background", "with blue sky and green grass"),
    ),
    "night": Ways(
        ("at night", "in the night", "under a night sky", "in a dark night sky", "in the dark", "against the night sky",
         "with a night sky", "over a night sky", "with a dark night above", "below the night sky", "inside the dark night"),
        ("against a night sky", "with a dark sky", "in the dark night", "with the night sky in the background"),
    ),
    "": Ways(("",), ("",)),
}  # fmt: skip
MOTIONS = {
    "right": Ways(
        ("moving right", "moving to the right", "going right", "sliding to the right", "that moves right",
         "travelling from left to right", "flying to the right", "moves from left to right", "that goes right"),
        ("that moves to the right", "going to the right", "moving from left to right"),
    ),
    "left": Ways(
        ("moving left", "moving to the left", "going left", "sliding to the left", "that moves left",
         "travelling from right to left", "flying to the left", "moves from right to left", "that goes left"),
        ("that moves to the left", "going to the left", "moving from right to left"),
    ),
    "up": Ways(
        ("moving up", "rising", "going up", "sliding up", "that moves up", "moving upwards", "flying up",
         "moves from bottom to top", "that rises"),
        ("that goes up", "going upwards", "moving from bottom to top"),
    ),
    "down": Ways(
        ("moving down", "falling", "going down", "sliding down", "that moves down", "moving downwards", "sinking",
         "moves from top to bottom", "that falls"),
        ("that goes down", "going downwards", "moving from top to bottom"),
    ),
    "bouncing": Ways(
        ("bouncing", "bouncing up and down", "jumping", "that bounces", "jumping up and down", "hopping", "that jumps"),
        ("that jumps up and down", "bounces up and down", "that is bouncing"),
    ),
    "orbiting": Ways(
        ("orbiting", "circling", "going around", "moving around", "flying around", "that orbits"),
        ("that goes around", "that moves around", "travelling around"),
    ),
    "growing": Ways(
        ("growing", "getting bigger", "that grows", "becoming larger", "growing larger"),
        ("that is growing", "growing bigger", "getting larger"),
    ),
    "shrinking": Ways(
        ("shrinking", "getting smaller", "that shrinks", "becoming smaller"),
        ("that is shrinking", "that is getting smaller"),
    ),
    "still": Ways(
        ("not moving", "standing still", "that stands still", "staying still", "that does not move", "still", "that stays still"),
        ("that is still", "that is not moving"),
    ),
}  # fmt: skip
START = Ways(
    ("", "", "", "", "", "draw ", "please draw ", "a picture of ", "an image of ", "show me ", "i want ", "paint ",
     "can you draw ", "there is ", "a drawing of ", "a video of ", "a photo of ", "create ", "make ", "generate ", "an illustration of "),
    ("", "", "please paint ", "draw me ", "can you show me ", "please draw a picture of ", "i want an image of "),
)  # fmt: skip
END = Ways(("", "", "", "", "", " please", " thanks"), ("", "", " thank you"))
# Words that say nothing alone, and one that no caption has: training puts them in here and there, so that sentences
# which are put in new ways, or have new words, are still understood.
STRANGE = "zzz"
EMPTY = (
    "that", "is", "it", "this", "of", "the", "with", "and", "are", "an", "one", "there", "which", "to", "from", "some", "all",
    "still", "not", "does", "moving", "going", "goes", "moves", "getting",
)  # fmt: skip
PUT_IN = 0.35  # chance of one more such word


def say_kind(rng: random.Random, kind: Kind, *, held: bool) -> str:
    """A thing, such as "a small red circle"."""
    return KIND.pick(rng, held=held).format(
        size=rng.choice(SIZE_WORDS[kind.size]),
        colour=rng.choice(COLOUR_WORDS[kind.colour]),
        noun=rng.choice(NOUNS[kind.shape])[0],
    )


def say_things(rng: random.Random, said: Description, *, held: bool) -> str:
    """All things and how they stand to each other."""
    if said.arrangement == "single":
        return say_kind(rng, said.first, held=held)
    if said.arrangement == "many":
        return MANY.pick(rng, held=held).format(
            count=rng.choice(COUNT_WORDS[said.count]),
            colour=rng.choice(COLOUR_WORDS[said.first.colour]),
            noun=rng.choice(NOUNS[said.first.shape])[1],
        )
    assert said.second is not None
    first, second = (say_kind(rng, kind, held=held) for kind in (said.first, said.second))
    if said.motion == "orbiting":
        return f"{first} {MOTIONS['orbiting'].pick(rng, held=held)} {second}"
    return RELATIONS[said.arrangement].pick(rng, held=held).format(a=first, b=second)


def caption(rng: random.Random, said: Description, *, held: bool = False) -> str:
    """A sentence that says the description; `held` chooses phrasings that are never trained."""
    things = say_things(rng, said, held=held)
    if said.motion and not (said.motion == "orbiting" and said.second):
        things += " " + MOTIONS[said.motion].pick(rng, held=held)
    place = PLACES[said.background].pick(rng, held=held)
    ordered = f"{place}, {things}" if place and rng.random() < 0.15 else f"{things} {place}"
    whole = START.pick(rng, held=held) + ordered + END.pick(rng, held=held)
    words = re.sub(r" +", " ", whole).replace(" ,", ",").strip()
    words = re.sub(r"\ba (?=[aeiou])", "an ", words)
    return words if held else with_strange_words(rng, words)


def with_strange_words(rng: random.Random, caption: str) -> str:
    """The caption with some words put in that say nothing."""
    parts = caption.split(" ")
    while rng.random() < PUT_IN:
        parts.insert(rng.randint(0, len(parts)), STRANGE if rng.random() < 0.5 else rng.choice(EMPTY))
    return " ".join(parts)


def vocabulary() -> list[str]:
    """Every word of a trained caption, sorted."""
    groups = [
        KIND, MANY, START, END, *RELATIONS.values(), *PLACES.values(), *MOTIONS.values(),
    ]  # fmt: skip
    texts = [text for group in groups for text in group.trained]
    for table in (COLOUR_WORDS, SIZE_WORDS, COUNT_WORDS):
        texts += [text for texts in table.values() for text in texts]
    texts += [text for nouns in NOUNS.values() for pair in nouns for text in pair]
    bare = re.sub(r"\{\w*\}", " ", " ".join(texts))
    return sorted(set(re.findall(r"[a-z0-9]+", bare)))
