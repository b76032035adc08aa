"""Usage: totals by what was used, roll-ups that are proven and repaired."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.usage import queries, rollups
from skyhook.usage.models import UsageDay
from skyhook.usage.queries import Group, Total
from skyhook.usage.recording import Usage, record

ORGANIZATION, KEY, MEMBER = new_id(), new_id(), new_id()
MIDNIGHT = datetime(2026, 3, 10, tzinfo=UTC)


def usage(
    at: datetime, *, organization: UUID = ORGANIZATION, model: str | None = "small", **tokens: int
) -> Usage:
    quantities = {f"chat.{meter}": (quantity, quantity * 10) for meter, quantity in tokens.items()}
    return Usage(
        id=new_id(),
        organization_id=organization,
        key_id=KEY if model else None,
        user_id=MEMBER,
        plugin="chat",
        operation="chatComplete" if model else "chatList",
        model=model,
        quantities=quantities,
        cost=sum(cost for _, cost in quantities.values()),
        outcome="completed",
        started_at=at,
        duration_ms=5,
    )


@pytest.fixture
async def recorded(database: Database) -> None:
    """Two calls at 00:10 and 00:50, a free one at 23:59, one of the next day, and a stranger's.

    The first day is summed when the first two are settled, and the others are settled later.
    """
    usages = [
        usage(MIDNIGHT + timedelta(minutes=10), input=3, output=5),
        usage(MIDNIGHT + timedelta(minutes=50), input=4),
        usage(MIDNIGHT + timedelta(hours=23, minutes=59), model=None),
        usage(MIDNIGHT + timedelta(days=1), input=1),
        usage(MIDNIGHT, organization=new_id(), input=100),
    ]
    async with database.write() as session:
        connection = await session.connection()
        await connection.run_sync(record, usages[:2], {})
        await rollups.roll_days(session, MIDNIGHT + timedelta(days=1, hours=1))
        await connection.run_sync(record, usages[2:], {})


async def totals(database: Database, *by: Group, days: int = 2) -> list[Total]:
    async with database.read() as session:
        return await queries.totals(session, ORGANIZATION, MIDNIGHT, MIDNIGHT + timedelta(days=days), by)


@pytest.mark.usefixtures("recorded")
async def test_totals_by_everything(database: Database) -> None:
    assert await totals(database) == [Total((), 4, 130, {"chat.input": 8, "chat.output": 5})]
    assert await totals(database, Group.DAY) == [
        Total((MIDNIGHT,), 3, 120, {"chat.input": 7, "chat.output": 5}),
        Total((MIDNIGHT + timedelta(days=1),), 1, 10, {"chat.input": 1}),
    ]
    assert [total.group[0] for total in await totals(database, Group.HOUR)] == [
        MIDNIGHT,
        MIDNIGHT + timedelta(hours=23),
        MIDNIGHT + timedelta(days=1),
    ]
    assert [total.group for total in await totals(database, Group.OPERATION, Group.MODEL)] == [
        ("chatComplete", "small"),
        ("chatList", None),
    ]
    assert {total.group for total in await totals(database, Group.KEY, Group.MEMBER, Group.PLUGIN)} == {
        (KEY, MEMBER, "chat"),
        (None, MEMBER, "chat"),
    }
    assert (await totals(database, days=1))[0].calls == 3
    async with database.read() as session:
        until = MIDNIGHT + timedelta(days=2)
        assert await queries.totals(
            session, ORGANIZATION, MIDNIGHT, until, [Group.DAY], with_quantities=False
        ) == [Total((MIDNIGHT,), 3, 120, {}), Total((MIDNIGHT + timedelta(days=1),), 1, 10, {})]


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("until", [timedelta(days=2), timedelta(days=1, hours=1)])
async def test_totals_of_what_is_asked_for_alone_from_days_and_from_hours(
    database: Database, until: timedelta
) -> None:
    async with database.read() as session:
        for only, calls in (
            ({}, 4),
            ({Group.OPERATION: "chatComplete"}, 3),
            ({Group.OPERATION: "chatComplete", Group.KEY: None}, 0),
            ({Group.MODEL: None}, 1),
            ({Group.KEY: KEY, Group.MEMBER: MEMBER, Group.PLUGIN: "chat"}, 3),
            ({Group.MEMBER: new_id()}, 0),
        ):
            found = await queries.totals(session, ORGANIZATION, MIDNIGHT, MIDNIGHT + until, [Group.DAY], only)
            assert sum(total.calls for total in found) == calls, only
            assert {total.group[0] for total in found} <= {MIDNIGHT, MIDNIGHT + timedelta(days=1)}


@pytest.mark.usefixtures("recorded")
async def test_days_are_summed_an_hour_after_they_are_over_and_then_read_instead_of_the_hours(
    database: Database,
) -> None:
    async def days() -> list[datetime]:
        async with database.read() as session:
            return list(await session.scalars(select(UsageDay.day).distinct().order_by(UsageDay.day)))

    assert await days() == [MIDNIGHT]
    await roll(database, MIDNIGHT + timedelta(days=2, minutes=59))
    assert await days() == [MIDNIGHT]
    await roll(database, MIDNIGHT + timedelta(days=2, hours=1))
    async with database.write() as session:
        assert await rollups.verify(session) == []
        await session.execute(text("DELETE FROM usage_hours"))
    assert await days() == [MIDNIGHT, MIDNIGHT + timedelta(days=1)]
    assert [total.calls for total in await totals(database, Group.DAY)] == [3, 1]
    assert await totals(database, Group.HOUR) == []


async def test_a_call_that_is_settled_while_its_day_is_summed_is_in_both(database: Database) -> None:
    async with database.write() as session:
        await (await session.connection()).run_sync(record, [usage(MIDNIGHT, input=3)], {})
        rolling = asyncio.create_task(roll(database, MIDNIGHT + timedelta(days=3)))
        await asyncio.wait([rolling], timeout=0.5)  # it waits for the call to be settled
    await rolling
    async with database.read() as session:
        assert await rollups.verify(session) == []
    assert (await totals(database, Group.DAY))[0].calls == 1


async def roll(database: Database, at: datetime) -> None:
    async with database.write() as session:
        await rollups.roll_days(session, at)


@pytest.mark.usefixtures("recorded")
async def test_pages_of_events(database: Database) -> None:
    seen: list[UUID] = []
    async with database.read() as session:
        while page := await queries.latest(session, ORGANIZATION, limit=3, before=seen[-1] if seen else None):
            seen += [event.id for event in page]
    assert len(seen) == 4
    assert seen == sorted(seen, reverse=True)


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE usage_hours SET cost = cost + 1 WHERE meter = ''",
        "DELETE FROM usage_hours WHERE meter = 'chat.input'",
        "DELETE FROM usage_events WHERE model IS NULL",
        "UPDATE usage_days SET calls = calls + 1 WHERE meter = ''",
    ],
)
async def test_damage_is_found_and_repaired(database: Database, damage: str) -> None:
    async with database.write() as session:
        assert await rollups.verify(session) == []
        await session.execute(text(damage))
        assert await rollups.verify(session) != []
        await rollups.rebuild(session)
        assert await rollups.verify(session) == []
