"""Eight servers spend one organization's credit until they are refused; now and then it is topped up."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

from benchmarks.trust.fleet import WORD, Fleet, first_organization, one, unbalanced
from benchmarks.trust.wire import Line, code_of
from tests.serving import Server

from skyhook.accounts.first_run import STARTING_CREDIT
from skyhook.billing import Billing
from skyhook.database import Database

CALLERS = 4
"""Of each kind, to each server."""
MOST_WORDS = 40
TOP_UPS = (50, 600)
"""Words' worth of credit, at random."""
TOP_UP_EVERY_S = (0.5, 2.0)
REFUSED_S = 0.05
SAMPLE_S = 0.01

ANSWER = "mutation { probeAnswer }"
WORDS = 'subscription ($count: Int!) { probeWords(text: "a", count: $count) }'
AVAILABLE = "SELECT MIN(balance - held) FROM ledger_accounts WHERE kind = 'credit'"


@dataclass
class Tally:
    """What callers and the watcher saw."""

    served: Counter[int] = field(default_factory=Counter)
    """Calls by server."""
    charged: int = 0
    """Nano-dollars, as the answers said."""
    words: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    granted: int = 0
    samples: int = 0
    least: int = STARTING_CREDIT
    unbalanced: int = 0
    """Samples in which postings did not sum to zero."""


async def hammer(fleet: Fleet, seconds: float, seed: int) -> tuple[Tally, list[str]]:
    """Spends and tops up for so long; what was seen, and what is wrong with it."""
    database, tally, dice = Database(fleet.url), Tally(), random.Random(seed)  # noqa: S311
    organization = await first_organization(database)
    billing = Billing(database)
    ends_at = time.monotonic() + seconds
    callers = [
        work(number, server, fleet.key, tally, ends_at, dice)
        for number, server in enumerate(fleet.servers)
        for work in (answers, streams)
        for _ in range(CALLERS)
    ]

    async def top_up() -> None:
        while time.monotonic() < ends_at:
            seen = tally.refused.total()
            await asyncio.sleep(dice.uniform(*TOP_UP_EVERY_S))
            if tally.refused.total() == seen:
                continue  # not used up yet
            amount = dice.randint(*TOP_UPS) * WORD
            await billing.grant(organization, amount, reason="top-up", key=uuid4().hex)
            tally.granted += amount

    watching = asyncio.create_task(watch(database, tally))
    await asyncio.gather(*callers, top_up())
    await asyncio.to_thread(fleet.stop)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    problems = await judge(database, tally)
    await database.close()
    return tally, problems


async def answers(
    number: int, server: Server, key: str, tally: Tally, ends_at: float, dice: random.Random
) -> None:
    """Calls that hold two words and cost one."""
    async with Line(server.port, key) as line:
        while time.monotonic() < ends_at:
            answer = await line.ask(ANSWER)
            if (code := code_of(answer)) is not None:
                tally.refused[code] += 1
                await asyncio.sleep(REFUSED_S)
                continue
            tally.served[number] += 1
            tally.words += 1
            tally.charged += int(answer["extensions"]["cost"]["credit"]["charged"])


async def streams(
    number: int, server: Server, key: str, tally: Tally, ends_at: float, dice: random.Random
) -> None:
    """Streams that cost what they have, up to forty words."""
    async with Line(server.port, key) as line:
        while time.monotonic() < ends_at:
            streamed = await line.stream(WORDS, count=dice.randint(1, MOST_WORDS))
            if streamed.code is not None:
                tally.refused[streamed.code] += 1
                await asyncio.sleep(REFUSED_S)
                continue
            tally.served[number] += 1
            tally.words += streamed.words - 1  # the last one says that it was charged
            tally.charged += streamed.charged


async def watch(database: Database, tally: Tally) -> None:
    """Samples the ledger, as anybody else sees it."""
    while True:
        tally.least = min(tally.least, int(await one(database, AVAILABLE)))
        tally.unbalanced += bool(await unbalanced(database))
        tally.samples += 1
        await asyncio.sleep(SAMPLE_S)


async def judge(database: Database, tally: Tally) -> list[str]:
    """What is wrong at the end."""
    problems = []
    events = await one(database, "SELECT COUNT(*) FROM usage_events")
    cost = int(await one(database, "SELECT SUM(cost) FROM usage_events"))
    spent = await one(database, "SELECT balance FROM ledger_accounts WHERE kind = 'credit_spent'")
    left = await one(database, "SELECT balance FROM ledger_accounts WHERE kind = 'credit'")
    held = await one(database, "SELECT SUM(held) FROM ledger_accounts")
    if events != sum(tally.served.values()):
        problems.append(f"{sum(tally.served.values())} calls were served, {events} are charged")
    if not cost == spent == tally.charged == tally.words * WORD:
        problems.append(f"events cost {cost}, {spent} is spent, answers said {tally.charged}")
    if left != STARTING_CREDIT + tally.granted - cost:
        problems.append(f"{left} of credit is left")
    if tally.least < 0 or tally.unbalanced or held:
        problems.append(f"available fell to {tally.least}, {tally.unbalanced} sums, {held} still held")
    if set(tally.refused) != {"INSUFFICIENT_CREDIT"}:
        problems.append(f"refused: {dict(tally.refused)}")
    return problems
