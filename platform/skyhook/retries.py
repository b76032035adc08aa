"""When to try again what failed at another party."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

RETRIES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The pauses after the first attempt, the second one, and so on, as Standard Webhooks recommends."""
_JITTER = 0.1


def next_attempt(attempts: int, at: datetime, retry_after: timedelta | None = None) -> datetime | None:
    """When to try again after so many attempts, the last one at `at`; None where it is given up.

    A pause is a tenth longer or shorter by chance, so that what failed together does not come back together,
    and never shorter than `retry_after`.
    """
    if attempts > len(RETRIES):
        return None
    pause = RETRIES[attempts - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 (no secret)
    return at + max(pause, retry_after or timedelta(0))
