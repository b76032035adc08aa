"""Refuses calls of what fails again and again, and now and then lets one through to see if it is well."""

from __future__ import annotations

import time
from collections.abc import Callable

FAILURES = 5
"""So many in a row, and calls are refused."""
PAUSE_S = (5.0, 60.0)
"""For how long at first, and at most: twice as long after each trial that fails."""


class Breaker:
    """That of one function. Failures that are the call's own fault, such as a bad argument, do not count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._refused_until = 0.0
        self._is_tried = False

    @property
    def is_open(self) -> bool:
        """Whether calls are refused but for trials."""
        return self._failures >= FAILURES

    def wait_s(self) -> float:
        """How many seconds no call is let through; 0 lets this one through, as a trial where it is open."""
        if not self.is_open:
            return 0.0
        now = self._clock()
        if now < self._refused_until:
            return self._refused_until - now
        self._is_tried = True
        self._refused_until = now + self._pause_s()  # a trial that takes long keeps others waiting so long
        return 0.0

    def passed(self) -> None:
        """A call did well."""
        self._failures, self._is_tried = 0, False

    def failed(self) -> None:
        """A call failed. Those that were under way when it opened count once."""
        if self.is_open and not self._is_tried:
            return
        self._failures += 1
        self._is_tried = False
        if self.is_open:
            self._refused_until = self._clock() + self._pause_s()

    def _pause_s(self) -> float:
        return min(PAUSE_S[0] * 2.0 ** min(self._failures - FAILURES, 16), PAUSE_S[1])
