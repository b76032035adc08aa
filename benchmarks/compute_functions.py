"""The functions that `compute_calls.py` calls; a module of its own so that a worker can import it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from skyhook.function import function


class Text(msgspec.Struct):
    """A short message."""

    text: str
    count: int = 0


@function(concurrency=1)
class Serial:
    """Does nothing, one call at a time, so that what is left is the cost of the call."""

    def echo(self, argument: Text) -> Text:
        return argument

    def count(self, argument: Text) -> Iterator[Text]:
        for number in range(argument.count):
            yield Text(argument.text, number)


@function(concurrency=16)
class Parallel:
    """Does nothing, sixteen calls at a time."""

    def echo(self, argument: Text) -> Text:
        return argument


@function(concurrency=64)
class Slow:
    """Takes a tenth of a second, sixty-four calls at a time."""

    def wait(self, argument: Text) -> Text:
        time.sleep(0.1)
        return argument
