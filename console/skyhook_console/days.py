"""Days in UTC: those that a page shows, and those that people write."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from skyhook.errors import InvalidInput


def midnight(at: datetime) -> datetime:
    """When the day of a time began."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def days_between(first: datetime, last: datetime) -> list[datetime]:
    """Both days and those between."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def last_days(until: datetime, number: int) -> list[datetime]:
    """The last days, as many, with that of `until`."""
    today = midnight(until)
    return days_between(today - timedelta(days=number - 1), today)


def month_before(at: datetime) -> datetime:
    """When the calendar month before that of a time began."""
    return (midnight(at).replace(day=1) - timedelta(days=1)).replace(day=1)


def read_day(text: str, field: str) -> datetime | None:
    """When a day begins that somebody wrote, None for nothing. Raises InvalidInput."""
    try:
        return datetime.combine(date.fromisoformat(text), time.min, UTC) if text else None
    except ValueError as error:
        raise InvalidInput("Write a day such as 2030-12-31, or nothing.", field=field) from error
