"""A plugin's life on a server that is asked all the while: no request fails, and its fields come and go."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.plugins.wheels import pack, revision, wheel
from tests.serving import Server

from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.plugins.errors import PluginRefused
from skyhook.plugins.installation.proposing import Proposal
from skyhook.plugins.installation.resolving import Index
from skyhook.plugins.installation.service import Installer

CREATE = revision(1, 'op.create_table("rain_drops", sa.Column("id", sa.Integer(), primary_key=True))')
SETTINGS = """
from typing import Annotated
from msgspec import Meta, Struct
class HailSettings(Struct, frozen=True):
    most: Annotated[int, Meta(description="The most drops.")] = 10
"""
CLIENTS = 4
PAUSE_S = 0.04
"""4 clients ask 100 times a second together, as far as they are answered at once."""


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server on which a plugin `hail` would be broken, by its environment alone."""
    server = Server(tmp_path / "data", environment={"SKYHOOK_HAIL_MOST": "plenty"})
    server.prepare()
    server.start()
    yield server
    server.stop()


@contextmanager
def asked(server: Server) -> Iterator[list[str]]:
    """Clients that keep their connections and ask on and on; the list gets what failed for them."""
    ended, failures = threading.Event(), list[str]()

    def ask() -> None:
        with server.client() as client:
            while not ended.is_set():
                try:
                    answer = client.post("/graphql", json={"query": "{ viewer { organization { name } } }"})
                    if answer.status_code != 200 or "errors" in answer.json():
                        failures.append(answer.text)
                except httpx.HTTPError as error:
                    failures.append(repr(error))
                time.sleep(PAUSE_S)

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(ask) for _ in range(CLIENTS)]
        yield failures
        ended.set()
        for client in clients:
            client.result()


def test_nothing_fails_while_a_plugin_is_installed_upgraded_and_removed(
    own_server: Server, tmp_path: Path
) -> None:
    server = own_server
    url = f"sqlite:///{server.data / 'skyhook.db'}"
    links = tmp_path / "links"
    pack(links, "raindrop-sizes", "2.5", {"raindrop_sizes.py": "SIZE = 3\n"})
    first = wheel(tmp_path / "first", columns="", revisions=[CREATE], requires=["raindrop-sizes>=2"])
    second = wheel(tmp_path / "second", version="1.1", fields=["rain_more"], columns="", revisions=[CREATE])
    hail = wheel(tmp_path / "hail", "hail", head=SETTINGS, manifest="settings=HailSettings,")

    async def change() -> None:
        database = Database(url)
        configuration = Configuration(server.data, server.port, "127.0.0.1", url)
        installer = Installer(configuration, database, index=Index(offline=True))

        async def make(proposal: Awaitable[Proposal]) -> None:
            await installer.apply(await proposal, "a test")

        async def seen(query: str) -> object:
            return (await asyncio.to_thread(server.graphql, query)).get("data")

        await make(installer.propose.upgrade("rain", str(second)))
        assert await seen("{ rainFalls rainMore }") == {"rainFalls": "rain 1.1", "rainMore": "more"}
        with pytest.raises(PluginRefused, match="SKYHOOK_HAIL_MOST must be a whole number"):
            await make(installer.propose.install(str(hail)))
        assert await seen("{ rainFalls rainMore }") == {"rainFalls": "rain 1.1", "rainMore": "more"}
        await make(installer.propose.removal("rain"))
        assert await installer.purge("rain") == ["alembic_version_rain", "rain_drops"]
        assert await seen("{ rainFalls }") is None
        assert [row.change for row in await installer.records.history()] == [
            "remove rain 1.1",
            "upgrade rain 1.1",
            "install rain 1.0",
        ]
        installer.close()
        await database.close()

    with asked(server) as failures:
        words = ["install", str(first), "--find-links", str(links), "--offline", "--yes"]
        shown = server.command("plugins", *words)
        assert "package    raindrop-sizes 2.5" in shown
        assert "price      rain.drops: 7 nano-dollars for each drop" in shown
        assert server.graphql("{ rainFalls }")["data"] == {"rainFalls": "rain 1.0"}
        assert f"from       {first}" in server.command("plugins", "info", "rain")
        asyncio.run(change())
    assert failures == []
