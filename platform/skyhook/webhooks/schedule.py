"""When a delivery that failed is tried again."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

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
LONGEST_PAUSE = timedelta(hours=24)
"""The most that a `Retry-After` can ask for."""
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


def parse_retry_after(header: str | None, at: datetime) -> timedelta | None:
    """How long a `Retry-After`, in seconds or as a date, asks to wait; None where it is neither."""
    if header is None or len(header) > 40:
        return None
    header = header.strip()
    if header.isascii() and header.isdecimal():
        return timedelta(seconds=min(int(header), LONGEST_PAUSE.total_seconds()))
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max(date - at, timedelta(0)), LONGEST_PAUSE)
