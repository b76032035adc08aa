"""How many calls of a function may wait, on every backend, and what is said to those beyond."""

from __future__ import annotations

from skyhook.compute.errors import FunctionBusy

CALLS = 1000
"""The most calls of one function that wait."""
BYTES = 256 << 20
"""The most memory that the arguments of waiting calls take."""
RETRY_AFTER_S = (1.0, 60.0)


class Backlog:
    """The calls of one function that wait."""

    def __init__(self) -> None:
        self.calls = 0
        self._bytes = 0

    def enter(self, size: int, expected_s: float) -> None:
        """A call begins to wait, with an argument of `size` bytes; the first one always may.

        Raises FunctionBusy, with `expected_s` as the time after which a place may be free.
        """
        if self.calls and (self.calls >= CALLS or self._bytes + size > BYTES):
            raise FunctionBusy(
                "Too many calls wait for this function. Try again later.",
                retry_after_s=round(min(max(expected_s, RETRY_AFTER_S[0]), RETRY_AFTER_S[1]), 1),
            )
        self.calls += 1
        self._bytes += size

    def leave(self, size: int) -> None:
        """A call waits no more."""
        self.calls -= 1
        self._bytes -= size
