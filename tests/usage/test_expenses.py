"""What calls cost the operator: hours that agree with the events, and margins by what was called."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.usage.expenses import EXPENSES, FailedExpenses, Margin, Spent, margins, verify_expenses
from skyhook.usage.recording import Usage, record

ORGANIZATION = new_id()
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def usage(cost: int, minutes: int = 0, operation: str = "imagineGenerate", **functions: Any) -> Usage:
    return Usage(
        id=new_id(),
        organization_id=ORGANIZATION,
        key_id=None,
        user_id=None,
        plugin="imagine",
        operation=operation,
        model="scenes",
        quantities={"imagine.images": (1, cost)},
        cost=cost,
        outcome="completed",
        started_at=NOON + timedelta(minutes=minutes),
        duration_ms=5,
        expenses=functions or None,
    )


def failed(by_function: dict[str, tuple[int, int]], minutes: int = 0) -> Spent:
    at = NOON + timedelta(minutes=minutes)
    return Spent(
        ORGANIZATION,
        "imagine",
        "imagineGenerate",
        None,
        at,
        is_served=False,
        charged=0,
        by_function=by_function,
    )


async def recorded(database: Database, *usages: Usage) -> None:
    async with database.write() as session:
        await (await session.connection()).run_sync(record, list(usages), {})


async def margins_of(database: Database, by: Any) -> list[Margin]:
    async with database.read() as session:
        return await margins(session, NOON - DAY, NOON + DAY, by)


async def findings(database: Database) -> list[str]:
    async with database.read() as session:
        return await verify_expenses(session)


async def test_margins_are_those_of_calls_whose_cost_is_known(database: Database) -> None:
    await recorded(
        database,
        usage(900, Draw=(2_000_000, 500), Cut=(1_000_000, 100)),
        usage(50, 30, Draw=(1_000_000, 250)),
        usage(7_000),  # on the local machine: nothing is known of what it cost
        usage(10, 90, "imagineEdit", Cut=(500_000, 40)),
    )
    expenses = FailedExpenses(database)
    expenses.add(failed({"Draw": (4_000_000, 1_000)}))
    await expenses.write()
    await expenses.write()
    assert await margins_of(database, "operation") == [
        Margin(("imagineEdit",), 1, 0.5, 10, 40, 0),
        Margin(("imagineGenerate",), 2, 8.0, 950, 1850, 1000),
    ]
    assert await margins_of(database, "function") == [
        Margin(("Cut",), 2, 1.5, 0, 140, 0),
        Margin(("Draw",), 3, 7.0, 0, 1750, 1000),
    ]
    assert await margins_of(database, "day") == [Margin(("2026-03-10",), 3, 8.5, 960, 1890, 1000)]
    assert await findings(database) == []


async def test_an_hour_that_disagrees_with_its_events_is_found(database: Database) -> None:
    await recorded(database, usage(900, Draw=(2_000_000, 500)))
    async with database.write() as session:
        await session.execute(text("UPDATE usage_expenses SET expense = expense + 1 WHERE function = 'Draw'"))
    (finding,) = await findings(database)
    assert "+1 spent" in finding
    assert "function Draw" in finding


@pytest.mark.parametrize(
    "wrong",
    [
        {"expense": -1},
        {"microseconds": -1},
        {"function": "Draw", "charged": 1},
        {"is_served": False, "charged": 1},
    ],
)
async def test_the_database_refuses_what_cannot_be(wrong: dict[str, Any], database: Database) -> None:
    row = {
        "organization_id": ORGANIZATION, "hour": NOON, "plugin": "imagine", "operation": "imagineGenerate",
        "model": "", "is_served": True, "function": "", "calls": 1, "microseconds": 1, "charged": 0,
        "expense": 0,
    }  # fmt: skip
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            await session.execute(insert(EXPENSES), [row | wrong])


FUNCTIONS = st.dictionaries(
    st.sampled_from(["Draw", "Cut", "Speak"]),
    st.tuples(st.integers(0, 10**9), st.integers(0, 10**12)),
    min_size=1,
)
CALLS = st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 600), st.none() | FUNCTIONS), max_size=12)


async def test_hours_and_events_always_add_up_to_the_same(database: Database) -> None:
    loop = asyncio.get_running_loop()
    spent = dict.fromkeys(("charged", "expense", "failed"), 0)

    async def add(calls: list[Any], lost: list[Any]) -> None:
        usages = [usage(cost, minutes, **(functions or {})) for cost, minutes, functions in calls]
        if usages:
            await recorded(database, *usages)
        expenses = FailedExpenses(database)
        for functions, minutes in lost:
            expenses.add(failed(functions, minutes))
            spent["failed"] += sum(nano for _, nano in functions.values())
        await expenses.write()
        for cost, _, functions in calls:
            if functions:
                spent["charged"] += cost
                spent["expense"] += sum(nano for _, nano in functions.values())
        assert await findings(database) == []
        for by in ("day", "plugin", "operation", "model", "function"):
            found = await margins_of(database, by)
            assert sum(one.expense for one in found) == spent["expense"] + spent["failed"]
            assert sum(one.failed for one in found) == spent["failed"]
            if by != "function":
                assert sum(one.charged for one in found) == spent["charged"]

    @settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(CALLS, st.lists(st.tuples(FUNCTIONS, st.integers(0, 600)), max_size=4))
    def sums_agree(calls: list[Any], lost: list[Any]) -> None:
        asyncio.run_coroutine_threadsafe(add(calls, lost), loop).result()

    await asyncio.to_thread(sums_agree)
