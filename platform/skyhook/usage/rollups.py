"""Roll-ups recomputed from the events: proof that they agree, and repair where they do not."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
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
)
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.usage.models import CALL, NOBODY
from skyhook.usage.recording import DAYS, EVENTS, HOURS

_FIGURES = ("quantity", "cost", "calls")


def _expected(table: Table, dialect: str) -> Subquery:
    """What a roll-up should hold, summed from the events."""
    part = "day" if table is DAYS else "hour"
    form = "%Y-%m-%d 00:00:00.000000" if table is DAYS else "%Y-%m-%d %H:00:00.000000"
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
    )
    quantity, cost = (cast(meters.c.value.op("->>")(literal_column(at)), BigInteger()) for at in ("0", "1"))
    metered = select(*key, meters.c.key.label("meter"), quantity.label("quantity"), cost.label("cost"))
    rows = union_all(calls, metered.select_from(EVENTS).join(meters, true())).subquery()
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
    for table in (HOURS, DAYS):
        expected = _expected(table, session.get_bind().dialect.name)
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
    for table in (HOURS, DAYS):
        expected = _expected(table, session.get_bind().dialect.name)
        names = _names(table)
        await session.execute(delete(table))
        await session.execute(
            table.insert().from_select(names, select(*(expected.c[name] for name in names)))
        )


def _names(table: Table) -> list[str]:
    return [*(column.name for column in table.primary_key), *_FIGURES]
