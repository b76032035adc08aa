"""From tokens to text, piece by piece: detokenisation and stop strings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

BROKEN = "\ufffd"
LONGEST_TAIL = 3
"""A character of UTF-8 has at most four bytes, so at most three tokens can be the beginning of one."""


class Detokenizer:
    """Turns a growing sequence of tokens into text. What it gave out never changes.

    A token's text can depend on the one before (leading spaces), and a character can span several tokens,
    so each step decodes a short window again: the last piece, and what waits for more bytes.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        self._last_piece = 0
        self._given = 0

    def feed(self, tokens: Iterable[int]) -> str:
        """The text that `tokens` complete."""
        self._tokens.extend(tokens)
        shortest = max(self._last_piece, len(self._tokens) - LONGEST_TAIL)
        for end in range(len(self._tokens), shortest - 1, -1):
            if end == self._last_piece:
                return ""  # all that is new may be the beginning of a character
            text = self._decode(self._tokens[:end])
            if not text.endswith(BROKEN):
                return self._advance(text, end)
        # More bytes than a character has: they are no text and stay broken.
        text = self._decode(self._tokens)
        stable = max(self._given, len(text) - LONGEST_TAIL)
        new, self._given = text[self._given : stable], stable
        return new

    def finish(self) -> str:
        """The text of the tokens that were waiting for more."""
        return self._decode(self._tokens)[self._given :]

    def _advance(self, text: str, end: int) -> str:
        new = text[self._given :]
        del self._tokens[: self._last_piece]
        self._last_piece = end - self._last_piece
        self._given = len(self._decode(self._tokens[: self._last_piece]))
        return new


class StopFilter:
    """Ends a text before the first of some stop strings that is completed.

    Text is held back as long as it can be the beginning of one. How the text is split into pieces makes no
    difference.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.active = bool(stops)
        self.stopped = False

    def feed(self, text: str) -> str:
        """The text that is certain to stand before any stop string."""
        self._held += text
        found = [(self._held.find(stop), len(stop)) for stop in self._stops]
        # The first to end wins, and of those the longest: the same as if each character came alone.
        ends = [(start + length, start) for start, length in found if start >= 0]
        if ends:
            self.stopped = True
            return self._release(min(ends)[1])
        return self._release(len(self._held) - held_back(self._held, self._stops))

    def finish(self) -> str:
        """What was held back."""
        return "" if self.stopped else self._release(len(self._held))

    def _release(self, count: int) -> str:
        released, self._held = self._held[:count], self._held[count:]
        return released


def held_back(text: str, marks: Iterable[str]) -> int:
    """Length of the longest end of `text` that begins one of `marks` without completing it."""
    longest = 0
    for mark in marks:
        for length in range(min(len(mark) - 1, len(text)), longest, -1):
            if text.endswith(mark[:length]):
                longest = length
                break
    return longest
