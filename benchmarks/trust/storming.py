"""Stripe's events, shuffled and repeated, applied by several servers; a twin gets each once and in order."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
import httpx
from benchmarks.trust.fleet import Fleet, differences, one
from tests.payments.storm import Bank, Begun, Instance
from tests.stripe import cards
from tests.stripe.store import Store
from tests.stripe.webhooks import signature

from skyhook.app import load_plugins
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.migrations.environment import upgrade

SECRET = "whsec_benchmark"  # noqa: S105 - the stand-in's
ORGANIZATIONS = 100
AT_ONCE = 60
"""Payments that are under way at the same time."""
SENDERS = 16
COPIES = (1, 1, 1, 2, 3)
LARGEST = 5_000
"""Cents of a payment."""


@dataclass
class Weather:
    """All that happened at Stripe."""

    organizations: list[UUID]
    begun: list[Begun]
    events: list[bytes]
    kinds: Counter[str]


def make(events: int, seed: int) -> Weather:
    """Payments and what becomes of them, until there are so many events; several at a time, step by step."""
    dice, bank = random.Random(seed), Bank(Store(seed))  # noqa: S311
    weather = Weather([new_id() for _ in range(ORGANIZATIONS)], [], [], Counter())
    charged_by_itself = list(weather.organizations)  # one at a time of each
    lives: list[Iterator[None]] = []
    while len(weather.events) < events:
        if len(lives) < AT_ONCE:
            if charged_by_itself and dice.random() < 0.05:
                begun = bank.charge(
                    charged_by_itself.pop(), dice.randint(50, LARGEST), declined=dice.random() < 0.5
                )
                weather.begun.append(begun)
            else:
                begun = bank.begin(dice.choice(weather.organizations), dice.randint(50, LARGEST))
                weather.begun.append(begun)
                lives.append(_life(bank, begun, dice))
        life = dice.choice(lives)
        if next(life, life) is life:
            lives.remove(life)
        weather.events += bank.news()
    weather.kinds.update(json.loads(event)["type"] for event in weather.events)
    return weather


def _life(bank: Bank, begun: Begun, dice: random.Random) -> Iterator[None]:
    """What becomes of a payment, a step at a time."""
    if dice.random() < 0.2:
        bank.pay(begun, cards.DECLINED_LATER)
        yield
    if dice.random() < 0.15:
        bank.expire(begun)
        return
    bank.pay(begun, cards.VISA)
    yield
    session = bank.store.get("checkout.session", str(begun.session))
    intent = bank.store.get("payment_intent", session["payment_intent"])
    charge = bank.store.get("charge", intent["latest_charge"])
    for _ in range(dice.randrange(4)):
        left = charge["amount"] - charge["amount_refunded"]
        if left == 0:
            return
        if dice.random() < 0.4:
            bank.dispute(charge)
            yield
            won = dice.random() < 0.6
            bank.close(next(bank.store.all("dispute", charge=charge["id"])), won=won)
            yield
            if not won:
                return
        else:
            bank.refund(charge, max(1, left // dice.randint(1, 3)))
            yield
            if dice.random() < 0.3:
                bank.fail(next(bank.store.all("refund", charge=charge["id"])))
                yield


async def storm(fleet: Fleet, events: int, seed: int) -> tuple[str, list[str]]:
    """Tells the servers in any order, and the twin in the right one; what happened, and what is wrong."""
    dice, weather = random.Random(seed), make(events, seed)  # noqa: S311
    servers, twin = Instance(Database(fleet.url)), Instance(Database(await _beside(fleet.url)))
    await upgrade(twin.database, load_plugins().loaded)
    for instance in (servers, twin):
        await instance.welcome(weather.organizations)
        await instance.begin(weather.begun)
    sent = [event for event in weather.events for _ in range(dice.choice(COPIES))]
    dice.shuffle(sent)
    began = time.monotonic()
    await _send(fleet, sent, dice)
    pending = "SELECT COUNT(*) FROM stripe_events WHERE state = 'pending'"
    while await one(servers.database, pending):  # noqa: ASYNC110 - other processes do it
        await asyncio.sleep(0.2)
    took = time.monotonic() - began
    await asyncio.to_thread(fleet.stop)
    await twin.tell(weather.events)

    states = [await instance.state(weather.organizations) for instance in (servers, twin)]
    problems = [f"{name}: {states[0].get(name)}, in order {value}" for name, value in states[1].items()
                if states[0].get(name) != value]  # fmt: skip
    problems += [f"{name} is not there in order" for name in states[0].keys() - states[1].keys()]
    for instance in (servers, twin):
        problems += await differences(instance.database)
        await instance.database.close()
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in weather.kinds.most_common())
    return (
        f"{len(weather.events):,} events of {len(weather.begun):,} payments ({kinds}), sent "
        f"{len(sent):,} times in any order, were applied in {took:.0f} s; {len(states[0]):,} balances, "
        "payments, reversals and settings are compared"
    ), problems


async def _beside(url: str) -> str:
    """The URL of another database in the same cluster."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE DATABASE twin")
    await connection.close()
    return url.replace("/bench?", "/twin?")


async def _send(fleet: Fleet, events: Sequence[bytes], dice: random.Random) -> None:
    """Signs and delivers events to servers at random; one that is not taken is sent again, as Stripe does."""
    waiting = list(events)

    async def sender(client: httpx.AsyncClient) -> None:
        while waiting:
            body = waiting.pop()
            headers = {"Stripe-Signature": signature(SECRET, body, int(time.time()))}
            address = dice.choice(fleet.servers).address
            try:
                answer = await client.post(f"{address}/webhooks/stripe", content=body, headers=headers)
            except httpx.TransportError:
                waiting.insert(0, body)
                continue
            if answer.status_code != 200:
                waiting.insert(0, body)

    async with httpx.AsyncClient(timeout=120) as client:
        await asyncio.gather(*(sender(client) for _ in range(SENDERS)))
