"""A plugin's life on a server that is asked all the while: no request fails, and its fields come and go."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.plugins.wheels import revision, wheel
from tests.serving import Server

CREATE = revision(1, 'op.create_table("rain_drops", sa.Column("id", sa.Integer(), primary_key=True))')
CLIENTS = 4
PAUSE_S = 0.04
"""4 clients ask 100 times a second together, as far as they are answered at once."""


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    server.prepare()
    server.start()
    yield server
    server.stop()


def ask(server: Server, ended: threading.Event) -> list[str]:
    """Asks on and on over one connection; what failed."""
    failures = []
    with server.client() as client:
        while not ended.is_set():
            try:
                answer = client.post("/graphql", json={"query": "{ viewer { organization { name } } }"})
                if answer.status_code != 200 or "errors" in answer.json():
                    failures.append(answer.text)
            except httpx.HTTPError as error:
                failures.append(repr(error))
            time.sleep(PAUSE_S)
    return failures


def test_nothing_fails_while_a_plugin_is_installed_upgraded_and_removed(
    own_server: Server, tmp_path: Path
) -> None:
    server = own_server
    first = wheel(tmp_path / "first", columns="", revisions=[CREATE])
    second = wheel(tmp_path / "second", version="1.1", fields=["rain_more"], columns="", revisions=[CREATE])
    broken = wheel(tmp_path / "broken", "hail", module="raise SystemExit(3)")
    ended = threading.Event()
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(ask, server, ended) for _ in range(CLIENTS)]
        shown = server.command("plugins", "install", str(first), "--yes")
        assert "price      rain.drops: 7 nano-dollars for each drop" in shown
        assert server.graphql("{ rainFalls }")["data"] == {"rainFalls": "rain 1.0"}
        assert f"from       {first}" in server.command("plugins", "info", "rain")
        with pytest.raises(RuntimeError, match=r"SystemExit: 3 \(PLUGIN_REFUSED\)"):
            server.command("plugins", "install", str(broken), "--yes")
        server.command("plugins", "upgrade", "rain", str(second), "--yes")
        assert server.graphql("{ rainFalls rainMore }")["data"] == {
            "rainFalls": "rain 1.1",
            "rainMore": "more",
        }
        server.command("plugins", "disable", "rain", "first")
        assert "deleted rain_drops" in server.command("plugins", "remove", "rain", "--purge", "--yes")
        assert "rainFalls" in server.graphql("{ rainFalls }")["errors"][0]["message"]
        ended.set()
        assert [failure for client in clients for failure in client.result()] == []
    assert "rain" not in server.command("plugins", "list")


def test_a_plugin_that_only_the_server_finds_broken_is_taken_back(own_server: Server, tmp_path: Path) -> None:
    server = own_server
    server.environment["SKYHOOK_RAIN_MOST"] = "plenty"
    server.stop()
    server.start()
    head = """
from typing import Annotated
from msgspec import Meta, Struct
class RainSettings(Struct, frozen=True):
    most: Annotated[int, Meta(description="The most drops.")] = 10
"""
    path = wheel(
        tmp_path / "wheels", head=head, manifest="settings=RainSettings,", columns="", revisions=[CREATE]
    )
    with pytest.raises(RuntimeError, match="SKYHOOK_RAIN_MOST must be a whole number"):
        server.command("plugins", "install", str(path), "--yes")
    assert server.command("plugins", "history") == ""
    assert "rain" not in server.command("plugins", "list")
    assert server.graphql("{ viewer { organization { name } } }")["data"] is not None
