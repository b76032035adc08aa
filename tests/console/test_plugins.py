"""The pages of plugins: what there is, what it brings, how it fares, and switching it off."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import httpx
import pytest
from tests.console.conftest import browser, log_in
from tests.console.test_login import form_token
from tests.serving import Server

PAGE = "/console/o/first/plugins"


def card(client: httpx.Client, name: str) -> str:
    found = re.search(
        rf'<article>\s*<header>\s*<h2><a href="{PAGE}/{name}">.*?</article>', client.get(PAGE).text, re.DOTALL
    )
    assert found
    return found[0]


def switch(client: httpx.Client, name: str, act: str) -> httpx.Response:
    return client.post(f"{PAGE}/{name}/{act}", data={"form_token": form_token(client)})


@pytest.fixture
def viewer(server: Server) -> Iterator[httpx.Client]:
    """Logged in as a member of the first organization who may only look."""
    email = f"{uuid4().hex}@example.com"
    server.command("users", "create", email, "--password", "just looking")
    with closing(sqlite3.connect(server.data / "skyhook.db")) as rows, rows:
        rows.execute(
            "INSERT INTO members (id, organization_id, user_id, role, created_at) "
            "SELECT ?, organizations.id, users.id, 'viewer', CURRENT_TIMESTAMP FROM organizations, users "
            "WHERE slug = 'first' AND email = ?",
            (uuid4().hex, email),
        )
    with browser(server) as client:
        log_in(client, email, "just looking")
        yield client


def test_a_plugin_is_switched_off_and_on_in_the_console(server: Server, client: httpx.Client) -> None:
    assert switch(client, "probe", "disable").headers["location"] == f"{PAGE}/probe"
    try:
        assert ">off</span>" in card(client, "probe")
        assert "has switched this plugin off" in client.get(f"{PAGE}/probe").text
        refused = server.graphql('mutation { probeAnswer(text: "yes") }')
        assert refused["errors"][0]["extensions"]["code"] == "PLUGIN_DISABLED"
    finally:
        switch(client, "probe", "enable")
    assert ">on</span>" in card(client, "probe")
    assert server.graphql('mutation { probeAnswer(text: "yes") }')["data"] == {"probeAnswer": "yes"}


def test_a_plugins_page_shows_what_it_brings(client: httpx.Client) -> None:
    page = client.get(f"{PAGE}/probe").text
    for told in (
        "probeWork", "Works in steps.", "probe:answer", "probe.words", "$0.001", "/p/probe/v1/echo",
        "Use the probe", "probe_functions",
    ):  # fmt: skip
        assert told in page
    assert "chat_conversations" in client.get(f"{PAGE}/chat").text


def test_who_may_only_look_sees_plugins_and_cannot_switch_them(viewer: httpx.Client) -> None:
    page = viewer.get(f"{PAGE}/probe")
    assert page.status_code == 200
    assert "Switch off" not in page.text
    assert switch(viewer, "probe", "disable").status_code == 403


def test_what_failed_is_shown_with_its_request(server: Server, client: httpx.Client) -> None:
    with server.client() as caller:
        query = 'mutation { probeAnswer(behaviour: "die") }'
        caller.post("/graphql", json={"query": query}, headers={"X-Request-Id": "asked-by-shop-7"})
    deadline = time.monotonic() + 30
    while "asked-by-shop-7" not in (page := client.get(f"{PAGE}/probe").text):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "FUNCTION_INTERRUPTED" in page
    assert "failure" in card(client, "probe")
    assert "No failures today" in card(client, "chat")


@pytest.mark.parametrize("act", ["enable", "disable"])
def test_a_plugin_that_is_not_there_cannot_be_looked_at_or_switched(client: httpx.Client, act: str) -> None:
    assert client.get(f"{PAGE}/nothing").status_code == 404
    assert switch(client, "nothing", act).status_code == 404
