"""Every page of the console can be used by everybody, as far as axe-core can tell, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import pytest
from tests.serving import Server

from .chromium import Chromium

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
RUN = """axe.run().then(({violations}) => violations.map(
  ({id, help, nodes}) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`))"""
PAGES = [
    "", "/keys", "/keys/new", "/usage", "/usage?by=operation&plugin=probe", "/usage?period=5", "/billing",
    "/billing/statement", "/billing/prices", "/billing/payments", "/plugins", "/plugins/probe", "/members",
    "/audit", "/organization",
    "/jobs", "/files", "/functions", "/functions/probe_functions:Probe",
    "/playground", "/playground/chat/talk", "/playground/imagine/edit",
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with some usage to show."""
    server = Server(tmp_path_factory.mktemp("accessibility"))
    server.prepare()
    server.start()
    server.graphql('mutation { probeAnswer(behaviour: "answer", text: "yes") }')
    yield server
    server.stop()


def log_in(chromium: Chromium, server: Server) -> None:
    chromium.open(f"{server.address}/console/login")
    password = (server.data / "first-password").read_text().strip()
    chromium.run("document.querySelector('[name=email]').focus()")
    chromium.type("admin@localhost")
    chromium.press("Tab")
    chromium.type(password)
    chromium.press("Enter")
    chromium.wait("location.pathname.startsWith('/console/o/')")


def violations(chromium: Chromium) -> list[str]:
    chromium.run(AXE)
    found: list[str] = chromium.run(RUN)
    return found


@pytest.fixture(scope="module")
def visitor(chromium: Chromium, server: Server) -> Chromium:
    """A browser that is logged in."""
    log_in(chromium, server)
    return chromium


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_used_by_everybody(visitor: Chromium, server: Server, page: str, *, dark: bool) -> None:
    visitor.appear(dark=dark)
    visitor.open(f"{server.address}/console/o/first{page}")
    assert violations(visitor) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_so_can_the_login_and_the_page_of_an_error(visitor: Chromium, server: Server, *, dark: bool) -> None:
    visitor.appear(dark=dark)
    for address in ("login", "account", "o/first/nothing"):
        visitor.open(f"{server.address}/console/{address}")
        assert violations(visitor) == [], address
    visitor.open(f"{server.address}/console/account")
    visitor.press("k", control=True)
    assert violations(visitor) == [], "the palette"


def test_the_check_finds_what_is_wrong(visitor: Chromium, server: Server) -> None:
    visitor.open(f"{server.address}/console/account")
    visitor.run("document.body.insertAdjacentHTML('beforeend', '<button></button><img src=\"x\">')")
    assert {found.partition(":")[0] for found in violations(visitor)} >= {"button-name", "image-alt"}
