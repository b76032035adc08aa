"""Calendar months in UTC, written `YYYY-MM`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from skyhook.billing.funds import month_of
from skyhook.errors import InvalidInput
from skyhook.usage.rollups import OVER_AFTER

_MONTH = re.compile(r"[2-9]\d{3}-(0[1-9]|1[0-2])")


def read_month(text: str) -> str:
    """A month that somebody wrote. Raises InvalidInput."""
    if not _MONTH.fullmatch(text):
        raise InvalidInput("Write a month with its year, such as 2026-11.", field="month")
    return text


def bounds(month: str) -> tuple[datetime, datetime]:
    """When a month begins, and when the next one does."""
    year, number = int(month[:4]), int(month[5:])
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    return datetime(year, number, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC)


def after(month: str) -> str:
    """The next month."""
    return month_of(bounds(month)[1])


def first_open(at: datetime) -> str:
    """The earliest month in which a call that has ended may still be charged."""
    return month_of(at - OVER_AFTER)


def between(first: str, end: str) -> Iterator[str]:
    """The months from `first` to before `end`."""
    while first < end:
        yield first
        first = after(first)
