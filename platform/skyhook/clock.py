"""Time and identifiers: UTC everywhere, UUIDv7 everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

_EPOCH = datetime.fromtimestamp(0, UTC)


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUIDv7: unique, and ordered by the time it was made."""
    return uuid7()


def first_id(at: datetime) -> UUID:
    """The least UUIDv7 of a time, whose first 48 bits are milliseconds."""
    return UUID(int=max(round((at - _EPOCH) / timedelta(milliseconds=1)), 0) << 80)


def time_of(id: UUID) -> datetime:
    """When a UUIDv7 was made, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=id.int >> 80)
