"""The audit log: written in the same unit of work as what it tells of."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts.models import AuditEvent
from skyhook.operations.caller import Caller


def record(
    session: AsyncSession, caller: Caller, action: str, subject_id: UUID | None = None, **details: Any
) -> None:
    """Adds an event to the unit of work; it stands exactly if the change that it tells of stands."""
    session.add(
        AuditEvent(
            organization_id=caller.organization_id,
            user_id=caller.user_id,
            key_id=caller.key_id,
            action=action,
            subject_id=subject_id,
            details=details,
        )
    )
