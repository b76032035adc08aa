"""The training stream: places in modules, each a pure function of a seed and its index.

Half of them are the rest of a line from any character on, a third are whole lines, the others have nothing to
fill in. Every token counts: those before and after the place teach the language, those in it to fill it.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tokenizers import Tokenizer

from skyhook_functions.training.code.corpus import Module
from skyhook_functions.training.code.tokenizer import END, MIDDLE, PREFIX, SUFFIX

WINDOW = 1600  # characters of a sample: about 500 tokens
LONGEST_FILL = 8  # lines
SUFFIX_SHARE = 0.75  # of places that have something after them
MOST_TOKENS = 640


@dataclass(frozen=True)
class Place:
    """A text with a part cut out."""

    prefix: str
    middle: str
    suffix: str


class Places:
    """Places in some modules, longer modules more often."""

    def __init__(self, modules: Sequence[Module], seed: int) -> None:
        self._modules = modules
        self._sizes = list(accumulate(len(module.text) for module in modules))
        self._seed = seed

    def place(self, index: int) -> Place:
        """Place number `index`."""
        rng = random.Random(f"{self._seed}/{index}")
        (module,) = rng.choices(self._modules, cum_weights=self._sizes)
        begin = rng.randrange(max(1, len(module.text) - WINDOW // 2))
        begin = module.text.rfind("\n", 0, begin) + 1
        text = module.text[begin : begin + WINDOW]
        kind = rng.random()
        if kind < 0.5:
            start = rng.randrange(len(text))
            end = text.find("\n", start)
            return _cut(rng, text, start, end if end >= 0 else len(text))
        if kind < 0.85:
            return _cut(rng, text, *_lines(rng, text))
        return Place(text, "", "")


def _lines(rng: random.Random, text: str) -> tuple[int, int]:
    """Where some whole lines begin and end, from the end of the line before them on."""
    ends = [index for index, letter in enumerate(text) if letter == "\n"] or [0]
    first = rng.randrange(len(ends))
    last = min(first + rng.randint(1, LONGEST_FILL), len(ends) - 1)
    return ends[first], ends[last]


def _cut(rng: random.Random, text: str, start: int, end: int) -> Place:
    suffix = text[end:] if rng.random() < SUFFIX_SHARE else ""
    return Place(text[:start], text[start:end], suffix)


def encode(tokenizer: Tokenizer, place: Place) -> tuple[list[int], list[float]]:
    """Token ids of a place, and the weight of each in the loss: the same for all. A long prefix is cut at its start."""
    tail = f"{SUFFIX}{place.suffix}{MIDDLE}{place.middle}{END}" if place.middle else ""
    after = tokenizer.encode(tail, add_special_tokens=False).ids
    before = tokenizer.encode(place.prefix, add_special_tokens=False).ids
    room = max(0, MOST_TOKENS - len(after) - 1)
    mark = tokenizer.encode(PREFIX, add_special_tokens=False).ids
    ids = [*mark, *(before[-room:] if room else []), *after][:MOST_TOKENS]
    return ids, [1.0] * len(ids)
