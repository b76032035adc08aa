"""The life of both examples in a browser, from wheels as anybody builds them, across each reload."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.console.conftest import ADMINISTRATOR, password
from tests.plugins.wheels import example
from tests.serving import Server

from .chromium import Chromium

PAGE = "/console/instance/plugins"
LONG_S = 120
STATE = "document.querySelector('h1 .state')?.textContent"
MAIN = "document.querySelector('main')?.textContent"
CONVERT = 'mutation { unitsConvert(value: 100, unit: "km/h", to: "m/s") }'
ADD = 'mutation { embeddingsAdd(texts: ["Cats sleep for most of the day."]) }'
SEARCH = 'mutation { embeddingsSearch(text: "pets", first: 1) { text } }'
FOUND = {"embeddingsSearch": [{"text": "Cats sleep for most of the day."}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environment = {"HF_HUB_OFFLINE": "1"}
    server = Server(tmp_path_factory.mktemp("instance") / "data", environment=environment)
    server.prepare()
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in server.log(), server.log()


@pytest.fixture
def visitor(chromium: Chromium, server: Server) -> Chromium:
    """The administrator of the instance, who has just logged in."""
    chromium.forget()
    chromium.open(f"{server.address}/console")
    chromium.send_form("main form", email=ADMINISTRATOR, password=password(server))
    chromium.wait("location.pathname === '/console/o/first' && document.readyState === 'complete'")
    return chromium


def steps(chromium: Chromium) -> list[str]:
    found: str = chromium.run("document.querySelector('.steps').innerText")
    return found.split("\n")


def press(chromium: Chromium, selector: str) -> None:
    """Goes to what is to be pressed, by the keyboard."""
    chromium.tab_to(selector)
    chromium.press("Enter")


def agree(chromium: Chromium) -> str:
    """Agrees to the change that was asked for; what was shown of it before, once it is done."""
    chromium.wait(f"{STATE} === 'needs your answer'", at_most_s=LONG_S)
    shown: str = chromium.run(MAIN)
    press(chromium, "[action$='/agree'] button")
    chromium.wait(f"{STATE} === 'done'", at_most_s=LONG_S)
    return shown


def upload(chromium: Chromium, page: str, wheel: Path) -> str:
    """Has a wheel installed, or another version of it, from a file of the browser's computer."""
    chromium.open(page)
    chromium.choose("form.source [name=wheel]", wheel)
    press(chromium, "form.source > button")
    return agree(chromium)


def title(chromium: Chromium, server: Server, name: str) -> str:
    """The plugin's title, as a member of the organization sees it."""
    chromium.open(f"{server.address}/console/o/first/plugins/{name}")
    found: str = chromium.run("document.querySelector('h1').firstChild.textContent.trim()")
    return found


def test_units_are_uploaded_used_upgraded_taken_back_restored_and_purged(
    visitor: Chromium, server: Server, tmp_path: Path
) -> None:
    chromium, page = visitor, f"{server.address}{PAGE}/units"
    first, second = example("units", tmp_path)
    chromium.open(server.address + PAGE)
    assert chromium.run("document.querySelector('main .empty').textContent").strip().startswith("Nothing was")
    shown = upload(chromium, server.address + PAGE, first)
    for text in ("units:use: Convert units", "units.conversions: 1,000 nano-dollars", "pint "):
        assert text in shown
    assert steps(chromium)[0] == f"Getting {first.name}"
    press(chromium, "[role=button][href='/console/o/first/plugins/units']")
    chromium.wait("location.pathname === '/console/o/first/plugins/units'")
    press(chromium, "[href='/console/o/first/playground/units/convert']")
    chromium.wait("location.pathname.endsWith('/convert') && document.readyState === 'complete'")
    press(chromium, "main form button[type=submit]")
    chromium.wait("document.querySelector('#answers').textContent.includes('27.7777777778')")

    chromium.open(page)
    press(chromium, "#switch [value=off]")
    chromium.wait(f"{MAIN}?.includes('Off for first.')")
    server_said = server.graphql(CONVERT)
    assert server_said["errors"][0]["extensions"]["code"] == "PLUGIN_DISABLED"
    press(chromium, "#switch [value=on]")
    chromium.wait(f"{MAIN}?.includes('No organization has switched it off.')")

    shown = upload(chromium, page, second)
    for text in ("0.1.0 → 0.2.0", "2,000 nano-dollars", "goes on to cost 1,000 nano-dollars"):
        assert text in shown
    assert title(chromium, server, "units") == "More units"
    chromium.open(page)
    press(chromium, "form.source > button")
    chromium.wait(f"{STATE} === 'failed'", at_most_s=LONG_S)
    assert f"units was uploaded as {second.name}" in chromium.run(MAIN)

    chromium.open(server.address + PAGE)
    press(chromium, ".actions button")
    assert "0.2.0 → 0.1.0" in agree(chromium)
    assert title(chromium, server, "units") == "Units"

    shutil.rmtree(server.data / "plugins")
    chromium.open(server.address + PAGE)
    press(chromium, ".notice button")
    agree(chromium)
    assert server.graphql(CONVERT)["data"] == {"unitsConvert": 27.7777777778}

    chromium.open(page)
    chromium.tab_to("[name=purge]")
    chromium.press(" ")
    chromium.tab_to("[name=typed]")
    chromium.type("units")
    chromium.press("Enter")
    assert "Everything that units has stored is deleted." in agree(chromium)
    assert "errors" in server.graphql(CONVERT)


def test_embeddings_come_from_a_path_keep_what_they_stored_and_are_purged_later(
    visitor: Chromium, server: Server, tmp_path: Path
) -> None:
    chromium, page = visitor, f"{server.address}{PAGE}/embeddings"
    first, second = example("embeddings", tmp_path)
    chromium.open(server.address + PAGE)
    chromium.tab_to("[name=source]")
    chromium.type(str(first))
    chromium.press("Enter")
    chromium.wait("document.querySelector('[data-state=working]') !== null")
    chromium.run("window.first = document.querySelectorAll('.steps li').length")
    chromium.wait("document.querySelectorAll('.steps li').length > window.first", at_most_s=LONG_S)
    chromium.wait(f"{STATE} === 'needs your answer'", at_most_s=LONG_S)
    assert server.graphql(ADD).get("data") is None
    assert "GPU L4, 3 GiB" in agree(chromium)
    end = ["Migrating the database for embeddings", "Reloading the servers of this machine"]
    assert steps(chromium)[-2:] == end
    assert server.graphql(ADD)["data"] == {"embeddingsAdd": 1}

    upload(chromium, page, second)
    assert title(chromium, server, "embeddings") == "More embeddings"

    chromium.open(page)
    press(chromium, "main .settings button")
    assert "What it has stored stays." in agree(chromium)
    assert server.graphql(SEARCH).get("data") is None

    chromium.open(server.address + PAGE)
    press(chromium, ".actions button")
    agree(chromium)
    assert title(chromium, server, "embeddings") == "More embeddings"
    assert server.graphql(SEARCH)["data"] == FOUND

    server.command("plugins", "remove", "embeddings", "--yes")
    chromium.open(server.address + PAGE)
    chromium.tab_to("[name=typed]")
    chromium.type("embeddings")
    chromium.press("Enter")
    assert "Everything that embeddings has stored is deleted." in agree(chromium)
    assert "Deleted embeddings_documents" in steps(chromium)
    chromium.open(server.address + PAGE)
    assert chromium.run("document.querySelector('[name=typed]') === null")
    newest = "document.querySelector('th + .actions, td.number + th').firstChild.textContent.trim()"
    assert chromium.run(newest) == "remove embeddings 0.2.0"
