"""The way of somebody new, by the keyboard alone: an account, a key, a first query, what it cost, its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.console.test_people import link
from tests.serving import Server

from .chromium import Chromium

EMAIL, PASSWORD = "heron@example.com", "a long-legged bird"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("walk"), environment={"SKYHOOK_SIGNUP": "open"})
    server.prepare()
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in server.log(), server.log()


def press_and_go(chromium: Chromium, selector: str, path: str) -> None:
    """Presses Enter on a link or a button, which leads to a page."""
    chromium.tab_to(selector)
    chromium.press("Enter")
    chromium.wait(f"location.pathname === '{path}' && document.readyState === 'complete'")


def log_in(chromium: Chromium, server: Server) -> None:
    chromium.open(f"{server.address}/console")
    chromium.tab_to("[name=email]")
    chromium.type("admin@localhost")
    chromium.tab_to("[name=password]")
    chromium.type((server.data / "first-password").read_text().strip())
    chromium.press("Enter")
    chromium.wait("location.pathname === '/console/o/first' && document.readyState === 'complete'")


def answer(server: Server, key: str) -> dict[str, object]:
    result: dict[str, object] = server.graphql(
        'mutation { probeAnswer(behaviour: "answer", text: "yes") }', key=key
    )
    return result


def sign_up(chromium: Chromium, server: Server) -> str:
    """Makes an account with an organization; returns the organization's address."""
    chromium.open(f"{server.address}/console")
    press_and_go(chromium, "main [href='/console/signup']", "/console/signup")
    for name, text in (("email", EMAIL), ("password", PASSWORD), ("organization", "Blue Heron")):
        chromium.tab_to(f"[name={name}]")
        chromium.type(text)
    chromium.press("Enter")
    chromium.wait("document.readyState === 'complete' && !document.querySelector('main form')")
    chromium.open(server.address + link(server, EMAIL))
    chromium.tab_to("[name=password]")
    chromium.type(PASSWORD)
    chromium.press("Enter")
    home = "/console/o/blue-heron"
    chromium.wait(f"location.pathname === '{home}' && document.readyState === 'complete'")
    return home


def test_from_sign_up_to_a_revoked_key_by_the_keyboard_alone(chromium: Chromium, server: Server) -> None:
    home = sign_up(chromium, server)
    press_and_go(chromium, f'.tabs [href="{home}/keys"]', f"{home}/keys")
    press_and_go(chromium, f'main [href="{home}/keys/new"]', f"{home}/keys/new")
    chromium.tab_to("[name=name]")
    chromium.type("walk")
    chromium.tab_to("[name=scopes][value='*']")
    if not chromium.run("document.activeElement.checked"):
        chromium.press(" ")
    press_and_go(chromium, "main form button", f"{home}/keys")
    key = chromium.run("document.querySelector('#secret').textContent")

    assert answer(server, key)["data"] == {"probeAnswer": "yes"}

    press_and_go(chromium, f'.tabs [href="{home}/usage"]', f"{home}/usage")
    titles = chromium.run("[...document.querySelectorAll('.chart .day title')].map((one) => one.textContent)")
    assert titles[-1].endswith(": $0.001")

    press_and_go(chromium, f'.tabs [href="{home}/keys"]', f"{home}/keys")
    chromium.tab_to("tbody tr:first-child summary")
    chromium.press("Enter")
    press_and_go(chromium, "tbody tr:first-child [action$=revoke] button", f"{home}/keys")
    chromium.wait("document.querySelector('tbody tr:first-child .state')?.textContent === 'revoked'")
    assert answer(server, key)["errors"][0]["extensions"]["code"] == "KEY_REVOKED"  # type: ignore[index]


def test_the_palette_leads_anywhere_by_a_few_letters(chromium: Chromium, server: Server) -> None:
    log_in(chromium, server)
    chromium.press("k", control=True)
    chromium.type("zzz")
    assert chromium.run("document.querySelector('#palette [data-nothing]').checkVisibility()")
    chromium.press("Escape")
    assert not chromium.run("document.querySelector('#palette').open")
    chromium.press("k", control=True)
    chromium.type("e")
    chromium.press("ArrowDown")
    selected = "document.querySelector('#palette [aria-selected=true]').textContent"
    second = chromium.run(selected)
    chromium.press("ArrowUp")
    assert chromium.run(selected) != second
    chromium.type("y create")  # "ey create"
    press_and_go(chromium, "#palette input", "/console/o/first/keys/new")


def test_graphiql_runs_for_the_organization_without_a_key(chromium: Chromium, server: Server) -> None:
    log_in(chromium, server)
    link = chromium.run("document.querySelector('.tabs a:last-child').href")
    chromium.open(f"{link}&query=" + "%7Bviewer%7Borganization%7Bname%7D%7D%7D")
    chromium.wait("document.querySelector('.graphiql-execute-button') !== null")
    chromium.run("document.querySelector('.graphiql-execute-button').click()")
    chromium.wait("document.querySelector('.result-window')?.textContent.includes('First organization')")
