"""The plugins of the instance: what is told of them, and changes that are refused, fail or are dropped."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.console.conftest import ADMINISTRATOR, password
from tests.console.test_login import form_token
from tests.plugins.wheels import pack, wheel
from tests.serving import Server

from skyhook.plugins.installation.changes import Change, Order, Writer
from skyhook.plugins.installation.folders import Folders
from skyhook.plugins.installation.generation import Generation, InstalledPlugin, Package
from skyhook_console import changes

PAGE, CHANGES = "/console/instance/plugins", "/console/instance/changes"
LONG_S = 60


def begin(client: httpx.Client, **form: str) -> httpx.Response:
    return client.post(CHANGES, data={"form_token": form_token(client)} | form)


def events(client: httpx.Client, address: str, **headers: str) -> Iterator[tuple[str, str, str]]:
    """The id, the name and the data of each event, until the change waits or has ended."""
    deadline = time.monotonic() + LONG_S
    while time.monotonic() < deadline:
        with client.stream("GET", f"{address}/events", headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            event: dict[str, str] = {}
            for line in answer.iter_lines():
                if line:
                    name, _, text = line.partition(": ")
                    event[name] = text
                    continue
                if "event" in event:
                    yield event.get("id", ""), event["event"], event["data"]
                    headers |= {"Last-Event-ID": event["id"]} if "id" in event else {}
                    if event["data"] in ("waiting", "done", "failed", "dropped"):
                        return
                event = {}


def test_plugins_are_listed_with_where_they_are_from(client: httpx.Client) -> None:
    page = client.get(PAGE).text
    assert re.search(
        r'href="/console/instance/plugins/chat">Chat</a>(?s:.*?)<td class="digest">built in', page
    )
    about = client.get(f"{PAGE}/probe").text
    assert "probeAnswer" in about
    assert "It is upgraded and removed with the server's own packages" in about
    assert client.get(f"{PAGE}/nothing").status_code == 404


def test_an_administrator_is_led_there_and_a_viewer_is_not(
    client: httpx.Client, viewer: httpx.Client
) -> None:
    assert f'href="{PAGE}"' in client.get("/console/o/first/plugins").text
    assert f'data-address="{PAGE}"' in client.get("/console/account").text
    for page in ("/console/o/first/plugins", "/console/account"):
        assert PAGE not in viewer.get(page).text


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"verb": "install", "source": " "}, "Say what to install: choose a wheel"),
        ({"verb": "burn"}, "A change is one of: install, upgrade, remove, rollback, sync."),
        ({"verb": "rollback", "number": "-1"}, "A generation is a number of the history."),
        ({"verb": "remove", "name": "probe", "purge": "yes", "typed": "prob"}, "type its name: probe"),
        ({"verb": "remove"}, "Say which plugin."),
        ({"verb": "sync", "find_links": "/nowhere"}, "The server has no folder /nowhere."),
    ],
)
def test_a_change_that_is_not_one_is_refused_on_the_page_it_came_from(
    client: httpx.Client, form: dict[str, str], told: str
) -> None:
    answer = begin(client, **form)
    assert answer.status_code == 400
    assert told in answer.text
    assert "Plugins of the instance" in answer.text


@pytest.mark.parametrize(
    ("form", "outcome", "told"),
    [
        (
            {"verb": "install", "source": "/nowhere/at-all.whl"},
            "failed",
            "There is nothing at /nowhere/at-all.whl.",
        ),
        ({"verb": "upgrade", "name": "probe"}, "failed", "No plugin &#39;probe&#39; was installed by"),
        ({"verb": "rollback"}, "failed", "Nothing was ever installed: there is nothing to go back to."),
        ({"verb": "sync"}, "done", "This machine has what is installed."),
    ],
)
def test_a_change_says_how_it_ended(
    client: httpx.Client, form: dict[str, str], outcome: str, told: str
) -> None:
    address = begin(client, **form).headers["location"]
    assert list(events(client, address))[-1][1:] == ("state", outcome)
    page = client.get(address).text
    assert told in page
    assert f"Asked for by {ADMINISTRATOR}" in page
    assert "data-change" not in page
    assert address in client.get(PAGE).text


def test_a_proposal_is_shown_and_dropped_and_steps_go_on_after_the_last_one_seen(
    client: httpx.Client, viewer: httpx.Client, tmp_path: Path
) -> None:
    path = wheel(tmp_path, "hail", manifest="")
    address = begin(client, verb="install", source=str(path)).headers["location"]
    told = list(events(client, address))
    steps = [(number, text) for number, name, text in told if name == "step"]
    assert [number for number, _ in steps] == [str(one) for one in range(1, len(steps) + 1)]
    assert steps[0] == ("1", f'"Getting {path}"')
    assert told[-1][1:] == ("state", "waiting")
    again = list(events(client, address, **{"Last-Event-ID": "2"}))
    assert again[0] == ("3", "step", steps[2][1])
    page = client.get(address).text
    for shown in ("install hail 1.0", "hail:read: Read hail", "hail.drops: 7 nano-dollars for each drop"):
        assert shown in page
    assert "hail.example.com" in page
    assert viewer.get(address).status_code == viewer.get(f"{address}/events").status_code == 404

    assert client.post(f"{address}/drop", data={"form_token": form_token(client)}).status_code == 303
    assert list(events(client, address))[-1][1:] == ("state", "dropped")
    assert "It was not agreed to: nothing was changed." in client.get(address).text
    late = client.post(f"{address}/agree", data={"form_token": form_token(client)})
    assert late.status_code == 422
    assert "This change waits for no answer any more." in late.text
    audit = client.get("/console/o/first/audit").text
    assert "plugins.change_asked" in audit
    assert "plugins.change_dropped" in audit


def test_what_else_a_plugin_needs_is_found_in_a_folder_of_the_server(
    client: httpx.Client, tmp_path: Path
) -> None:
    pack(tmp_path / "links", "hail-sizes", "2.5", {"hail_sizes.py": "SIZE = 3\n"})
    source = str(wheel(tmp_path, "hail", requires=["hail-sizes>=2"]))
    links = {"find_links": str(tmp_path / "links")}
    address = begin(client, verb="install", source=source, offline="yes", **links).headers["location"]
    assert list(events(client, address))[-1][1:] == ("state", "waiting")
    assert "hail-sizes 2.5" in client.get(address).text
    client.post(f"{address}/drop", data={"form_token": form_token(client)})


async def test_a_stream_of_steps_ends_once_another_process_serves(tmp_path: Path) -> None:
    folder = tmp_path / "20260101000000-0123abcd"
    folder.mkdir()
    draining = asyncio.Event()
    with Writer(folder) as writer:
        writer.write(Order("sync"))
        told = changes.events(lambda: Change(folder), 0, draining)
        assert [await anext(told), await anext(told)] == [
            b"retry: 500\n\n",
            b"event: state\ndata: working\n\n",
        ]
        draining.set()
        assert [event async for event in told] == []


def test_a_plugin_of_a_newer_process_is_asked_for_there(client: httpx.Client, server: Server) -> None:
    folders = Folders(server.data)
    made = Generation(
        (InstalledPlugin("fog", "skyhook-fog", "1.0", "fog.whl"),), (Package("fog", "1.0", ()),)
    )
    folders.switch(folders.finish(folders.building(), made))
    try:
        answer = client.get("/console/o/first/plugins/fog")
    finally:
        folders.switch(None)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/o/first/plugins/fog")
    assert answer.headers["connection"] == "close"
    assert client.get("/console/o/first/plugins/fog").status_code == 404


def test_a_plugin_is_switched_off_and_on_for_an_organization(client: httpx.Client, server: Server) -> None:
    def switch(way: str, organization: str = "first") -> httpx.Response:
        data = {"form_token": form_token(client), "organization": organization, "way": way}
        return client.post(f"{PAGE}/money/switch", data=data)

    shown = client.get(switch("off").headers["location"]).text
    assert "Switched off." in shown
    assert "Off for <code>first</code>." in shown
    assert "has switched this plugin off" in client.get("/console/o/first/plugins/money").text
    switch("on")
    assert "has switched this plugin off" not in client.get("/console/o/first/plugins/money").text
    wrong = switch("off", "nobody-at-all")
    assert wrong.status_code == 404
    assert 'value="nobody-at-all"' in wrong.text


def test_a_wheel_is_uploaded_and_nothing_else(client: httpx.Client, server: Server, tmp_path: Path) -> None:
    def upload(name: str, content: bytes, **form: str) -> httpx.Response:
        data = {"form_token": form_token(client), "verb": "install"} | form
        return client.post(CHANGES, data=data, files={"wheel": (name, content)})

    path = wheel(tmp_path, "sleet")
    address = upload(path.name, path.read_bytes()).headers["location"]
    assert list(events(client, address))[-1][1:] == ("state", "waiting")
    page = client.get(address).text
    assert "sleet:read: Read sleet" in page
    assert f"<li>Getting {path.name}</li>" in page
    client.post(f"{address}/drop", data={"form_token": form_token(client)})
    for name in ("notes.txt", "../sleet.whl", "sleet.whl/", ".whl"):
        refused = upload(name, b"a note")
        assert refused.status_code == 400, name
        assert "Only a wheel can be uploaded" in refused.text
    both = upload(path.name, path.read_bytes(), source="skyhook-sleet")
    assert both.status_code == 400
    assert "Choose a wheel or say where it is, not both." in both.text
    with closing(sqlite3.connect(server.data / "skyhook.db")) as rows, rows:
        rows.execute("UPDATE sessions SET authenticated_at = '2020-01-01 00:00:00.000000'")
    assert "password_again" in upload(path.name, path.read_bytes()).text
    lost = begin(client, verb="install", password_again=password(server))
    assert lost.status_code == 400
    assert "Choose the wheel once more" in lost.text
    large = upload("large.whl", bytes(66 << 20))
    assert large.status_code == 413
    assert "too large" in large.text
