"""Reading usage: totals over time and by what was used, and the latest events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Select, Subquery, Table, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.usage.models import CALL, NOBODY, UsageEvent
from skyhook.usage.recording import DAYS, EPOCH, HOURS, ROLLED
from skyhook.usage.rollups import day_of


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


@dataclass(frozen=True, slots=True)
class Metered:
    """What was used of one meter and model, and its cost in nano-dollars."""

    meter: str
    model: str | None
    quantity: int
    cost: int
    price: int | None
    """What each unit cost, where that was the same all the time."""


async def totals(
    session: AsyncSession,
    organization_id: UUID,
    since: datetime,
    until: datetime,
    by: Sequence[Group] = (),
    only: Mapping[Group, str | UUID | None] | None = None,
    *,
    with_quantities: bool = True,
) -> list[Total]:
    """An organization's usage from `since` to before `until`, in whole hours, ordered by the groups.

    `only` keeps what has these values, with None for no model, key or member. Days that are summed already
    are read as such, unless hours are told apart. Without quantities it reads a part of the rows.
    """
    used = await _used(session, organization_id, since, until, by, only or {}, with_quantities)
    groups = [used.c[f"group_{at}"] for at in range(len(by))]
    figures = [func.sum(used.c[name]) for name in ("quantity", "cost", "calls")]
    rows = await session.execute(
        select(*groups, used.c.meter, *figures)
        .group_by(*groups, used.c.meter)
        .order_by(*groups, used.c.meter)  # the row of the calls, whose meter is empty, comes first
    )
    found: list[Total] = []
    for *values, meter, quantity, cost, calls in rows:
        if meter == CALL:
            group = tuple(_value(kind, value) for kind, value in zip(by, values, strict=True))
            found.append(Total(group, int(calls), int(cost), {}))
        else:
            found[-1].quantities[meter] = int(quantity)
    return found


async def sums(
    session: AsyncSession, organization_ids: Iterable[UUID] | None, since: datetime, meters: Iterable[str]
) -> dict[UUID, dict[str, tuple[int, int]]]:
    """What organizations (None: all) have used of meters since a midnight in UTC: quantity and cost.

    The meter `CALL` stands for the calls themselves, with the cost of all meters.
    """
    rolled = max(await session.scalar(select(ROLLED.c.until)) or EPOCH, since)
    parts = []
    for table, times in (
        (DAYS, (DAYS.c.day >= since, DAYS.c.day < rolled)),
        (HOURS, (HOURS.c.hour >= rolled,)),
    ):
        part = select(table.c.organization_id, *(table.c[name] for name in ("meter", "quantity", "cost")))
        part = part.where(*times, table.c.meter.in_(list(meters)))
        if organization_ids is not None:
            part = part.where(table.c.organization_id.in_(list(organization_ids)))
        parts.append(part)
    used = union_all(*parts).subquery()
    group = (used.c.organization_id, used.c.meter)
    rows = await session.execute(
        select(*group, func.sum(used.c.quantity), func.sum(used.c.cost)).group_by(*group)
    )
    found: dict[UUID, dict[str, tuple[int, int]]] = {}
    for organization_id, meter, quantity, cost in rows:
        found.setdefault(organization_id, {})[meter] = (int(quantity), int(cost))
    return found


async def metered(
    session: AsyncSession, organization_id: UUID, since: datetime, until: datetime
) -> list[Metered]:
    """An organization's usage from `since` to before `until`, in whole hours, ordered by meter and model.

    A price is the same all the time if it is so in each row of the roll-ups: for each key and member, hour by
    hour, or day by day once they are summed.
    """
    used = await _used(session, organization_id, since, until, [Group.MODEL], {}, True)
    model, quantity = used.c.group_0, used.c.quantity
    divisor = func.nullif(quantity, 0, type_=BigInteger())
    price, rest = used.c.cost // divisor, used.c.cost % divisor
    rows = await session.execute(
        select(
            used.c.meter,
            model,
            func.sum(quantity),
            func.sum(used.c.cost),
            func.min(price),
            func.max(price),
            func.max(rest),
        )
        .where(used.c.meter != CALL)
        .group_by(used.c.meter, model)
        .order_by(used.c.meter, model)
    )
    return [
        Metered(meter, name or None, int(many), int(total), low if low == high and not uneven else None)
        for meter, name, many, total, low, high, uneven in rows
    ]


def events(organization_id: UUID, only: Mapping[Group, str | UUID | None] | None = None) -> Select[Any]:
    """An organization's events in no order; `only` keeps those with these values, as for `totals`."""
    kept = [getattr(UsageEvent, _NAMES[group]) == value for group, value in (only or {}).items()]
    return select(UsageEvent).where(UsageEvent.organization_id == organization_id, *kept)


async def latest(
    session: AsyncSession, organization_id: UUID, *, limit: int, before: UUID | None = None
) -> Sequence[UsageEvent]:
    """An organization's events, newest first; `before` is the id of the last one of the page before."""
    query = events(organization_id)
    if before is not None:
        query = query.where(UsageEvent.id < before)
    return (await session.scalars(query.order_by(UsageEvent.id.desc()).limit(limit))).all()


async def _used(
    session: AsyncSession,
    organization_id: UUID,
    since: datetime,
    until: datetime,
    by: Sequence[Group],
    only: Mapping[Group, str | UUID | None],
    with_quantities: bool,
) -> Subquery:
    """The rows of a time: days where they are summed already, hours before and after."""
    rolled = await session.scalar(select(ROLLED.c.until)) or EPOCH
    first, last = (
        (until, until) if Group.HOUR in by else (_midnight_after(since), min(rolled, _midnight(until)))
    )
    parts = [(HOURS, since, until)]
    if first < last:
        parts = [(HOURS, since, first), (DAYS, first, last), (HOURS, last, until)]
    dialect = session.get_bind().dialect.name
    return union_all(
        *(
            _part(table, organization_id, begin, end, by, only, dialect, with_quantities)
            for table, begin, end in parts
            if begin < end
        )
    ).subquery()


_NAMES = {
    Group.PLUGIN: "plugin",
    Group.OPERATION: "operation",
    Group.MODEL: "model",
    Group.KEY: "key_id",
    Group.MEMBER: "user_id",
}


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _midnight_after(at: datetime) -> datetime:
    before = _midnight(at)
    return before if before == at else before + timedelta(days=1)


def _part(
    table: Table,
    organization_id: UUID,
    since: datetime,
    until: datetime,
    by: Sequence[Group],
    only: Mapping[Group, str | UUID | None],
    dialect: str,
    with_quantities: bool,
) -> Select[Any]:
    """What one roll-up has of a time, with a column for each group."""
    time = table.c.day if table is DAYS else table.c.hour
    columns = {Group.HOUR: time, Group.DAY: time if table is DAYS else day_of(time, dialect)}
    groups = [columns[group] if group in columns else table.c[_NAMES[group]] for group in by]
    kept = [table.c[_NAMES[group]] == _stored(group, value) for group, value in only.items()]
    if not with_quantities:
        kept.append(table.c.meter == CALL)
    return select(
        *(column.label(f"group_{at}") for at, column in enumerate(groups)),
        *(table.c[name] for name in ("meter", "quantity", "cost", "calls")),
    ).where(table.c.organization_id == organization_id, time >= since, time < until, *kept)


def _stored(group: Group, value: str | UUID | None) -> str | UUID:
    if value is not None:
        return value
    return NOBODY if group in (Group.KEY, Group.MEMBER) else ""


def _value(group: Group, value: Any) -> datetime | str | UUID | None:
    match group:
        case Group.MODEL:
            return value or None
        case Group.KEY | Group.MEMBER:
            return None if value == NOBODY else value
        case _:
            return value  # type: ignore[no-any-return]
