"""A server process for the tests: `worker.py exhaust|settle URL ORGANIZATION KEY`; it reports on its output.

`exhaust` spends until nobody can spend any more, one half of its callers under the key's budget, and prints
what it was charged. `settle` charges for ever and prints each acknowledged call: its event and its key.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from dataclasses import replace
from uuid import UUID

from skyhook.accounts.models import Organization
from skyhook.billing import Billing, BudgetExceeded, IdempotentResult, InsufficientCredit, Payer, Served
from skyhook.clock import new_id, now
from skyhook.database import Database

HOLD = {"chat.tokens": 10}  # 1,000 nano-dollars
BUDGET = 200_000
CALLERS = 8

assert Organization.__table__ is not None  # the tables that the ledger's refer to are known


async def call(billing: Billing, payer: Payer, tokens: int, key: str | None = None) -> tuple[UUID, int]:
    """One call of that many tokens: its event and its cost."""
    hold = await billing.hold(payer, HOLD, None)
    receipt = await billing.settle(
        Served(
            payer=payer,
            hold=hold,
            plugin="chat",
            operation="chatComplete",
            model="small",
            quantities={"chat.tokens": tokens},
            outcome="completed",
            started_at=now(),
            duration_ms=1,
            idempotency=None
            if key is None
            else IdempotentResult(key, "chatComplete", b"request", key.encode()),
        )
    )
    return receipt.usage_event_id, receipt.cost


async def exhaust(billing: Billing, payer: Payer) -> None:
    """Ends once nothing could be had for a second, all idle slices given back."""
    charged = [0, 0]

    async def caller(which: int) -> None:
        mine = replace(payer, monthly_budget=BUDGET if which else None)
        successful_at = time.monotonic()
        while time.monotonic() - successful_at < 1:
            try:
                _, cost = await call(billing, mine, random.randint(1, 10))
            except (InsufficientCredit, BudgetExceeded):
                await billing.maintain()
                await asyncio.sleep(0.1)
                continue
            charged[which] += cost
            successful_at = time.monotonic()

    await asyncio.gather(*(caller(at % 2) for at in range(CALLERS)))
    await billing.close()
    print(*charged)


async def settle(billing: Billing, payer: Payer) -> None:
    async def caller() -> None:
        while True:
            key = new_id().hex
            event, _ = await call(billing, payer, 1, key)
            os.write(1, f"{event} {key}\n".encode())

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


async def main(mode: str, url: str, organization: str, key: str) -> None:
    database = Database(url)
    billing = Billing(database)
    await billing.start()
    payer = Payer(UUID(organization), UUID(key), None, BUDGET)
    await {"exhaust": exhaust, "settle": settle}[mode](billing, payer)
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
