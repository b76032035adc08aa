"""How soon the server answers with pages of the console, with 100,000 usage events, beside a static file.

    python benchmarks/console.py [--postgresql] [--events 100000] [--rounds 20]

The events are of 90 days, 5 keys, 2 members and 12 operations, written as settlement writes them, with a
ledger entry for every tenth. One browser asks for each page by turns, over one connection.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
from calls_skyhook import configuration, prepare
from load import cpu_seconds, free_port
from sqlalchemy import insert, select
from throwaway_postgresql import postgresql

from skyhook.accounts.models import Organization, User
from skyhook.app import load_plugins
from skyhook.billing.funds import Fund, open_fund
from skyhook.clock import new_id, now
from skyhook.keys.service import KeyLimits
from skyhook.ledger.models import LedgerEntry
from skyhook.operations.caller import Caller
from skyhook.services import Services
from skyhook.usage import rollups
from skyhook.usage.recording import Usage, record

DAYS = 90
BATCH = 500
A_TRANSFER = 10
"""Events that one ledger entry pays."""
LIMIT_MS = 100
"""For a page as it is opened; more may be asked of it than that."""
OPENED = ("overview", "keys", "usage of 30 days", "billing", "the statement", "the price list")
PAGES = {
    "overview": "/console/o/first",
    "keys": "/console/o/first/keys",
    "usage of 30 days": "/console/o/first/usage",
    "usage of 90 days by operation": "/console/o/first/usage?period=90&by=operation",
    "usage of a key by model": "/console/o/first/usage?by=model&key={key}",
    "billing": "/console/o/first/billing",
    "the statement": "/console/o/first/billing/statement",
    "an old page of it": "/console/o/first/billing/statement?to={old}",
    "the price list": "/console/o/first/billing/prices",
}
OPERATIONS = [(f"plugin{number % 4}", f"plugin{number % 4}Act{number}", number) for number in range(12)]


def id_at(at: datetime) -> UUID:
    """A UUIDv7 of a time."""
    return UUID(int=round(at.timestamp() * 1000) << 80 | 7 << 76 | new_id().int & ((1 << 76) - 1))


def usage(organization: UUID, keys: list[UUID], members: list[UUID], at: datetime) -> Usage:
    """A call of a time."""
    plugin, operation, number = random.choice(OPERATIONS)  # noqa: S311
    tokens = random.randrange(1, 1_000)  # noqa: S311
    quantities = {f"{plugin}.input": (tokens, tokens * 100), f"{plugin}.output": (tokens, tokens * 400)}
    return Usage(
        id=id_at(at),
        organization_id=organization,
        key_id=random.choice(keys),  # noqa: S311
        user_id=random.choice(members),  # noqa: S311
        plugin=plugin,
        operation=operation,
        model=f"model-{number}" if number % 3 else None,
        quantities=quantities,
        cost=tokens * 500,
        outcome="completed",
        started_at=at,
        duration_ms=20,
    )


async def fill(services: Services, events: int) -> UUID:
    """Writes the events and what was paid for them; one of the keys."""
    async with services.database.write() as session:
        organization = await session.scalar(select(Organization.id))
        owner = await session.scalar(select(User.id))
        assert organization
        assert owner
        accounts = await open_fund(session, Fund(organization))
    caller = Caller(organization, owner, None, frozenset({"*"}))
    limits = KeyLimits(["*"], monthly_budget=10**12)
    keys = [(await services.keys.create(caller, f"key {n}", limits))[0].id for n in range(5)]
    begin, step = now() - timedelta(days=DAYS), timedelta(days=DAYS) / events
    for first in range(0, events, BATCH):
        usages = [
            usage(organization, keys, [owner, organization], begin + step * number)
            for number in range(first, min(first + BATCH, events))
        ]
        paid: dict[UUID, UUID] = {}
        entries = []
        for at in range(0, len(usages), A_TRANSFER):
            together, transfer = usages[at : at + A_TRANSFER], new_id()
            paid |= dict.fromkeys((one.id for one in together), transfer)
            entries.append(
                {
                    "id": id_at(together[-1].started_at + timedelta(milliseconds=5)),
                    "transfer_id": transfer,
                    "debit_account_id": accounts.funded,
                    "credit_account_id": accounts.spent,
                    "asset": accounts.asset,
                    "amount": sum(one.cost for one in together),
                    "reference": "usage",
                    "created_at": together[-1].started_at,
                }
            )
        async with services.database.write() as session:
            await (await session.connection()).run_sync(record, usages, paid)
            await session.execute(insert(LedgerEntry), entries)
    async with services.database.write() as session:
        await rollups.roll_days(session, now())
    return keys[0]


def wait_for(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns when the server is ready."""
    while process.poll() is None:
        try:
            if client.get("/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(log.read_text())


def measure(
    client: httpx.Client, pid: int, pages: dict[str, str], rounds: int
) -> dict[str, tuple[float, float, int]]:
    """Of each page: the median milliseconds until it is here, those of the server's CPU, and its bytes."""
    took: dict[str, list[float]] = {name: [] for name in pages}
    cpu = dict.fromkeys(pages, 0.0)
    size = dict.fromkeys(pages, 0)
    for number in range(rounds + 2):
        for name, address in pages.items():
            begun, used = time.perf_counter(), cpu_seconds(pid)
            answer = client.get(address)
            if answer.status_code != 200:
                raise RuntimeError(f"{address}: {answer.status_code}")
            if number >= 2:  # the first ones compile templates
                took[name].append((time.perf_counter() - begun) * 1000)
                cpu[name] += (cpu_seconds(pid) - used) * 1000 / rounds
                size[name] = len(answer.content)
    return {name: (statistics.median(took[name]), cpu[name], size[name]) for name in pages}


def run(name: str, url: str, data: Path, events: int, rounds: int) -> bool:
    """Measures and prints one table; whether every page opens within the limit."""
    configured = configuration(data, url)
    asyncio.run(prepare(configured))

    async def filled() -> UUID:
        services = Services.build(configured, load_plugins())
        try:
            return await fill(services, events)
        finally:
            await services.database.close()

    key = asyncio.run(filled())
    port = free_port()
    variables = os.environ | {
        "SKYHOOK_DATA": str(data),
        "SKYHOOK_DATABASE_URL": url,
        "SKYHOOK_PORT": str(port),
    }
    log = data / "server.log"
    with log.open("wb") as file, httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        process = subprocess.Popen(
            [sys.executable, "-m", "skyhook", "serve"], env=variables, stdout=file, stderr=file
        )
        try:
            wait_for(client, process, log)
            form = {"email": "admin@localhost", "password": (data / "first-password").read_text().strip()}
            client.post("/console/login", data=form, headers={"Sec-Fetch-Site": "same-origin"})
            page = client.get("/console/o/first").text
            static = page.split('href="', 2)[1].split('"')[0]
            old = f"{now() - timedelta(days=80):%Y-%m-%d}"
            pages = {title: address.format(key=key, old=old) for title, address in PAGES.items()}
            found = measure(client, process.pid, {"a static file": static, **pages}, rounds)
        finally:
            process.terminate()
            process.wait(timeout=60)
    floor = found["a static file"][0]
    print(f"\n{name}, {events:,} events, {rounds} rounds\n")
    print("| page | median ms | by the static file | server CPU ms | KB |\n|---|---|---|---|---|")
    for title, (median, cpu, size) in found.items():
        print(f"| {title} | {median:.1f} | {median / floor:.1f} | {cpu:.1f} | {size / 1000:.0f} |")
    return all(found[title][0] < LIMIT_MS for title in OPENED)


def main() -> None:
    """Prints the tables, and fails where a page takes longer than the limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--postgresql", action="store_true", help="on a throw-away PostgreSQL too")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=".")))
        databases = {"SQLite": f"sqlite:///{folder.absolute() / 'SQLite' / 'skyhook.db'}"}
        if options.postgresql:
            databases["PostgreSQL"] = stack.enter_context(postgresql())
        is_soon = True
        for name, url in databases.items():
            data = folder.absolute() / name
            data.mkdir()
            is_soon &= run(name, url, data, options.events, options.rounds)
    if not is_soon:
        raise SystemExit(f"A page took longer than {LIMIT_MS} ms.")


if __name__ == "__main__":
    main()
