"""The way of somebody new, by the keyboard alone: a key, a first query with it, what it cost, and its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.serving import Server

from .chromium import Chromium


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("walk"))
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


def test_a_key_is_made_used_seen_on_the_chart_and_revoked_by_the_keyboard_alone(
    chromium: Chromium, server: Server
) -> None:
    log_in(chromium, server)
    home = "/console/o/first"
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
