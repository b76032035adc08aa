"""Time and identifiers: UTC everywhere, UUIDv7 everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUIDv7: unique, and ordered by the time it was made."""
    return uuid7()
