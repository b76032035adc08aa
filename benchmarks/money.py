"""Transfers a second, durably moved and charged, beside the plain limit of the same database.

    python benchmarks/money.py [--postgresql] [--seconds 3] [--rounds 3]

`moneyTransfer` goes the whole way over HTTP to a real server: each connection has two wallets of its own, or
all share two. `plain` is a loop of transactions with one INSERT each, by as many tasks, on the same database,
in this process. Rates are medians of the rounds; the ratio is the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from throwaway_postgresql import postgresql

from skyhook.accounts.first_run import ensure_first_run
from skyhook.app import load_plugins
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.migrations.environment import upgrade
from skyhook.services import Services
from skyhook_money.actions import Order, once
from skyhook_money.audit import verify
from skyhook_money.movements import issue
from skyhook_money.tables import Wallet
from skyhook_money.wallets import NewWallet, create

CONNECTIONS = (1, 16, 64)
TRANSFER = """mutation ($from: String!, $to: String!) {
  moneyTransfer(input: { from: $from, to: $to, amount: { units: 1, currency: "EUR" } }) { id } }"""


async def prepare(configured: Configuration) -> str:
    """Makes every table, an organization with credit and wallets with money; returns its key."""
    services = Services.build(configured, load_plugins())
    database = services.database
    await upgrade(database, services.plugins.loaded)
    first = await ensure_first_run(configured, database, services.accounts, services.keys, services.billing)
    await services.billing.grant(first.organization.id, 10**15, reason="benchmark", key="benchmark")
    key = first.key_file.read_text().strip()
    caller = await services.authentication.authenticate(f"Bearer {key}", "127.0.0.1")
    assert caller is not None
    for number in range(2 * max(CONNECTIONS)):
        new = NewWallet(f"wallet-{number}", "A wallet", "EUR")

        async def work(session: AsyncSession, id: UUID, new: NewWallet = new) -> Sequence[Wallet]:
            await create(session, id, caller, new)
            return await issue(session, id, f"@{new.handle}", 10**9, "benchmark")

        await once(database, Order("benchmark", None, None, b""), work)
    async with database.write() as session:
        await session.execute(text("CREATE TABLE plain (id VARCHAR(40) PRIMARY KEY, amount BIGINT)"))
    await database.close()
    return key


@contextmanager
def serving(data: Path, url: str, port: int) -> Iterator[None]:
    """`skyhook serve` in a process of its own."""
    environment = os.environ | {
        "SKYHOOK_DATA": str(data),
        "SKYHOOK_DATABASE_URL": url,
        "SKYHOOK_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "skyhook", "serve"], env=environment)
    try:
        while process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready")
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


async def rate(
    step: Callable[[int], Awaitable[Callable[[], Awaitable[None]]]], tasks: int, seconds: float
) -> float:
    """How often a second `tasks` tasks do together what `step` makes for each."""
    steps = [await step(number) for number in range(tasks)]
    ends_at = time.perf_counter() + seconds

    async def repeat(once_more: Callable[[], Awaitable[None]]) -> int:
        done = 0
        while time.perf_counter() < ends_at:
            await once_more()
            done += 1
        return done

    began = time.perf_counter()
    counts = await asyncio.gather(*(repeat(one) for one in steps))
    return sum(counts) / (time.perf_counter() - began)


def transfers(port: int, key: str, *, hot: bool) -> Callable[[int], Awaitable[Callable[[], Awaitable[None]]]]:
    """Transfers over a connection of their own."""

    async def connect(number: int) -> Callable[[], Awaitable[None]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        pair = 0 if hot else number
        variables = {"from": f"@wallet-{2 * pair}", "to": f"@wallet-{2 * pair + 1}"}
        if hot and number % 2:
            variables = {"from": variables["to"], "to": variables["from"]}
        body = json.dumps({"query": TRANSFER, "variables": variables}).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()

        async def transfer() -> None:
            writer.write(head + body)
            header = await reader.readuntil(b"\r\n\r\n")
            length = int(header.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            answer = await reader.readexactly(length)
            if b'"errors"' in answer:
                raise RuntimeError(answer.decode())

        return transfer

    return connect


def inserts(database: Database) -> Callable[[int], Awaitable[Callable[[], Awaitable[None]]]]:
    """Transactions with one INSERT each."""

    async def connect(number: int) -> Callable[[], Awaitable[None]]:
        numbers = iter(range(10**9))

        async def insert() -> None:
            id = f"{number}-{time.perf_counter_ns()}-{next(numbers)}"
            async with database.write() as session:
                await session.execute(text("INSERT INTO plain (id, amount) VALUES (:id, 1)"), {"id": id})

        return insert

    return connect


async def measure(
    name: str, data: Path, url: str, port: int, key: str, *, seconds: float, rounds: int
) -> None:
    """Prints the table's rows of one database."""
    database = Database(url)
    for tasks in CONNECTIONS:
        for hot in (False, True):
            pairs = []
            for _ in range(rounds):
                plain = await rate(inserts(database), tasks, seconds)
                moved = await rate(transfers(port, key, hot=hot), tasks, seconds)
                pairs.append((moved, plain))
            moved, plain = (statistics.median(side) for side in zip(*pairs, strict=True))
            ratio = statistics.median(one / other for one, other in pairs)
            wallets = "two for all" if hot else "two each"
            print(f"| {name} | {tasks} | {wallets} | {moved:,.0f} | {plain:,.0f} | {ratio:.2f} |", flush=True)
    async with database.read() as session:
        if wrong := await verify(session):
            raise RuntimeError(f"the statements are wrong: {wrong}")
    await database.close()


def main() -> None:
    """Measures SQLite, and PostgreSQL if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| database | connections | wallets | transfers/s | plain/s | ratio |\n|---|---|---|---|---|---|")

    def run(name: str, url: str, data: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        key = asyncio.run(prepare(Configuration(data, port, "127.0.0.1", url)))
        with serving(data, url, port):
            asyncio.run(measure(name, data, url, port, key, seconds=options.seconds, rounds=options.rounds))

    with tempfile.TemporaryDirectory() as folder:
        run("SQLite", f"sqlite:///{folder}/skyhook.db", Path(folder))
    if options.postgresql:
        with postgresql() as url, tempfile.TemporaryDirectory() as folder:
            run("PostgreSQL", url, Path(folder))


if __name__ == "__main__":
    main()
