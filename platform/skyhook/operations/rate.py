"""Where a caller stands with its rate limit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateState:
    """What is left of a key's rate limit."""

    limit: int | None
    """In points a minute."""
    remaining: int | None
    reset_s: float | None
    """Seconds until the limit is whole again."""


UNLIMITED = RateState(limit=None, remaining=None, reset_s=None)
