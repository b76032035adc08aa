"""Writing usage: events and the roll-ups they add to, in one transaction, by Core statements only.

Days are summed from the hours once they are over (`rollups.roll_days`), so that a call adds to its hour
alone. Only one that began on a day before it is settled may find that day summed already, and adds to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Insert, Table, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from skyhook.usage.expenses import Spent, record_expenses
from skyhook.usage.models import CALL, NOBODY, UsageDay, UsageEvent, UsageHour, UsageRolled

EVENTS: Table = UsageEvent.metadata.tables[UsageEvent.__tablename__]
HOURS: Table = UsageHour.metadata.tables[UsageHour.__tablename__]
DAYS: Table = UsageDay.metadata.tables[UsageDay.__tablename__]
ROLLED: Table = UsageRolled.metadata.tables[UsageRolled.__tablename__]
EPOCH = datetime.fromtimestamp(0, UTC)
_INSERT_EVENTS = insert(EVENTS)


@dataclass(frozen=True, slots=True)
class Usage:
    """One event to be written; the columns of `UsageEvent`."""

    id: UUID
    organization_id: UUID
    key_id: UUID | None
    user_id: UUID | None
    plugin: str
    operation: str
    model: str | None
    quantities: Mapping[str, tuple[int, int]]
    cost: int
    outcome: str
    started_at: datetime
    duration_ms: int
    expenses: Mapping[str, tuple[int, int]] | None = None


def record(connection: Connection, usages: Sequence[Usage], transfers: Mapping[UUID, UUID]) -> None:
    """Writes events and adds them to their hours, and to days that are summed already.

    `transfers` names who paid, by the event's id.
    """
    connection.execute(
        _INSERT_EVENTS,
        [
            {
                "id": usage.id,
                "organization_id": usage.organization_id,
                "key_id": usage.key_id,
                "user_id": usage.user_id,
                "plugin": usage.plugin,
                "operation": usage.operation,
                "model": usage.model,
                "quantities": usage.quantities,
                "cost": usage.cost,
                "outcome": usage.outcome,
                "started_at": usage.started_at,
                "duration_ms": usage.duration_ms,
                "transfer_id": transfers.get(usage.id),
                "expenses": usage.expenses,
            }
            for usage in usages
        ],
    )
    _add_all(connection, HOURS, usages)
    record_expenses(connection, [_spent(usage, usage.expenses) for usage in usages if usage.expenses])
    late = [usage for usage in usages if usage.started_at < _midnight_before(usage.id)]
    if late:
        # Locked, so that nobody sums the days before this is committed.
        until = connection.scalar(select(ROLLED.c.until).with_for_update(read=True)) or EPOCH
        _add_all(connection, DAYS, [usage for usage in late if usage.started_at < until])


def _spent(usage: Usage, by_function: Mapping[str, tuple[int, int]]) -> Spent:
    return Spent(
        usage.organization_id,
        usage.plugin,
        usage.operation,
        usage.model,
        usage.started_at,
        is_served=True,
        charged=usage.cost,
        by_function=by_function,
    )


def _add_all(connection: Connection, table: Table, usages: Sequence[Usage]) -> None:
    if usages:
        connection.execute(_add_to(table, connection.dialect.name), _roll_up(table, usages))


def _midnight_before(event_id: UUID) -> datetime:
    """When the day in UTC began in which an event was settled, by its UUIDv7."""
    return _whole(EPOCH + timedelta(milliseconds=event_id.int >> 80), is_daily=True)


def _roll_up(table: Table, usages: Sequence[Usage]) -> list[dict[str, Any]]:
    """The rows that these events add to a roll-up.

    In the order of their keys, so that two processes that add to the same rows do not deadlock.
    """
    is_daily = table is DAYS
    sums: dict[tuple[Any, ...], dict[str, list[int]]] = {}
    for usage in usages:
        key = (
            usage.organization_id,
            _whole(usage.started_at, is_daily=is_daily),
            usage.plugin,
            usage.operation,
            usage.model or "",
            usage.key_id or NOBODY,
            usage.user_id or NOBODY,
        )
        meters = sums.get(key)
        if meters is None:
            meters = sums[key] = {}
        _add(meters, CALL, 0, usage.cost)
        for meter, (quantity, cost) in usage.quantities.items():
            _add(meters, meter, quantity, cost)
    names = table.primary_key.columns.keys()
    return [
        dict(zip(names, (*key, meter), strict=True), quantity=quantity, cost=cost, calls=calls)
        for key, meters in sorted(sums.items(), key=lambda item: item[0])
        for meter, (quantity, cost, calls) in sorted(meters.items())
    ]


def _whole(at: datetime, *, is_daily: bool) -> datetime:
    return at.replace(hour=0 if is_daily else at.hour, minute=0, second=0, microsecond=0)


def _add(meters: dict[str, list[int]], meter: str, quantity: int, cost: int) -> None:
    found = meters.get(meter)
    if found is None:
        meters[meter] = [quantity, cost, 1]
    else:
        found[0] += quantity
        found[1] += cost
        found[2] += 1


@cache
def _add_to(table: Table, dialect: str) -> Insert:
    """The upsert that adds to a roll-up, in this dialect."""
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(table)
    upsert: Insert = statement.on_conflict_do_update(
        index_elements=table.primary_key.columns.keys(),
        set_={name: table.c[name] + statement.excluded[name] for name in ("quantity", "cost", "calls")},
    )
    return upsert
