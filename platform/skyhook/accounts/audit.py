"""The audit log: written in the same unit of work as what it tells of, and read by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts.models import AuditEvent, Member, User
from skyhook.database import Database
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


async def record_of_user(session: AsyncSession, user_id: UUID, action: str, **details: Any) -> None:
    """Adds what a user did to their own account, for each organization that it can act for."""
    organizations = await session.scalars(select(Member.organization_id).where(Member.user_id == user_id))
    for organization_id in organizations.all():
        record(session, Caller(organization_id, user_id, None, frozenset()), action, user_id, **details)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; what is None or empty does not narrow."""

    actor: str = ""
    """The beginning of a user's e-mail address."""
    action: str = ""
    subject_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditLog:
    """Reads what was written of an organization."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(
        self, caller: Caller, wanted: Wanted, limit: int, before: UUID | None = None
    ) -> Sequence[tuple[AuditEvent, str | None]]:
        """Events, newest first, each with the e-mail address of who did it."""
        query = (
            select(AuditEvent, User.email)
            .outerjoin(User, User.id == AuditEvent.user_id)
            .where(AuditEvent.organization_id == caller.organization_id)
            .order_by(AuditEvent.id.desc())
            .limit(limit)
        )
        if wanted.actor:
            query = query.where(User.email.startswith(wanted.actor.lower(), autoescape=True))
        if wanted.action:
            query = query.where(AuditEvent.action == wanted.action)
        if wanted.subject_id:
            query = query.where(AuditEvent.subject_id == wanted.subject_id)
        if wanted.since:
            query = query.where(AuditEvent.created_at >= wanted.since)
        if wanted.until:
            query = query.where(AuditEvent.created_at < wanted.until)
        if before:
            query = query.where(AuditEvent.id < before)
        async with self._database.read() as session:
            return [(event, email) for event, email in (await session.execute(query)).all()]

    async def actions(self, caller: Caller) -> Sequence[str]:
        """The actions that were written, by name."""
        query = select(AuditEvent.action).where(AuditEvent.organization_id == caller.organization_id)
        async with self._database.read() as session:
            return (await session.scalars(query.distinct().order_by(AuditEvent.action))).all()
