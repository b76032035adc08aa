"""Many transfers at once, several servers, and kill -9: each key moves once, and is charged once."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from banking import Bank, eur, treasurer
from sqlalchemy import text
from tests.serving import Server

from skyhook.database import Database
from skyhook.ledger import audit
from skyhook_money.audit import verify

TRANSFERS = 200
PRICE = 100_000
MUTATION = "mutation ($input: MoneyTransferInput!) { moneyTransfer(input: $input) { id } }"


async def transfer(server: Server, key: str, payer: str, payee: str, units: int) -> str | None:
    """The id of a transfer under an idempotency key, or its error's code; None where the server went away."""
    asked = {"from": payer, "to": payee, "amount": eur(units)}
    body = json.dumps({"query": MUTATION, "variables": {"input": asked}})
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.key}\r\n"
        f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(f"{head}{body}".encode())
        response = await reader.read()
        writer.close()
    except OSError:
        return None
    _, _, content = response.partition(b"\r\n\r\n")
    if not content.endswith(b"}"):
        return None
    answer = json.loads(content)
    if "errors" in answer:
        return str(answer["errors"][0]["extensions"]["code"])
    return str(answer["data"]["moneyTransfer"]["id"])


async def all_transfers(
    servers: list[Server], wallets: tuple[str, str], *, kill_after: int | None = None
) -> list[str | None]:
    """Every transfer on every server at the same time: one cent there, one back, under the same keys."""
    there, back = wallets, wallets[::-1]
    calls = [
        asyncio.create_task(transfer(server, f"move {number}", *(back if number % 2 else there), 1))
        for number in range(TRANSFERS)
        for server in servers
    ]
    if kill_after is not None:
        answered = asyncio.as_completed(calls)
        for _ in range(kill_after):
            await next(answered)
        servers[0].kill()
    return await asyncio.gather(*calls)


def prepared(server: Server) -> tuple[Bank, tuple[str, str]]:
    """A running server, with two wallets that have enough."""
    server.start()
    bank = treasurer(server)
    return bank, (bank.open(units=10_000), bank.open(units=10_000))


async def facts(url: str) -> dict[str, Any]:
    """What is in the database after it, and that all of it agrees."""
    queries = {
        "moved": "SELECT COUNT(*) FROM money_transfers WHERE amount = 1",
        "events": "SELECT COUNT(*) FROM usage_events WHERE operation = 'moneyTransfer'",
        "charged": "SELECT COUNT(*) FROM usage_events WHERE operation = 'moneyTransfer' AND cost > 0",
        "sum": "SELECT SUM(amount) FROM ledger_postings",
        "below": "SELECT COUNT(*) FROM ledger_accounts WHERE kind = 'money.wallet' AND balance - held < 0",
    }
    database = Database(url)
    async with database.read() as session:
        found = {name: await session.scalar(text(query)) for name, query in queries.items()}
        assert await audit.verify(session) == []
        assert await verify(session) == []
    await database.close()
    return found


async def test_a_transfer_moves_once_across_kill_and_retry(
    new_database_url: Callable[[], str], tmp_path: Path
) -> None:
    server = Server(tmp_path, database_url=new_database_url())
    server.prepare()
    bank, wallets = await asyncio.to_thread(prepared, server)
    at_kill = await all_transfers([server], wallets, kill_after=20 + secrets.randbelow(TRANSFERS - 70))
    acknowledged = {number: id for number, id in enumerate(at_kill) if id}
    assert 0 < len(acknowledged) < TRANSFERS, "the kill did not come in the middle"
    moved_at_kill = (await facts(server.variables()["SKYHOOK_DATABASE_URL"]))["moved"]
    assert moved_at_kill >= len(acknowledged), "a transfer was acknowledged and lost"

    await asyncio.to_thread(server.start)
    answers = await all_transfers([server], wallets)
    balances = [bank.balance(wallet) for wallet in wallets]
    server.stop()
    for number, id in acknowledged.items():
        assert answers[number] == id, "a retry moved again, or was refused"
    assert len(set(answers)) == TRANSFERS
    assert None not in answers
    assert balances == [(10_000, 0), (10_000, 0)]
    found = await facts(server.variables()["SKYHOOK_DATABASE_URL"])
    assert (found["moved"], found["sum"], found["below"]) == (TRANSFERS, 0, 0)
    filled = 2  # transfers that filled the wallets
    assert found["charged"] == found["events"] == TRANSFERS + filled
    print(f"killed with {len(acknowledged)} acknowledged, {moved_at_kill} moved, of {TRANSFERS}")


async def test_two_servers_asked_with_the_same_keys_in_both_directions_move_once(
    postgresql_url: Callable[[], str], tmp_path: Path
) -> None:
    url = postgresql_url()
    first, second = (Server(tmp_path, database_url=url) for _ in range(2))
    first.prepare()
    bank, wallets = await asyncio.to_thread(prepared, first)
    await asyncio.to_thread(second.start)
    answers = await all_transfers([first, second], wallets)
    balances = [bank.balance(wallet) for wallet in wallets]
    scarce = bank.open(units=10)
    spent = await asyncio.gather(
        *(
            transfer(server, f"spend {number} {server.port}", scarce, wallets[0], 1)
            for number in range(20)
            for server in (first, second)
        )
    )
    left = bank.balance(scarce)
    first.stop()
    second.stop()
    assert answers[0::2] == answers[1::2], "one key moved twice"
    assert len(set(answers)) == TRANSFERS
    assert balances == [(10_000, 0), (10_000, 0)]
    assert spent.count("INSUFFICIENT_FUNDS") == 30
    assert left == (0, 0)
    found = await facts(url)
    assert (found["moved"], found["sum"], found["below"]) == (TRANSFERS + 10, 0, 0)
    filled = 3
    assert found["charged"] == TRANSFERS + 10 + filled
