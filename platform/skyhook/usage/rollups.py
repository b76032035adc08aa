"""Roll-ups recomputed from the events: proof that they agree, and repair where they do not."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    Subquery,
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
from skyhook.usage.recording import EVENTS, HOURS

_KEY = tuple(column.name for column in HOURS.primary_key)
_FIGURES = ("quantity", "cost", "calls")


def _expected(dialect: str) -> Subquery:
    """What `usage_hours` should hold, summed from the events."""
    meters = func.json_each(EVENTS.c.quantities).table_valued("key", "value").alias("meters")
    hour: Any = (
        func.strftime("%Y-%m-%d %H:00:00.000000", EVENTS.c.started_at)
        if dialect == "sqlite"
        else func.date_trunc("hour", EVENTS.c.started_at, "UTC")
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
    calls = select(
        *key, literal(CALL, Text()).label("meter"), literal(0, BigInteger()).label("quantity"), EVENTS.c.cost
    )
    quantity, cost = (cast(meters.c.value.op("->>")(literal_column(at)), BigInteger()) for at in ("0", "1"))
    metered = select(*key, meters.c.key.label("meter"), quantity.label("quantity"), cost.label("cost"))
    rows = union_all(calls, metered.select_from(EVENTS).join(meters, true())).subquery()
    group = [rows.c[name] for name in _KEY]
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
    expected = _expected(session.get_bind().dialect.name)
    names = _KEY + _FIGURES
    stored: Select[Any] = select(*(HOURS.c[name] for name in names))
    computed: Select[Any] = select(*(expected.c[name] for name in names))
    missing = await session.execute(computed.except_(stored))
    surplus = await session.execute(stored.except_(computed))
    return [f"the events say {tuple(row)}" for row in missing] + [
        f"the roll-up says {tuple(row)}" for row in surplus
    ]


async def rebuild(session: AsyncSession) -> None:
    """Writes the roll-ups anew from the events. Nobody may settle meanwhile: it belongs to maintenance."""
    expected = _expected(session.get_bind().dialect.name)
    names = _KEY + _FIGURES
    await session.execute(delete(HOURS))
    await session.execute(
        HOURS.insert().from_select(list(names), select(*(expected.c[name] for name in names)))
    )
