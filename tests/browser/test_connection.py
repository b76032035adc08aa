"""What a page shows when the network or the server is away, and who may open a WebSocket with a session."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import HTTPServer, SimpleHTTPRequestHandler
from threading import Thread
from urllib.parse import quote

import pytest
from tests.serving import Server

from .chromium import Chromium
from .test_accessibility import log_in

BANNER = "document.querySelector('#connection')?.textContent"
WEBSOCKET = """new Promise((resolve) => {
  const socket = new WebSocket(%s, "graphql-transport-ws");
  const query = 'subscription { probeWords(text: "one", count: 2) }';
  const send = (message) => socket.send(JSON.stringify(message));
  socket.onopen = () => send({type: "connection_init", payload: {organization: "first"}});
  socket.onclose = ({code, reason}) => resolve(`${code} ${reason}`);
  socket.onmessage = ({data}) => {
    const {type} = JSON.parse(data);
    if (type === "connection_ack") send({type: "subscribe", id: "1", payload: {query}});
    if (type === "complete") resolve("complete");
  };
})"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("connection"))
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def visitor(chromium: Chromium, server: Server) -> Chromium:
    """A browser that is logged in."""
    log_in(chromium, server)
    return chromium


def told(chromium: Chromium, text: str) -> None:
    chromium.wait(f"{BANNER}.includes({json.dumps(text)})")


def ask_for_part(chromium: Chromium) -> None:
    """Asks for a part of a page, as HTMX does where something changes in place."""
    chromium.run(
        "void htmx.ajax('GET', '/console/account', {target: '#main', select: '#main > *'}).catch(() => {})"
    )


@contextmanager
def elsewhere() -> Iterator[str]:
    """The address of another server on this machine, which browsers take for the same site."""
    with HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/nothing"
        server.shutdown()
        thread.join()


def test_a_page_of_the_server_opens_a_socket_and_one_of_another_site_does_not(
    visitor: Chromium, server: Server
) -> None:
    socket = json.dumps(f"ws://127.0.0.1:{server.port}/graphql")
    visitor.open(f"{server.address}/console/account")
    assert visitor.run(WEBSOCKET % socket) == "complete"
    # Of a site that is this one but for its port, so that the browser sends the session's cookie along.
    with elsewhere() as address:
        visitor.open(address)
        assert visitor.run(WEBSOCKET % socket).startswith("4403 FORBIDDEN")


def test_graphiql_shows_a_stream_with_the_login(visitor: Chromium, server: Server) -> None:
    query = quote('subscription { probeWords(text: "heron", count: 2) }')
    visitor.open(f"{server.address}/graphql?organization=first&query={query}")
    visitor.wait("document.querySelector('.graphiql-execute-button') !== null")
    visitor.run("document.querySelector('.graphiql-execute-button').click()")
    visitor.wait("document.querySelector('.result-window')?.textContent.includes('\"end\"')")


def test_offline_nothing_is_sent_what_was_typed_stays_and_goes_on_afterwards(
    visitor: Chromium, server: Server
) -> None:
    visitor.open(f"{server.address}/console/organizations/new")
    assert visitor.run(BANNER) == ""
    visitor.tab_to("[name=name]")
    visitor.type("Herons")
    visitor.go_offline()
    told(visitor, "You are offline.")
    visitor.press("Enter")
    assert visitor.run("[location.pathname, document.querySelector('[name=name]').value]") == [
        "/console/organizations/new",
        "Herons",
    ]
    visitor.go_offline(False)
    visitor.wait(f"{BANNER} === ''")
    visitor.press("Enter")
    visitor.wait("location.pathname === '/console/o/herons'")


def test_a_request_for_a_part_of_a_page_tells_that_it_failed(visitor: Chromium, server: Server) -> None:
    visitor.open(f"{server.address}/console/organizations/new")
    visitor.go_offline()
    told(visitor, "You are offline.")
    ask_for_part(visitor)
    assert visitor.run("document.querySelector('h1')?.textContent") == "New organization"
    visitor.go_offline(False)
    visitor.wait(f"{BANNER} === ''")
    with closing(sqlite3.connect(server.data / "skyhook.db")) as rows:
        rows.execute("ALTER TABLE passkeys RENAME TO away")
        ask_for_part(visitor)
        told(visitor, "reference")
        rows.execute("ALTER TABLE away RENAME TO passkeys")
    ask_for_part(visitor)
    visitor.wait(f"{BANNER} === '' && document.querySelector('h1')?.textContent === 'Administrator'")


def test_a_form_of_before_the_login_says_to_load_the_page_again(visitor: Chromium, server: Server) -> None:
    visitor.open(f"{server.address}/console/account")
    visitor.run("""document.body.setAttribute("hx-headers", '{"x-form-token": "old"}')""")
    visitor.run("htmx.ajax('POST', '/console/organizations', {target: '#main'}).catch(() => {})")
    told(visitor, "This page is of before your last login.")
    visitor.run("document.querySelector('#connection button').click()")
    visitor.wait(f"document.readyState === 'complete' && {BANNER} === ''")


def test_a_server_that_is_gone_is_told(visitor: Chromium, server: Server) -> None:
    visitor.open(f"{server.address}/console/organizations/new")
    visitor.tab_to("[name=name]")
    visitor.type("Egrets")
    server.stop()
    ask_for_part(visitor)
    told(visitor, "The server could not be reached.")
    assert visitor.run("document.querySelector('[name=name]').value") == "Egrets"
