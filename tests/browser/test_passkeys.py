"""Passkeys in a real browser: made, used to log in and before a dangerous act, and refused once removed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.serving import Server

from .chromium import Chromium

ACCOUNT = "/console/account"
HOME = "/console/o/first"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("passkeys"))
    server.prepare()
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in server.log(), server.log()


def press(chromium: Chromium, selector: str, key: str = "Enter") -> None:
    chromium.tab_to(selector)
    chromium.press(key)


def is_at(path: str) -> str:
    return f"location.pathname === '{path}' && document.readyState === 'complete'"


def log_out(chromium: Chromium, here: str) -> None:
    chromium.run("document.querySelector('form[action=\"/console/logout\"]').requestSubmit()")
    chromium.wait(is_at("/console/login"))
    chromium.open(f"{here}/console/login")


def make_old(server: Server) -> None:
    """Puts every login long ago."""
    with closing(sqlite3.connect(server.data / "skyhook.db")) as rows, rows:
        rows.execute("UPDATE sessions SET authenticated_at = '2020-01-01 00:00:00.000000'")


def test_a_passkey_is_made_used_and_removed(chromium: Chromium, server: Server) -> None:
    here = f"http://localhost:{server.port}"
    chromium.add_authenticator()
    chromium.open(f"{here}/console/login?next={ACCOUNT}")
    chromium.tab_to("[name=email]")
    chromium.type("admin@localhost")
    chromium.tab_to("[name=password]")
    chromium.type((server.data / "first-password").read_text().strip())
    chromium.press("Enter")
    chromium.wait(is_at(ACCOUNT))

    press(chromium, f"[action='{ACCOUNT}/passkeys/new'] button")
    chromium.wait("document.activeElement?.name === 'name'")
    chromium.type("My <phone>")
    chromium.press("Enter")
    chromium.wait(is_at(ACCOUNT))
    assert "My <phone>" in chromium.run("document.querySelector('main').innerText")
    assert "never used" in chromium.run("document.querySelector('main table tr:has(.danger)').innerText")

    log_out(chromium, here)
    press(chromium, "[data-passkey] button")
    chromium.wait(is_at(HOME))
    chromium.open(f"{here}{ACCOUNT}")
    assert "last used" in chromium.run("document.querySelector('main table tr:has(.danger)').innerText")

    make_old(server)
    press(chromium, "main table .danger")
    chromium.wait("document.querySelector('h1')?.textContent === 'Is it you?'")
    press(chromium, "[data-passkey] button")
    chromium.wait(is_at(ACCOUNT))
    assert "My <phone>" not in chromium.run("document.querySelector('main').innerText")

    log_out(chromium, here)
    press(chromium, "[data-passkey] button")
    chromium.wait("document.querySelector('.error:not([hidden])') !== null")
    assert "This passkey was not accepted." in chromium.run("document.querySelector('main').innerText")
    chromium.open(f"{here}{ACCOUNT}")
    chromium.wait(is_at("/console/login"))


def test_at_another_address_no_passkey_is_offered(chromium: Chromium, server: Server) -> None:
    chromium.open(f"{server.address}/console/login")
    assert chromium.run("document.querySelector('[data-passkey]')") is None
