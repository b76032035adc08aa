"""Installs, upgrades, goes back and removes a plugin while 100 requests/s are asked: what fails meanwhile.

    python benchmarks/plugins.py [--postgresql] [--rate 100]

SQLite with one server, or with --postgresql PostgreSQL with two servers that have a data folder each.
Clients keep their connections. The time of `install` is that from a wheel to the first answer of its plugin.
It fails where a request did.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
from tests.plugins.wheels import wheel
from tests.serving import Server
from throwaway_postgresql import postgresql

CLIENTS = 10
DOCUMENT = {"query": "{ viewer { organization { name } } }"}
CREATE = """import sqlalchemy as sa
from alembic import op
revision = "0001"
down_revision = branch_labels = depends_on = None
def upgrade():
    op.create_table("rain_drops", sa.Column("id", sa.Integer(), primary_key=True))
"""


@dataclass
class Load:
    """Requests at a steady rate, whatever the answers take."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def on(self, servers: Sequence[Server], rate: float) -> AsyncIterator[None]:
        """Asks the servers by turns while the block runs."""
        ended = asyncio.Event()
        clients = [
            httpx.AsyncClient(
                base_url=server.address,
                headers={"Authorization": f"Bearer {servers[0].key}"},
                timeout=60,
                limits=httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS),
            )
            for server in servers
        ]
        asking = asyncio.create_task(self._ask(clients, rate, ended))
        try:
            yield
        finally:
            ended.set()
            await asking
            for client in clients:
                await client.aclose()

    async def _ask(self, clients: list[httpx.AsyncClient], rate: float, ended: asyncio.Event) -> None:
        begun, number = time.perf_counter(), 0
        async with asyncio.TaskGroup() as group:
            while not ended.is_set():
                group.create_task(self._one(clients[number % len(clients)]))
                number += 1
                await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))

    async def _one(self, client: httpx.AsyncClient) -> None:
        begun = time.perf_counter()
        try:
            answer = await client.post("/graphql", json=DOCUMENT)
            if answer.status_code != 200 or "errors" in answer.json():
                self.failures.append(answer.text[:200])
        except httpx.HTTPError as error:
            self.failures.append(repr(error))
        self.seconds.append(time.perf_counter() - begun)


async def skyhook(server: Server, *words: str) -> float:
    """Runs `skyhook plugins`; for how many seconds."""
    begun = time.perf_counter()
    await asyncio.to_thread(server.command, "plugins", *words, "--yes")
    return time.perf_counter() - begun


async def live(servers: Sequence[Server], folder: Path, rate: float) -> tuple[Load, dict[str, float]]:
    """A plugin's life under load; how long each step took."""
    first = wheel(folder / "first", columns="", revisions=[CREATE])
    second = wheel(folder / "second", version="1.1", fields=["rain_more"], columns="", revisions=[CREATE])
    steps = {
        "install": ["install", str(first)],
        "upgrade": ["upgrade", "rain", str(second)],
        "rollback": ["rollback"],
        "remove": ["remove", "rain", "--purge"],
    }
    load, took = Load(), {}
    async with load.on(servers, rate):
        await asyncio.sleep(1)
        for name, words in steps.items():
            begun = time.perf_counter()
            await skyhook(servers[0], *words)
            if name == "install":
                answer = await asyncio.to_thread(servers[0].graphql, "{ rainFalls }")
                assert answer["data"] == {"rainFalls": "rain 1.0"}, answer
            took[name] = time.perf_counter() - begun
            for other in servers[1:]:
                await skyhook(other, "sync")
        await asyncio.sleep(1)
    return load, took


def measure(title: str, servers: Sequence[Server], rate: float) -> bool:
    """Prints a row; whether no request failed."""
    for server in servers:
        server.data.mkdir(parents=True, exist_ok=True)
    servers[0].prepare()
    try:
        for server in servers:
            server.start()
        with tempfile.TemporaryDirectory() as folder:
            load, took = asyncio.run(live(servers, Path(folder), rate))
    finally:
        for server in servers:
            server.stop()
    times = " | ".join(f"{seconds:.1f}" for seconds in took.values())
    p50, p99 = statistics.median(load.seconds), statistics.quantiles(load.seconds, n=100)[98]
    print(
        f"| {title} | {len(load.seconds):,} | {len(load.failures)} | {p50 * 1e3:.0f} | {p99 * 1e3:.0f} | "
        f"{max(load.seconds) * 1e3:.0f} | {times} |",
        flush=True,
    )
    for failure in load.failures[:5]:
        print(f"  failed: {failure}", file=sys.stderr)
    return not load.failures


def main() -> None:
    """Measures what is asked for; exits with 1 where a request failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--rate", type=float, default=100)
    options = parser.parse_args()
    columns = ["servers", "requests", "failed", "p50 ms", "p99 ms", "longest ms"]
    columns += ["install s", "upgrade s", "rollback s", "remove s"]
    print("|", " | ".join(columns), "|")
    print("|", " | ".join("---" for _ in columns), "|")
    sound = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not options.postgresql:
            sound &= measure("SQLite, 1", [Server(folder / "sqlite")], options.rate)
        else:
            with postgresql() as url:
                secret = {"SKYHOOK_SECRET": "5" * 64}
                servers = [
                    Server(folder / f"server-{number}", database_url=url, environment=secret)
                    for number in range(2)
                ]
                sound &= measure("PostgreSQL, 2", servers, options.rate)
    raise SystemExit(not sound)


if __name__ == "__main__":
    main()
