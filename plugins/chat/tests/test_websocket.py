"""A stream over graphql-transport-ws, as GraphQL clients subscribe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from asking import STREAM, completed, prompt
from tests.serving import Server
from websockets import Subprotocol
from websockets.sync.client import ClientConnection, connect


@contextmanager
def session(server: Server) -> Iterator[ClientConnection]:
    """A connection that is acknowledged."""
    address = server.address.replace("http", "ws") + "/graphql"
    init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {server.key}"}}
    with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        socket.send(json.dumps(init))
        assert receive(socket)["type"] == "connection_ack"
        yield socket


def receive(socket: ClientConnection) -> dict[str, Any]:
    return json.loads(socket.recv(timeout=30))  # type: ignore[no-any-return]


def test_tokens_arrive_over_a_websocket(server: Server) -> None:
    with session(server) as socket:
        payload = {"query": STREAM, "variables": {"input": prompt()}}
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        events = []
        while (message := receive(socket))["type"] == "next":
            events.append(message["payload"]["data"]["chatStream"])
        assert message["type"] == "complete"
    assert "".join(event["text"] for event in events) == completed(server)["text"]
    assert events[-1]["completion"]["usage"]["completionTokens"] == 20


def test_an_idempotency_key_goes_with_the_input_where_there_is_no_header(server: Server) -> None:
    answers = [completed(server, temperature=1.0, idempotencyKey="over-a-socket")["id"] for _ in range(2)]
    assert answers[0] == answers[1]


def test_a_client_that_completes_early_frees_the_stream(server: Server) -> None:
    with session(server) as socket:
        payload = {"query": STREAM, "variables": {"input": prompt(maxTokens=200)}}
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        assert receive(socket)["type"] == "next"
        socket.send(json.dumps({"id": "1", "type": "complete"}))
        socket.send(json.dumps({"type": "ping"}))
        while (message := receive(socket))["type"] == "next":
            pass
        assert message["type"] == "pong"
