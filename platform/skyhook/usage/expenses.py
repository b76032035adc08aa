"""What calls cost whoever operates the platform, beside what was charged for them.

A served call's expenses are written with its event, and add to its hour in the same transaction. A call that
failed has no event, and is not charged; what it cost all the same adds to the hour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Insert,
    Subquery,
    Table,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.database import Database, UTCDateTime
from skyhook.usage.models import CALL, UsageEvent, UsageExpense

EXPENSES: Table = UsageExpense.metadata.tables[UsageExpense.__tablename__]
_EVENTS: Table = UsageEvent.metadata.tables[UsageEvent.__tablename__]
_FIGURES = ("calls", "microseconds", "charged", "expense")

Group = Literal["day", "plugin", "operation", "model", "function"]
GROUPS: tuple[Group, ...] = get_args(Group)


@dataclass(frozen=True, slots=True)
class Spent:
    """What one call's functions cost."""

    organization_id: UUID
    plugin: str
    operation: str
    model: str | None
    started_at: datetime
    is_served: bool
    charged: int
    by_function: Mapping[str, tuple[int, int]]
    """Microseconds and nano-dollars."""


@dataclass(frozen=True, slots=True)
class Margin:
    """What was charged for calls and what they cost, in nano-dollars: of those alone whose cost is known."""

    group: tuple[str, ...]
    calls: int
    """Those that were served; by function, all runs."""
    seconds: float
    """How long they kept containers."""
    charged: int
    expense: int
    failed: int
    """How much of the expense was for calls that failed."""


def record_expenses(connection: Connection, spent: Iterable[Spent]) -> None:
    """Adds what calls cost to their hours; events are written elsewhere."""
    rows = _rows(spent)
    if rows:
        connection.execute(_add(connection.dialect.name), rows)


class FailedExpenses:
    """What failed calls cost, gathered in this process and written now and then: nobody waits for it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._spent: list[Spent] = []

    def add(self, spent: Spent) -> None:
        """A call has failed that cost something."""
        self._spent.append(spent)

    async def write(self) -> None:
        """Writes what has come since the last time."""
        spent, self._spent = self._spent, []
        if not spent:
            return
        try:
            await self._database.write_at_once(lambda connection: record_expenses(connection, spent))
        except BaseException:
            self._spent = spent + self._spent
            raise


async def margins(session: AsyncSession, since: datetime, until: datetime, by: Group) -> list[Margin]:
    """What all organizations were charged for calls, and what these cost, from the hour of a time on."""
    table = EXPENSES.c
    dialect = session.get_bind().dialect.name
    day = (
        func.strftime("%Y-%m-%d", table.hour)
        if dialect == "sqlite"
        else func.to_char(func.timezone("UTC", table.hour), "YYYY-MM-DD")
    )
    columns: dict[Group, list[ColumnElement[Any]]] = {
        "day": [day],
        "plugin": [table.plugin],
        "operation": [table.operation],
        "model": [table.operation, table.model],
        "function": [table.function],
    }
    group = columns[by]
    served = case((table.is_served, table.calls), else_=0) if by != "function" else table.calls
    figures = (
        served,
        table.microseconds,
        table.charged,
        table.expense,
        case((table.is_served, 0), else_=table.expense),
    )
    query = (
        select(*group, *(cast(func.sum(figure), BigInteger()) for figure in figures))
        .where(table.hour >= since.replace(minute=0, second=0, microsecond=0), table.hour < until)
        .where(table.function != CALL if by == "function" else table.function == CALL)
        .group_by(*group)
        .order_by(*group)
    )
    size = len(group)
    return [
        Margin(tuple(row[:size]), row[size], row[size + 1] / 1e6, *row[size + 2 :])
        for row in await session.execute(query)
    ]


async def verify_expenses(session: AsyncSession) -> list[str]:
    """Where hours disagree with the events' expenses: one sentence each; empty where they agree."""
    used = _of_events(session.get_bind().dialect.name)
    names = [column.name for column in EXPENSES.primary_key]
    stored = select(*(EXPENSES.c[name] for name in (*names, *_FIGURES))).where(EXPENSES.c.is_served)
    taken = select(*(used.c[name] for name in names), *((-used.c[name]).label(name) for name in _FIGURES))
    both = union_all(stored, taken).subquery("both")
    sums = [func.sum(both.c[name]).label(name) for name in _FIGURES]
    group = [both.c[name] for name in names]
    query = select(*group, *sums).group_by(*group).having(or_(*(total != 0 for total in sums)))
    return [
        f"{EXPENSES.name} has {row.calls:+} calls, {row.charged:+} nano-dollars charged and {row.expense:+} "
        f"spent beside its events: {', '.join(f'{name} {getattr(row, name)}' for name in names)}"
        for row in await session.execute(query)
    ]


def _of_events(dialect: str) -> Subquery:
    """What events add: a row for each call, and one for each of its functions."""
    events = _EVENTS.c
    hour = (
        func.strftime("%Y-%m-%d %H:00:00.000000", events.started_at, type_=UTCDateTime())
        if dialect == "sqlite"
        else func.date_trunc("hour", events.started_at, "UTC", type_=UTCDateTime())
    )
    functions = func.json_each(events.expenses).table_valued("key", "value").alias("functions")
    microseconds, expense = (
        cast(functions.c.value.op("->>")(literal_column(at)), BigInteger()) for at in ("0", "1")
    )
    one, nothing = literal(1, BigInteger()), literal(0, BigInteger())
    runs = (
        select(
            events.id,
            functions.c.key.label("function"),
            microseconds.label("microseconds"),
            expense.label("expense"),
        )
        .select_from(_EVENTS)
        .join(functions, true())
        .where(events.expenses.is_not(None))
        .cte("runs")
    )
    key = [
        events.organization_id,
        hour.label("hour"),
        events.plugin,
        events.operation,
        func.coalesce(events.model, "").label("model"),
        true().label("is_served"),
    ]
    of_call = (
        select(
            *key,
            literal(CALL).label("function"),
            one.label("calls"),
            cast(func.sum(runs.c.microseconds), BigInteger()).label("microseconds"),
            events.cost.label("charged"),
            cast(func.sum(runs.c.expense), BigInteger()).label("expense"),
        )
        .join(runs, runs.c.id == events.id)
        .group_by(events.id)
    )
    of_function = select(
        *key,
        runs.c.function,
        one.label("calls"),
        runs.c.microseconds,
        nothing.label("charged"),
        runs.c.expense,
    ).join(runs, runs.c.id == events.id)
    return union_all(of_call, of_function).subquery("used")


def _rows(spent: Iterable[Spent]) -> list[dict[str, Any]]:
    """The rows that calls add, in the order of their keys, so that no two processes deadlock."""
    sums: dict[tuple[Any, ...], list[int]] = {}
    for one in spent:
        hour = one.started_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        key = (one.organization_id, hour, one.plugin, one.operation, one.model or "", one.is_served)
        for function, (microseconds, expense) in one.by_function.items():
            _add_up(sums, (*key, function), (1, microseconds, 0, expense))
        whole = [sum(figures) for figures in zip(*one.by_function.values(), strict=True)]
        _add_up(sums, (*key, CALL), (1, whole[0], one.charged, whole[1]))
    names = (*EXPENSES.primary_key.columns.keys(), *_FIGURES)
    return [dict(zip(names, (*key, *figures), strict=True)) for key, figures in sorted(sums.items())]


def _add_up(sums: dict[tuple[Any, ...], list[int]], key: tuple[Any, ...], figures: Sequence[int]) -> None:
    found = sums.setdefault(key, [0] * len(_FIGURES))
    for at, figure in enumerate(figures):
        found[at] += figure


@cache
def _add(dialect: str) -> Insert:
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(EXPENSES)
    upsert: Insert = statement.on_conflict_do_update(
        index_elements=EXPENSES.primary_key.columns.keys(),
        set_={name: EXPENSES.c[name] + statement.excluded[name] for name in _FIGURES},
    )
    return upsert
