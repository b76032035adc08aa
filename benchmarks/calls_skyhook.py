"""What `calls.py` does to Skyhook's database: a limited key with credit before, the books after."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from skyhook.accounts.first_run import ensure_first_run
from skyhook.app import load_plugins
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.keys.service import KeyLimits
from skyhook.migrations.environment import upgrade
from skyhook.operations.caller import Caller
from skyhook.services import Services

CREDIT = 10**15
BUDGET = 10**14
POINTS_A_MINUTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Books:
    """What the database says of all calls."""

    events: int
    charged: int
    """The sum of the events' costs, in nano-dollars."""

    def __str__(self) -> str:
        return f"{self.events:,} usage events, {self.charged / 1e9:.6f} dollars charged"


def configuration(data: Path, database_url: str) -> Configuration:
    """A server's configuration; its port is not used."""
    return Configuration(data=data, port=8000, host="127.0.0.1", database_url=database_url)


async def prepare(configured: Configuration) -> str:
    """Makes every table, an organization with credit, and a key with a scope, a rate limit and a budget."""
    services = Services.build(configured, load_plugins())
    await upgrade(services.database, services.plugins.loaded)
    first = await ensure_first_run(
        configured, services.database, services.accounts, services.keys, services.billing
    )
    await services.billing.grant(first.organization.id, CREDIT, reason="benchmark", key="benchmark")
    limits = KeyLimits(["chat:complete"], rate_limit_per_minute=POINTS_A_MINUTE, monthly_budget=BUDGET)
    owner = Caller(first.organization.id, None, key_id=None, scopes=frozenset({"*"}))
    _, key = await services.keys.create(owner, "benchmark", limits)
    await services.database.close()
    return key


async def audit(database_url: str, *, answered: int, sent: int) -> Books:
    """Checks that every answered call is charged, once, in all places. Raises RuntimeError where one is not."""
    database = Database(database_url)
    async with database.read() as session:

        async def one(query: str) -> int:
            return int(await session.scalar(text(query)) or 0)

        books = Books(
            await one("SELECT COUNT(*) FROM usage_events"), await one("SELECT SUM(cost) FROM usage_events")
        )
        spent = "SELECT SUM(balance) FROM ledger_accounts WHERE kind = "
        held = {
            "a call was answered and not recorded": answered <= books.events,
            "a call was recorded twice": books.events <= sent,
            "calls in the hours": await one("SELECT SUM(calls) FROM usage_hours WHERE meter = ''")
            == books.events,
            "meters in the hours": await one("SELECT SUM(cost) FROM usage_hours WHERE meter <> ''")
            == books.charged,
            "credit that was spent": await one(f"{spent}'credit_spent'") == books.charged,
            "budget that was spent": await one(f"{spent}'key_budget_spent'") == books.charged,
            "postings do not sum to zero": await one("SELECT SUM(amount) FROM ledger_postings") == 0,
            "balances do not sum to zero": await one("SELECT SUM(balance) FROM ledger_accounts") == 0,
            "something is still held": await one("SELECT SUM(held) FROM ledger_accounts") == 0,
            "an event that nobody paid": await one(
                "SELECT COUNT(*) FROM usage_events WHERE transfer_id IS NULL OR cost = 0"
            )
            == 0,
        }
    await database.close()
    if wrong := [name for name, holds in held.items() if not holds]:
        raise RuntimeError(f"the books are wrong ({', '.join(wrong)}): {books}; {answered=}, {sent=}")
    return books
