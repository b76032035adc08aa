"""The points that a key may spend on queries: drawn before a request runs, given back after."""

from __future__ import annotations

from typing import Protocol

from skyhook.operations.caller import Caller
from skyhook.operations.rate import UNLIMITED, RateState


class RateBudget(Protocol):
    """Draws points from a key's budget, and gives back the ones that were not needed."""

    async def take(self, caller: Caller, points: int) -> RateState:
        """Draws `points`. Raises RATE_LIMITED, with `retry_after_s`, where there are too few."""

    def give_back(self, caller: Caller, points: int) -> None:
        """Returns points that `take` drew and the request did not use."""


class Unlimited:
    """A budget without an end, for tests and for a server that has no keys."""

    async def take(self, caller: Caller, points: int) -> RateState:
        """Draws nothing."""
        return UNLIMITED

    def give_back(self, caller: Caller, points: int) -> None:
        """Returns nothing."""
