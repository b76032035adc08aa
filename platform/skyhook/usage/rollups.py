"""Roll-ups: days summed from hours, proof that they agree with the events, and repair where they do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    Table,
    Text,
    Uuid,
    cast,
    delete,
    func,
    literal,
    literal_column,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.database import UTCDateTime
from skyhook.usage.models import CALL, NOBODY
from skyhook.usage.recording import DAYS, EPOCH, EVENTS, HOURS, ROLLED

OVER_AFTER = timedelta(hours=1)
"""Long after midnight nobody is left who settles a call and takes the day before for today."""
_FIGURES = ("quantity", "cost", "calls")


async def roll_days(session: AsyncSession, at: datetime) -> None:
    """Sums the hours of days that are over into days; what is settled later adds to both."""
    until = (at.astimezone(UTC) - OVER_AFTER).replace(hour=0, minute=0, second=0, microsecond=0)
    since = await session.scalar(select(ROLLED.c.until).with_for_update())
    if since is None or since >= until:
        return
    day = day_of(HOURS.c.hour, session.get_bind().dialect.name)
    names = _names(DAYS)
    group = [day if name == "day" else HOURS.c[name] for name in names if name not in _FIGURES]
    sums = [cast(func.sum(HOURS.c[name]), BigInteger()) for name in _FIGURES]
    over = select(*group, *sums).where(HOURS.c.hour >= since, HOURS.c.hour < until).group_by(*group)
    await session.execute(DAYS.insert().from_select(names, over))
    await session.execute(update(ROLLED).values(until=until))


def day_of(hour: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """The day in UTC of a column's times, as days are stored."""
    if dialect == "sqlite":
        return func.strftime("%Y-%m-%d 00:00:00.000000", hour, type_=UTCDateTime())
    return func.date_trunc("day", hour, "UTC", type_=UTCDateTime())


def _expected(table: Table, dialect: str, until: datetime) -> Subquery:
    """What a roll-up should hold, summed from the events; days before `until`."""
    part = "day" if table is DAYS else "hour"
    form = "%Y-%m-%d 00:00:00.000000" if table is DAYS else "%Y-%m-%d %H:00:00.000000"
    wanted = EVENTS.c.started_at < until if table is DAYS else true()
    meters = func.json_each(EVENTS.c.quantities).table_valued("key", "value").alias("meters")
    time: Any = (
        func.strftime(form, EVENTS.c.started_at)
        if dialect == "sqlite"
        else func.date_trunc(part, EVENTS.c.started_at, "UTC")
    )
    key = [
        EVENTS.c.organization_id,
        time.label(part),
        EVENTS.c.plugin,
        EVENTS.c.operation,
        func.coalesce(EVENTS.c.model, "").label("model"),
        func.coalesce(EVENTS.c.key_id, literal(NOBODY, Uuid())).label("key_id"),
        func.coalesce(EVENTS.c.user_id, literal(NOBODY, Uuid())).label("user_id"),
    ]
    calls = select(
        *key, literal(CALL, Text()).label("meter"), literal(0, BigInteger()).label("quantity"), EVENTS.c.cost
    ).where(wanted)
    quantity, cost = (cast(meters.c.value.op("->>")(literal_column(at)), BigInteger()) for at in ("0", "1"))
    metered = select(*key, meters.c.key.label("meter"), quantity.label("quantity"), cost.label("cost"))
    metered = metered.select_from(EVENTS).join(meters, true()).where(wanted)
    rows = union_all(calls, metered).subquery()
    group = [rows.c[column.name] for column in table.primary_key]
    return (
        select(
            *group,
            cast(func.sum(rows.c.quantity), BigInteger()).label("quantity"),
            cast(func.sum(rows.c.cost), BigInteger()).label("cost"),
            func.count().label("calls"),
        )
        .group_by(*group)
        .subquery("expected")
    )


async def verify(session: AsyncSession) -> list[str]:
    """Where roll-ups and events disagree, one sentence each; empty where they agree."""
    findings: list[str] = []
    until = await session.scalar(select(ROLLED.c.until)) or EPOCH
    for table in (HOURS, DAYS):
        expected = _expected(table, session.get_bind().dialect.name, until)
        names = _names(table)
        stored: Select[Any] = select(*(table.c[name] for name in names))
        computed: Select[Any] = select(*(expected.c[name] for name in names))
        missing = await session.execute(computed.except_(stored))
        surplus = await session.execute(stored.except_(computed))
        findings += [f"the events say {tuple(row)}" for row in missing]
        findings += [f"{table.name} says {tuple(row)}" for row in surplus]
    return findings


async def rebuild(session: AsyncSession) -> None:
    """Writes the roll-ups anew from the events. Nobody may settle meanwhile: it belongs to maintenance."""
    until = await session.scalar(select(ROLLED.c.until)) or EPOCH
    for table in (HOURS, DAYS):
        expected = _expected(table, session.get_bind().dialect.name, until)
        names = _names(table)
        await session.execute(delete(table))
        await session.execute(
            table.insert().from_select(names, select(*(expected.c[name] for name in names)))
        )


def _names(table: Table) -> list[str]:
    return [*(column.name for column in table.primary_key), *_FIGURES]
