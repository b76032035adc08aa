"""A plugin is installed, used and removed in a browser: the steps go on while the server reloads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.console.conftest import ADMINISTRATOR, password
from tests.plugins.wheels import revision, wheel
from tests.serving import Server

from .chromium import Chromium

PAGE = "/console/instance/plugins"
CREATE = revision(1, 'op.create_table("rain_drops", sa.Column("id", sa.Integer(), primary_key=True))')
LONG_S = 120
STATE = "document.querySelector('h1 .state')?.textContent"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    server.prepare()
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in server.log(), server.log()


def steps(chromium: Chromium) -> list[str]:
    found: str = chromium.run("document.querySelector('.steps').innerText")
    return found.split("\n")


def agree(chromium: Chromium) -> str:
    """Sends the form that has the focus and agrees to the proposal; what was shown, once it is done."""
    chromium.press("Enter")
    chromium.wait(f"{STATE} === 'needs your answer'", at_most_s=LONG_S)
    shown: str = chromium.run("document.querySelector('main').textContent")
    chromium.tab_to("[action$='/agree'] button")
    chromium.press("Enter")
    chromium.wait(f"{STATE} === 'done'", at_most_s=LONG_S)
    return shown


def test_a_plugin_comes_and_goes_with_its_steps_seen(
    chromium: Chromium, server: Server, tmp_path: Path
) -> None:
    path = wheel(tmp_path / "wheels", columns="", revisions=[CREATE])
    chromium.open(f"{server.address}/console")
    chromium.send_form("main form", email=ADMINISTRATOR, password=password(server))
    chromium.wait("location.pathname === '/console/o/first' && document.readyState === 'complete'")

    chromium.open(server.address + PAGE)
    assert chromium.run("document.querySelector('main .empty').textContent").strip().startswith("Nothing was")
    chromium.tab_to("[name=source]")
    chromium.type(str(path))
    chromium.press("Enter")
    chromium.wait("document.querySelector('[data-state=working]') !== null")
    chromium.run("window.first = document.querySelectorAll('.steps li').length")
    chromium.wait("document.querySelectorAll('.steps li').length > window.first", at_most_s=LONG_S)
    chromium.wait(f"{STATE} === 'needs your answer'", at_most_s=LONG_S)
    shown = chromium.run("document.querySelector('main').textContent")
    assert "rain:read: Read rain" in shown
    assert "rain.drops: 7 nano-dollars for each drop" in shown
    assert "rain.example.com" in shown
    assert server.graphql("{ rainFalls }").get("data") is None

    chromium.tab_to("[action$='/agree'] button")
    chromium.press("Enter")
    chromium.wait(f"{STATE} === 'done'", at_most_s=LONG_S)
    assert steps(chromium)[-2:] == [
        "Migrating the database for rain",
        "Reloading the servers of this machine",
    ]
    assert server.graphql("{ rainFalls }")["data"] == {"rainFalls": "rain 1.0"}

    chromium.open(f"{server.address}{PAGE}/rain")
    assert str(path) in chromium.run("document.querySelector('main').textContent")
    chromium.tab_to("main .settings button")
    agree(chromium)
    assert server.graphql("{ rainFalls }").get("data") is None

    chromium.open(server.address + PAGE)
    chromium.tab_to("[name=typed]")
    chromium.type("rain")
    assert "Everything that rain has stored is deleted." in agree(chromium)
    assert "Deleted rain_drops" in steps(chromium)
    chromium.open(server.address + PAGE)
    assert chromium.run("document.querySelector('[name=typed]') === null")
    changes = "[...document.querySelectorAll('tbody th')].map((one) => one.firstChild.textContent.trim())"
    assert chromium.run(changes)[-2:] == ["remove rain 1.0", "install rain 1.0"]
