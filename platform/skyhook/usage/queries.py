"""Reading usage: totals over time and by what was used, and the latest events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.usage.models import CALL, NOBODY, UsageEvent
from skyhook.usage.recording import HOURS


class Group(StrEnum):
    """By what totals are told apart."""

    HOUR = "hour"
    DAY = "day"
    PLUGIN = "plugin"
    OPERATION = "operation"
    MODEL = "model"
    KEY = "key"
    MEMBER = "member"


@dataclass(frozen=True, slots=True)
class Total:
    """What was used in one group."""

    group: tuple[datetime | str | UUID | None, ...]
    """One value for each `Group` that was asked for, in that order; None for no model, key or member."""
    calls: int
    cost: int
    """In nano-dollars."""
    quantities: dict[str, int]
    """By meter, in the meter's unit."""


async def totals(
    session: AsyncSession,
    organization_id: UUID,
    since: datetime,
    until: datetime,
    by: Sequence[Group] = (),
) -> list[Total]:
    """An organization's usage from `since` to before `until`, in whole hours, ordered by the groups."""
    dialect = session.get_bind().dialect.name
    groups = [_column(group, dialect).label(f"group_{at}") for at, group in enumerate(by)]
    rows = await session.execute(
        select(
            *groups,
            HOURS.c.meter,
            func.sum(HOURS.c.quantity).label("quantity"),
            func.sum(HOURS.c.cost).label("cost"),
            func.sum(HOURS.c.calls).label("calls"),
        )
        .where(and_(HOURS.c.organization_id == organization_id, HOURS.c.hour >= since, HOURS.c.hour < until))
        .group_by(*groups, HOURS.c.meter)
        .order_by(*groups, HOURS.c.meter)  # the row of the calls, whose meter is empty, comes first
    )
    found: list[Total] = []
    for *values, meter, quantity, cost, calls in rows:
        if meter == CALL:
            group = tuple(_value(kind, value) for kind, value in zip(by, values, strict=True))
            found.append(Total(group, int(calls), int(cost), {}))
        else:
            found[-1].quantities[meter] = int(quantity)
    return found


async def latest(
    session: AsyncSession, organization_id: UUID, *, limit: int, before: UUID | None = None
) -> Sequence[UsageEvent]:
    """An organization's events, newest first; `before` is the id of the last one of the page before."""
    query = select(UsageEvent).where(UsageEvent.organization_id == organization_id)
    if before is not None:
        query = query.where(UsageEvent.id < before)
    return (await session.scalars(query.order_by(UsageEvent.id.desc()).limit(limit))).all()


def _column(group: Group, dialect: str) -> ColumnElement[Any]:
    match group:
        case Group.KEY:
            return HOURS.c.key_id
        case Group.MEMBER:
            return HOURS.c.user_id
        case Group.DAY if dialect == "sqlite":
            return func.strftime("%Y-%m-%d", HOURS.c.hour)
        case Group.DAY:
            return func.to_char(func.timezone("UTC", HOURS.c.hour), "YYYY-MM-DD")
        case _:
            return HOURS.c[group.value]


def _value(group: Group, value: Any) -> datetime | str | UUID | None:
    match group:
        case Group.DAY:
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        case Group.MODEL:
            return value or None
        case Group.KEY | Group.MEMBER:
            return None if value == NOBODY else value
        case _:
            return value  # type: ignore[no-any-return]
