"""Many transfers at once, and what they leave in the database."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from banking import Bank, eur, treasurer
from sqlalchemy import text
from tests.serving import Server

from skyhook.database import Database
from skyhook.ledger import audit
from skyhook_money.audit import verify

TRANSFERS = 200
AT_ONCE = 24
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
    """Every transfer on every server, many at a time: one cent there, one back, under the same keys."""
    there, back = wallets, wallets[::-1]
    turns = asyncio.Semaphore(AT_ONCE)

    async def move(server: Server, number: int) -> str | None:
        async with turns:
            return await transfer(server, f"move {number}", *(back if number % 2 else there), 1)

    calls = [asyncio.create_task(move(server, number)) for number in range(TRANSFERS) for server in servers]
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
