"""How long an endpoint asks to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST_PAUSE = timedelta(hours=24)
"""The most that a `Retry-After` can ask for."""


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
