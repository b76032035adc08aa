"""The server is killed with -9 during 500 concurrent calls: every served call is charged exactly once."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import text
from tests.serving import Server

from skyhook.database import Database

CALLS = 500
PRICE = 1_000_000
GRANTED = 5_000_000_000


async def call(server: Server, number: int) -> dict[str, Any] | None:
    """One call under an idempotency key of its own; None where the server went away.

    Over a bare socket: 500 calls at a time must not keep this process busier than the server.
    """
    query = "mutation ($text: String!) { probeAnswer(text: $text, pauseS: 0.3) }"
    body = json.dumps({"query": query, "variables": {"text": f"answer {number}"}})
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.key}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: call-{number}\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"{head}{body}".encode())
        response = await reader.read()
        writer.close()
    except OSError:
        return None
    _, _, answer = response.partition(b"\r\n\r\n")
    return json.loads(answer) if answer.endswith(b"}") else None  # type: ignore[no-any-return]


async def call_all(server: Server, *, kill_after: int | None = None) -> list[dict[str, Any] | None]:
    """All calls at the same time; the server is killed when so many are answered, if told so."""
    calls = [asyncio.create_task(call(server, number)) for number in range(CALLS)]
    if kill_after is not None:
        answered = asyncio.as_completed(calls)
        for _ in range(kill_after):
            await next(answered)
        server.kill()
    return await asyncio.gather(*calls)


async def one(database: Database, query: str) -> Any:
    async with database.read() as session:
        return await session.scalar(text(query))


def served(answers: list[dict[str, Any] | None]) -> set[int]:
    """The numbers of the calls that were answered."""
    return {number for number, answer in enumerate(answers) if answer is not None and answer.get("data")}


async def test_every_served_call_is_charged_once_across_kill_and_retry(
    new_database_url: Callable[[], str], tmp_path: Path
) -> None:
    server = Server(tmp_path, database_url=new_database_url())
    server.prepare()
    server.start()
    server.graphql('mutation { probeAnswer(text: "warm") }')

    before_kill = served(await call_all(server, kill_after=random.randrange(20, CALLS - 150)))
    database = Database(server.variables()["SKYHOOK_DATABASE_URL"])
    charged = "SELECT COUNT(*) FROM usage_events"
    charged_at_kill = await one(database, charged) - 1
    assert charged_at_kill >= len(before_kill), "a call was served that was not charged"
    assert 0 < len(before_kill) < CALLS, "the kill did not come in the middle"

    server.start()
    answers = await call_all(server)
    server.stop()
    assert served(answers) == set(range(CALLS)), "a retry was refused"
    for number, answer in enumerate(answers):
        assert answer is not None
        assert answer["data"]["probeAnswer"] == f"answer {number}"

    assert await one(database, charged) == CALLS + 1
    assert await one(database, "SELECT SUM(amount) FROM ledger_postings") == 0
    assert await one(database, "SELECT SUM(balance) FROM ledger_accounts") == 0
    assert await one(database, "SELECT SUM(cost) FROM usage_events") == (CALLS + 1) * PRICE
    hours = "SELECT SUM(cost) FROM usage_hours WHERE meter <> ''"
    assert await one(database, hours) == (CALLS + 1) * PRICE
    credit = "SELECT balance FROM ledger_accounts WHERE kind = 'credit'"
    assert await one(database, credit) == GRANTED - (CALLS + 1) * PRICE
    await database.close()
    print(f"killed after {len(before_kill)} of {CALLS} calls were served")


async def test_a_killed_servers_credit_comes_back(
    new_database_url: Callable[[], str], tmp_path: Path
) -> None:
    server = Server(tmp_path, database_url=new_database_url())
    server.prepare()
    server.start()
    server.graphql('mutation { probeAnswer(text: "warm") }')
    server.kill()
    database = Database(server.variables()["SKYHOOK_DATABASE_URL"])
    held = "SELECT held FROM ledger_accounts WHERE kind = 'credit'"
    assert await one(database, held) > 0
    async with database.write() as session:
        # Thirty seconds pass.
        await session.execute(text("UPDATE ledger_holds SET expires_at = created_at WHERE state = 'open'"))
    server.start()
    server.graphql('mutation { probeAnswer(text: "again") }')
    server.stop()
    assert await one(database, held) == 0
    await database.close()
