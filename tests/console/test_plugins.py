"""The pages of plugins: what there is, what it brings, how it fares, and switching it off."""

from __future__ import annotations

import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.console.conftest import ADMINISTRATOR, browser, log_in, password
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


SETTINGS = "{ probeSettings }"
SAVED = {"loud": "true", "most_words": "7", "patience_s": "2", "tone": "warm", "names": "Ada, Bob"}


def save(client: httpx.Client, **texts: str) -> httpx.Response:
    form = {"form_token": form_token(client)} | texts
    return client.post(f"{PAGE}/probe/settings", data=form)


def field(page: str, name: str) -> str:
    found = re.search(rf'<(?:input|select)[^>]*id="set-{name}".*?<small', page, re.DOTALL)
    assert found, page
    return found[0]


def test_an_administrator_of_the_instance_sets_a_plugin_and_it_reads_that(
    server: Server, client: httpx.Client
) -> None:
    assert "How much it says." in client.get(f"{PAGE}/probe").text
    answer = save(client, **SAVED, token="whispered")
    assert answer.headers["location"] == f"{PAGE}/probe?saved=true#settings"
    page = client.get(f"{PAGE}/probe?saved=true").text
    assert "Saved." in page
    assert 'value="Ada, Bob"' in field(page, "names")
    assert '<option value="warm" selected>' in field(page, "tone")
    assert "whispered" not in page
    assert server.graphql(SETTINGS)["data"]["probeSettings"] == {
        "loud": True, "most_words": 7, "patience_s": 2.0, "tone": "warm", "names": ["Ada", "Bob"],
        "token": "whispered",
    }  # fmt: skip
    save(client, **SAVED)
    assert server.graphql(SETTINGS)["data"]["probeSettings"]["token"] == "whispered"
    save(client, loud="false", tone="plain", forget="token")
    kept = server.graphql(SETTINGS)["data"]["probeSettings"]
    assert (kept["token"], kept["most_words"], kept["names"]) == ("", 50, [])


def test_a_wrong_setting_is_told_at_its_field_with_what_was_written(
    server: Server, client: httpx.Client
) -> None:
    answer = save(client, **SAVED | {"most_words": "1000", "names": "<b>"})
    assert answer.status_code == 400
    assert "most_words must be a whole number from 1 to 100" in answer.text
    assert 'aria-invalid="true"' in field(answer.text, "most_words")
    assert 'value="1000"' in field(answer.text, "most_words")
    assert 'value="&lt;b&gt;"' in field(answer.text, "names")
    assert server.graphql(SETTINGS)["data"]["probeSettings"]["most_words"] == 50


def test_what_the_environment_sets_is_shown_and_stays(server: Server, client: httpx.Client) -> None:
    page = client.get(f"{PAGE}/voice").text
    assert " disabled" in field(page, "idle_s")
    assert "SKYHOOK_VOICE_IDLE_S" in page
    data = {"form_token": form_token(client), "idle_s": "5", "session_s": "60"}
    assert client.post(f"{PAGE}/voice/settings", data=data).status_code == 303
    page = client.get(f"{PAGE}/voice").text
    assert 'value="120"' in field(page, "idle_s")
    assert 'value="60"' in field(page, "session_s")


def test_whoever_does_not_administer_the_instance_sees_no_settings_and_sets_none(
    server: Server, viewer: httpx.Client
) -> None:
    assert "How much it says." not in viewer.get(f"{PAGE}/probe").text
    assert save(viewer, most_words="1").status_code == 403
    assert server.graphql(SETTINGS)["data"]["probeSettings"]["most_words"] == 50


def test_the_command_line_names_administrators_of_the_instance(server: Server, viewer: httpx.Client) -> None:
    page = viewer.get("/console/account").text
    email = re.search(r"\w+@example\.com", page)
    assert email
    server.command("users", "administrator", email[0])
    assert "How much it says." in viewer.get(f"{PAGE}/probe").text
    server.command("users", "administrator", email[0], "--revoke")
    assert "How much it says." not in viewer.get(f"{PAGE}/probe").text


def test_a_broken_plugin_says_why_and_a_saved_setting_that_broke_it_is_mended_in_the_console(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path, environment={"SKYHOOK_MACROHARD_ALLOW_PRIVATE": "nonsense"})
    server.prepare()
    with closing(sqlite3.connect(tmp_path / "skyhook.db")) as rows, rows:
        rows.execute(
            "INSERT INTO plugin_settings (plugin, name, value, changed_at) "
            "VALUES ('voice', 'session_s', ?, CURRENT_TIMESTAMP)",
            (b"999999",),
        )
    try:
        server.start()
        with browser(server) as client:
            log_in(client, ADMINISTRATOR, password(server))
            page = client.get(f"{PAGE}/macrohard").text
            assert "SKYHOOK_MACROHARD_ALLOW_PRIVATE must be true or false" in page
            page = client.get(f"{PAGE}/voice").text
            assert "its setting session_s must be a whole number from 1 to 86400, not 999999" in page
            assert 'value="1800"' in field(page, "session_s")
            data = {"form_token": form_token(client), "session_s": "600"}
            client.post(f"{PAGE}/voice/settings", data=data)
            assert 'value="600"' in field(client.get(f"{PAGE}/voice").text, "session_s")
            listed = client.get(PAGE).text
            assert listed.count(">broken</span>") == 2
            assert ">Chat</a>" in listed
    finally:
        server.stop()
