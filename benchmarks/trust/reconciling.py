"""`skyhook billing reconcile` over a million events, and whether it finds every kind of difference."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.trust.million import fill
from sqlalchemy import select, text
from tests.serving import Server
from tests.stripe import cards
from tests.stripe.server import SECRET_KEY, StandIn

from skyhook.accounts.models import Organization
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.mail.post import Post
from skyhook.mail.service import Mail
from skyhook.operations.caller import Caller
from skyhook.payments import Payments

PAYMENTS = 120
"""More than a page of Stripe's lists."""
ROUNDS = 3
LIMIT_S = 20.0

DIFFERENCES = {
    "an event's cost was changed": (
        "UPDATE usage_events SET cost = cost + 1 WHERE id = (SELECT id FROM usage_events ORDER BY id LIMIT 1)"
    ),
    "an hour is off by one": (
        "UPDATE usage_hours SET calls = calls + 1 WHERE (organization_id, hour, operation, key_id, meter) = "
        "(SELECT organization_id, hour, operation, key_id, meter FROM usage_hours WHERE meter <> '' LIMIT 1)"
    ),
    "a day is off by one": (
        "UPDATE usage_days SET quantity = quantity - 1 "
        "WHERE (organization_id, day, operation, key_id, meter) = "
        "(SELECT organization_id, day, operation, key_id, meter FROM usage_days WHERE meter <> '' LIMIT 1)"
    ),
    "a transfer is missing": (
        "DELETE FROM ledger_entries WHERE id = (SELECT id FROM ledger_entries WHERE reference = 'usage' "
        "ORDER BY id DESC LIMIT 1)"
    ),
    "a payment is not known here": (
        "DELETE FROM payments WHERE id = (SELECT id FROM payments ORDER BY id LIMIT 1)"
    ),
    "a payment is not known at Stripe": "",
}
"""What is done to the database, past the triggers that would refuse it."""


@dataclass(frozen=True, slots=True)
class Books:
    """An instance's server folder and database, with a stand-in for Stripe."""

    server: Server
    stand_in: StandIn

    def reconcile(self) -> tuple[float, list[str]]:
        """The command's seconds, start included, and what it printed."""
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "skyhook", "billing", "reconcile"],
            env=self.server.variables(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        took, lines = time.monotonic() - began, done.stdout.splitlines()
        if done.returncode != int("agree" not in done.stdout):
            raise RuntimeError(done.stdout + done.stderr)
        return took, lines


def prepare(folder: Path, url: str, stand_in: StandIn, events: int) -> Books:
    """A database of that many events, and payments."""
    server = Server(folder / "server", database_url=url)
    server.data.mkdir()
    server.environment = {
        "STRIPE_SECRET_KEY": SECRET_KEY, "STRIPE_WEBHOOK_SECRET": "whsec_test",
        "STRIPE_API_URL": stand_in.address,
    }  # fmt: skip
    server.prepare()
    asyncio.run(_fill(server, url, stand_in, events))
    return Books(server, stand_in)


async def _fill(server: Server, url: str, stand_in: StandIn, events: int) -> None:
    database = Database(url)
    began = time.monotonic()
    await fill(database, events)
    print(f"{events:,} events were written in {time.monotonic() - began:.0f} s", flush=True)
    configuration = Configuration(
        server.data, 8000, "127.0.0.1", url, stripe_secret_key=SECRET_KEY, stripe_url=stand_in.address
    )
    post = Post(database, Mail(None, "skyhook@localhost", server.data / "mail"))
    payments = Payments(database, configuration, post)
    async with database.read() as session:
        organization = await session.scalar(select(Organization.id).limit(1))
    assert organization is not None
    caller = Caller(organization, None, None, frozenset({"*"}))
    for _ in range(PAYMENTS):
        payment, page = await payments.top_up(caller, 2_000)
        stand_in.pay(page.id, cards.VISA)
        await payments.payment(caller, payment.id, fresh=True)
    await database.close()


async def disagree(books: Books, url: str) -> None:
    """Makes every difference."""
    database = Database(url)
    async with database.write() as session:
        if not database.is_sqlite:
            await session.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            await session.execute(text("DROP TRIGGER ledger_entries_no_delete"))
        for statement in DIFFERENCES.values():
            if statement:
                await session.execute(text(statement))
    await database.close()
    with books.stand_in.store.lock:
        newest = next(books.stand_in.store.all("payment_intent", status="succeeded"))
        books.stand_in.store.remove(newest["id"])


def measure(folder: Path, url: str, stand_in: StandIn, events: int) -> None:
    """Prints how long it takes, and what it finds."""
    books = prepare(folder, url, stand_in, events)
    seconds = []
    for _ in range(ROUNDS):
        took, lines = books.reconcile()
        if lines != ["Usage, charges, the ledger and payments agree."]:
            raise RuntimeError("\n".join(lines))
        seconds.append(took)
    print(f"reconciled in {', '.join(f'{one:.1f}' for one in seconds)} s (the command, with its start)")
    asyncio.run(disagree(books, url))
    took, lines = books.reconcile()
    print(f"with {len(DIFFERENCES)} differences, in {took:.1f} s:")
    print("\n".join(lines))
