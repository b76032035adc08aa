"""Reading usage: totals over time and by what was used, and the latest events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.usage.models import CALL, NOBODY, UsageEvent
from skyhook.usage.recording import DAYS, HOURS


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
    only: Mapping[Group, str | UUID | None] | None = None,
) -> list[Total]:
    """An organization's usage from `since` to before `until`, in whole hours, ordered by the groups.

    `only` keeps what has these values, with None for no model, key or member. Whole days in UTC are read from
    a smaller table, unless hours are told apart.
    """
    is_daily = Group.HOUR not in by and _is_midnight(since) and _is_midnight(until)
    table, time = (DAYS, DAYS.c.day) if is_daily else (HOURS, HOURS.c.hour)
    dialect = session.get_bind().dialect.name
    groups = [_column(table, group, dialect).label(f"group_{at}") for at, group in enumerate(by)]
    kept = [table.c[_NAMES[group]] == _stored(group, value) for group, value in (only or {}).items()]
    rows = await session.execute(
        select(
            *groups,
            table.c.meter,
            func.sum(table.c.quantity).label("quantity"),
            func.sum(table.c.cost).label("cost"),
            func.sum(table.c.calls).label("calls"),
        )
        .where(table.c.organization_id == organization_id, time >= since, time < until, *kept)
        .group_by(*groups, table.c.meter)
        .order_by(*groups, table.c.meter)  # the row of the calls, whose meter is empty, comes first
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


_NAMES = {
    Group.PLUGIN: "plugin",
    Group.OPERATION: "operation",
    Group.MODEL: "model",
    Group.KEY: "key_id",
    Group.MEMBER: "user_id",
}


def _is_midnight(at: datetime) -> bool:
    at = at.astimezone(UTC)
    return (at.hour, at.minute, at.second, at.microsecond) == (0, 0, 0, 0)


def _column(table: Table, group: Group, dialect: str) -> ColumnElement[Any]:
    match group:
        case Group.HOUR:
            return table.c.hour
        case Group.DAY if table is DAYS:
            return table.c.day
        case Group.DAY if dialect == "sqlite":
            return func.strftime("%Y-%m-%d", table.c.hour)
        case Group.DAY:
            return func.to_char(func.timezone("UTC", table.c.hour), "YYYY-MM-DD")
        case _:
            return table.c[_NAMES[group]]


def _stored(group: Group, value: str | UUID | None) -> str | UUID:
    if value is not None:
        return value
    return NOBODY if group in (Group.KEY, Group.MEMBER) else ""


def _value(group: Group, value: Any) -> datetime | str | UUID | None:
    match group:
        case Group.DAY if isinstance(value, str):
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        case Group.MODEL:
            return value or None
        case Group.KEY | Group.MEMBER:
            return None if value == NOBODY else value
        case _:
            return value  # type: ignore[no-any-return]
