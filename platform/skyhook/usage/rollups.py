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
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.database import UTCDateTime
from skyhook.usage.expenses import verify_expenses
from skyhook.usage.models import CALL, NOBODY
from skyhook.usage.recording import DAYS, EVENTS, HOURS, ROLLED

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


def _of_events(dialect: str) -> Subquery:
    """What events add to hours: a row for each call, and one for each of its meters."""
    hour: ColumnElement[Any] = (
        func.strftime("%Y-%m-%d %H:00:00.000000", EVENTS.c.started_at, type_=UTCDateTime())
        if dialect == "sqlite"
        else func.date_trunc("hour", EVENTS.c.started_at, "UTC", type_=UTCDateTime())
    )
    key = [
        EVENTS.c.organization_id,
        hour.label("hour"),
        EVENTS.c.plugin,
        EVENTS.c.operation,
        func.coalesce(EVENTS.c.model, "").label("model"),
        func.coalesce(EVENTS.c.key_id, literal(NOBODY, Uuid())).label("key_id"),
        func.coalesce(EVENTS.c.user_id, literal(NOBODY, Uuid())).label("user_id"),
    ]
    one = literal(1, BigInteger()).label("calls")
    calls = select(
        *key,
        literal(CALL, Text()).label("meter"),
        literal(0, BigInteger()).label("quantity"),
        EVENTS.c.cost,
        one,
    )
    meters = func.json_each(EVENTS.c.quantities).table_valued("key", "value").alias("meters")
    quantity, cost = (cast(meters.c.value.op("->>")(literal_column(at)), BigInteger()) for at in ("0", "1"))
    metered = select(*key, meters.c.key.label("meter"), quantity.label("quantity"), cost.label("cost"), one)
    return union_all(calls, metered.select_from(EVENTS).join(meters, true())).subquery("used")


def _of_hours(dialect: str) -> Subquery:
    """What hours add to the days that are summed."""
    until = select(ROLLED.c.until).scalar_subquery()
    columns = [
        day_of(HOURS.c.hour, dialect).label("day") if name == "day" else HOURS.c[name]
        for name in _names(DAYS)
    ]
    return select(*columns).where(HOURS.c.hour < until).subquery("used")


def _summed(table: Table, used: Subquery) -> Select[Any]:
    """The rows of a roll-up that hold all that was used."""
    group = [used.c[column.name] for column in table.primary_key]
    sums = [cast(func.sum(used.c[name]), BigInteger()).label(name) for name in _FIGURES]
    return select(*group, *sums).group_by(*group)


def _differing(table: Table, used: Subquery) -> Select[Any]:
    """The rows of a roll-up with other figures than what was used, each with what it has too much.

    One pass over both, in which what was used is taken off what is stored.
    """
    names = [column.name for column in table.primary_key]
    stored = select(*(table.c[name] for name in _names(table)))
    taken = select(*(used.c[name] for name in names), *((-used.c[name]).label(name) for name in _FIGURES))
    both = union_all(stored, taken).subquery("both")
    return _summed(table, both).having(or_(*(func.sum(both.c[name]) != 0 for name in _FIGURES)))


async def verify(session: AsyncSession) -> list[str]:
    """Where roll-ups disagree with what they sum up: one sentence each; empty where they agree."""
    return await verify_hours(session) + await verify_days(session) + await verify_expenses(session)


async def verify_hours(session: AsyncSession) -> list[str]:
    """Where hours disagree with events."""
    return await _verify(session, HOURS, _of_events(_dialect(session)), "events")


async def verify_days(session: AsyncSession) -> list[str]:
    """Where days disagree with their hours."""
    return await _verify(session, DAYS, _of_hours(_dialect(session)), "hours")


async def _verify(session: AsyncSession, table: Table, used: Subquery, others: str) -> list[str]:
    findings = []
    for row in await session.execute(_differing(table, used)):
        key = ", ".join(f"{column.name} {getattr(row, column.name)}" for column in table.primary_key)
        findings.append(
            f"{table.name} has {row.quantity:+} units, {row.cost:+} nano-dollars and {row.calls:+} calls "
            f"beside its {others}: {key}"
        )
    return findings


async def rebuild(session: AsyncSession) -> None:
    """Writes the roll-ups anew from the events. Nobody may settle meanwhile: it belongs to maintenance."""
    dialect = _dialect(session)
    for table, used in ((HOURS, _of_events(dialect)), (DAYS, _of_hours(dialect))):
        await session.execute(delete(table))
        await session.execute(table.insert().from_select(_names(table), _summed(table, used)))


def _dialect(session: AsyncSession) -> str:
    return session.get_bind().dialect.name


def _names(table: Table) -> list[str]:
    return [*(column.name for column in table.primary_key), *_FIGURES]
