"""The current hour: the same on every server, and without what a dead one said."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.billing.conftest import Clock

from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.usage.activity import SILENT, Activity, CurrentHour
from skyhook.usage.recording import Usage, record


def served(organization: object, clock: Clock) -> Usage:
    return Usage(
        new_id(),
        organization,
        None,
        None,
        "chat",
        "chatComplete",
        None,
        {},
        7,
        "completed",
        clock(),
        1,  # type: ignore[arg-type]
    )


async def test_every_server_tells_the_same_of_all(database: Database) -> None:
    clock, ours = Clock(), new_id()
    here, there = Activity(database, clock=clock), Activity(database, clock=clock)
    hour = clock().replace(minute=0)
    for server in (here, there):
        server.began(ours)
        server.failed(ours)
        server.began(new_id())
    there.ended(ours)
    async with database.write() as session:
        connection = await session.connection()
        await connection.run_sync(record, [served(ours, clock), served(new_id(), clock)], {})
    await here.write()
    await there.write()
    told = CurrentHour(hour, calls=1, cost=7, failed=2, running=1)
    assert await here.current(ours) == await there.current(ours) == told


async def test_what_a_dead_server_ran_is_forgotten_and_its_failures_are_not(database: Database) -> None:
    clock, ours = Clock(), new_id()
    dead = Activity(database, clock=clock)
    dead.began(ours)
    dead.failed(ours)
    await dead.write()
    clock.turn(seconds=SILENT.total_seconds() + 1)
    found = await Activity(database, clock=clock).current(ours)
    assert (found.failed, found.running) == (1, 0)
    clock.time += timedelta(hours=1)
    assert (await Activity(database, clock=clock).current(ours)).failed == 0


async def test_a_watcher_sees_a_call_begin_and_fail(database: Database) -> None:
    activity, ours = Activity(database), new_id()
    watching = activity.watch(ours, asyncio.Event())
    assert (await anext(watching)).running == 0
    activity.began(ours)
    assert (await anext(watching)).running == 1
    activity.ended(ours)
    activity.failed(ours)
    last = await anext(watching)
    assert last.running == 0
    assert last.failed == 1
    await watching.aclose()
