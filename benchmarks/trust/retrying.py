"""Idempotency keys that are sent several times: at once, later, and with the line cut amid the answer."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from benchmarks.trust.fleet import WORD, Fleet, first_organization, one
from benchmarks.trust.wire import Line, code_of

from skyhook.billing import Billing
from skyhook.database import Database

CALLERS = 24
CUT_S = 0.04
"""Within which a line is cut that is to be."""
CUT = 0.15
"""The share of requests whose line is cut."""
ANSWER = 'mutation ($text: String!) { probeAnswer(behaviour: "random", text: $text) }'


@dataclass
class Keys:
    """What was sent and answered."""

    answers: dict[str, set[str]] = field(default_factory=dict)
    """All that was answered to each key: each call of the probe would answer otherwise."""
    sent: int = 0
    cut: int = 0
    charged: Counter[str] = field(default_factory=Counter)
    """How many answers said that they cost something, by key."""
    refused: Counter[str] = field(default_factory=Counter)


async def retry(fleet: Fleet, keys: int, seed: int) -> tuple[Keys, list[str]]:
    """Sends every key two to four times; what was seen, and what is wrong with it."""
    database = Database(fleet.url)
    organization = await first_organization(database)
    await Billing(database).grant(organization, keys * WORD, reason="benchmark", key="benchmark")
    dice, seen = random.Random(seed), Keys({uuid4().hex: set() for _ in range(keys)})  # noqa: S311
    together, later = list[str](), list[str]()
    for key in seen.answers:
        copies = dice.randint(2, 4)
        at_once = dice.randint(1, copies)
        together += [key] * at_once  # neighbours, so that several callers have the key at the same time
        later += [key] * (copies - at_once)
    dice.shuffle(later)
    await _send_all(fleet, seen, together, dice)
    await _send_all(fleet, seen, later, dice)
    while unanswered := [key for key, answers in seen.answers.items() if not answers]:
        await _send_all(fleet, seen, unanswered, dice)
    await asyncio.to_thread(fleet.stop)
    problems = await _judge(database, seen)
    await database.close()
    return seen, problems


async def _send_all(fleet: Fleet, seen: Keys, keys: Sequence[str], dice: random.Random) -> None:
    """Sends requests in their order, by callers that are connected to one server each."""
    waiting = iter(keys)

    async def caller(number: int) -> None:
        port = fleet.servers[number % len(fleet.servers)].port
        line: Line | None = None
        for key in waiting:
            if line is None:
                line = await Line(port, fleet.key).__aenter__()
            seen.sent += 1
            await line.send(ANSWER, once=key, text=key)
            if dice.random() < CUT:
                await asyncio.sleep(dice.uniform(0, CUT_S))
                seen.cut += 1
                line.cut()
                line = None
                continue
            answer = await line.answer()
            if (code := code_of(answer)) is not None:
                seen.refused[code] += 1
            else:
                seen.answers[key].add(answer["data"]["probeAnswer"])
                seen.charged[key] += int(answer["extensions"]["cost"]["credit"]["charged"]) > 0
        if line is not None:
            line.cut()

    await asyncio.gather(*(caller(number) for number in range(CALLERS)))


async def _judge(database: Database, seen: Keys) -> list[str]:
    problems = []
    keys = len(seen.answers)
    events = await one(database, "SELECT COUNT(*) FROM usage_events")
    records = await one(
        database,
        "SELECT COUNT(DISTINCT e.id) FROM idempotency_records r "
        "JOIN usage_events e ON e.id = r.usage_event_id",
    )
    spent = await one(database, "SELECT balance FROM ledger_accounts WHERE kind = 'credit_spent'")
    if not keys == events == records or spent != keys * WORD:
        problems.append(f"{keys} keys, {events} events, {records} stored answers, {spent} spent")
    if several := [key for key, answers in seen.answers.items() if len(answers) != 1]:
        problems.append(f"{len(several)} keys were answered in several ways")
    if twice := [key for key, count in seen.charged.items() if count > 1]:
        problems.append(f"{len(twice)} keys were charged by several answers")
    if seen.refused:
        problems.append(f"refused: {dict(seen.refused)}")
    return problems
