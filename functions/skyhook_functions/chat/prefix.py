"""The prompt cache: keys and values of past streams, for prompts that begin in the same way."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skyhook_functions.chat.cache import LayerStates

SHORTEST = 16
"""Prefixes of fewer tokens are computed anew: that is no slower than to look them up."""


@dataclass(frozen=True, slots=True, eq=False)
class Prefix:
    """The states of a sequence of tokens."""

    tokens: NDArray[np.int64]
    salt: str
    states: list[LayerStates]


class PrefixCache:
    """Holds the most recently used prefixes within `limit` tokens."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: OrderedDict[int, Prefix] = OrderedDict()
        self._size = 0

    def wants(self, length: int) -> bool:
        """Whether a prefix of so many tokens is worth its place."""
        return SHORTEST <= length <= self._limit

    def put(self, tokens: list[int], salt: str, states: list[LayerStates]) -> None:
        """Keeps the states of `tokens`; an older prefix that these extend is dropped."""
        new = Prefix(np.array(tokens), salt, states)
        for key, old in list(self._held.items()):
            if old.salt == salt and _common(old.tokens, new.tokens) == len(old.tokens):
                self._drop(key)
        self._held[id(new)] = new
        self._size += len(tokens)
        while self._size > self._limit:
            self._drop(next(iter(self._held)))

    def longest(self, tokens: list[int], salt: str) -> tuple[int, list[LayerStates]]:
        """How many of the first tokens are held, and states that begin with theirs.

        The last token is never among them, since its forward pass gives the next token.
        """
        wanted = np.array(tokens[:-1])
        best, best_key = 0, 0
        for key, prefix in self._held.items():
            if prefix.salt == salt and (common := _common(prefix.tokens, wanted)) > best:
                best, best_key = common, key
        if best < SHORTEST:
            return 0, []
        self._held.move_to_end(best_key)
        return best, self._held[best_key].states

    def _drop(self, key: int) -> None:
        self._size -= len(self._held.pop(key).tokens)


def _common(one: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    """Length of the longest common prefix."""
    shorter = min(len(one), len(other))
    differs = one[:shorter] != other[:shorter]
    return int(differs.argmax()) if differs.any() else shorter
