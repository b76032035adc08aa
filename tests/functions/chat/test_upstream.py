"""The chat function over OpenAI-compatible servers, against one that speaks the protocol on a real socket."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from skyhook.function import FunctionError
from skyhook_functions.chat import upstream
from skyhook_functions.chat.messages import Delta, Message, Sampling, Tool, ToolCall, UpstreamRequest
from skyhook_functions.chat.upstream import UpstreamChat
from skyhook_functions.chat.whole import joined

USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 5},
}


@dataclass
class Server:
    """A server that answers every request in the way that a test has set."""

    base_url: str = ""
    status: int = 200
    lines: list[str] = field(default_factory=list)
    """The body of an answer; each line of a stream is one event's data."""
    pause_s: float = 0.0
    """How long it waits after the first line."""
    requests: list[tuple[str | None, dict[str, Any]]] = field(default_factory=list)
    """Authorization and body of each request."""
    broken_off: threading.Event = field(default_factory=threading.Event)
    """Set when a client went away while it was answered."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behaviour: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.behaviour.requests.append((self.headers["Authorization"], body))
        streams = self.behaviour.status == 200
        assert self.path == "/v1/chat/completions"
        self.send_response(self.behaviour.status)
        self.send_header("Content-Type", "text/event-stream" if streams else "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for line in self.behaviour.lines:
                self.wfile.write(f"data: {line}\n\n".encode() if streams else line.encode())
                self.wfile.flush()
                time.sleep(self.behaviour.pause_s)
        except OSError:
            self.behaviour.broken_off.set()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """A server that runs meanwhile."""
    behaviour = Server()
    handler = type("BoundHandler", (Handler,), {"behaviour": behaviour})
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    behaviour.base_url = f"http://127.0.0.1:{listening.server_port}/v1"
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    yield behaviour
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as behaviour:
        yield behaviour


@pytest.fixture
def chat() -> Iterator[UpstreamChat]:
    function = UpstreamChat()
    function.load()
    yield function
    for client in function._clients.values():
        client.close()


def chunk(delta: dict[str, Any], reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return json.dumps({**COMMON, "choices": [choice]})


def usage() -> str:
    return json.dumps({**COMMON, "choices": [], "usage": USAGE})


COMMON = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
HELLO = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"}), chunk({"content": "lo"})]


def request(server: Server, **changed: Any) -> UpstreamRequest:
    fields: dict[str, Any] = {
        "messages": [Message("user", "Hi")],
        "tools": [],
        "sampling": Sampling(4, stop=["x"], seed=7),
    }
    return UpstreamRequest(server.base_url, "sk-secret", "m", **{**fields, **changed})


def test_an_answer_streams_with_its_counts(server: Server, chat: UpstreamChat) -> None:
    server.lines = [*HELLO, chunk({}, "length"), usage(), "[DONE]"]
    assert list(chat.generate(request(server))) == [
        Delta(prompt_tokens=10),
        Delta("Hel", completion_tokens=1),
        Delta("lo", completion_tokens=2),
        Delta(finish_reason="length", prompt_tokens=9, completion_tokens=4, cached_tokens=5),
    ]
    completion = joined(chat.generate(request(server)))
    assert (completion.text, completion.prompt_tokens, completion.completion_tokens) == ("Hello", 9, 4)


def test_an_answer_without_usage_is_counted_by_its_pieces(server: Server, chat: UpstreamChat) -> None:
    server.lines = [*HELLO, chunk({}, "stop"), "[DONE]"]
    completion = joined(chat.generate(request(server)))
    assert (completion.prompt_tokens, completion.completion_tokens) == (10, 2)


def test_the_request_is_what_the_protocol_asks_for(server: Server, chat: UpstreamChat) -> None:
    server.lines = [*HELLO, chunk({}, "stop"), "[DONE]"]
    tool = Tool("weather", "Tells the weather", {"type": "object"})
    messages = [
        Message("assistant", tool_calls=[ToolCall("1", "weather", '{"city": "Paris"}')]),
        Message("tool", "sunny", tool_call_id="1"),
    ]
    joined(chat.generate(request(server, tools=[tool], messages=messages)))
    ((authorization, body),) = server.requests
    assert authorization == "Bearer sk-secret"
    assert body == {
        "model": "m",
        "messages": [
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {
                        "id": "1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
                    }
                ],
            },
            {"role": "tool", "content": "sunny", "tool_call_id": "1"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "weather",
                    "description": "Tells the weather",
                    "parameters": {"type": "object"},
                },
            }
        ],
        "max_tokens": 4,
        "temperature": 1.0,
        "top_p": 1.0,
        "stop": ["x"],
        "seed": 7,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_tool_calls_are_put_together_from_their_parts(server: Server, chat: UpstreamChat) -> None:
    def part(index: int, arguments: str, **named: str) -> str:
        function = {"arguments": arguments} | ({"name": named["name"]} if named else {})
        identity = {"id": named["id"], "type": "function"} if named else {}
        return chunk({"tool_calls": [{"index": index, "function": function, **identity}]})

    server.lines = [
        part(0, "", id="a", name="weather"),
        part(0, '{"city": '),
        part(0, '"Paris"}'),
        part(1, "", id="b", name="now"),
        chunk({}, "tool_calls"),
        usage(),
        "[DONE]",
    ]
    completion = joined(chat.generate(request(server)))
    assert completion.tool_calls == [
        ToolCall("a", "weather", '{"city": "Paris"}'),
        ToolCall("b", "now", "{}"),
    ]
    assert completion.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "UPSTREAM_REFUSED"),
        (401, "UPSTREAM_REFUSED"),
        (404, "UPSTREAM_REFUSED"),
        (422, "UPSTREAM_REFUSED"),
        (429, "UPSTREAM_RATE_LIMITED"),
        (500, "UPSTREAM_UNAVAILABLE"),
        (503, "UPSTREAM_UNAVAILABLE"),
    ],
)
def test_each_status_has_its_code(server: Server, chat: UpstreamChat, status: int, code: str) -> None:
    server.status, server.lines = status, ['{"error": {"message": "no such luck", "type": "t"}}']
    with pytest.raises(FunctionError) as caught:
        joined(chat.generate(request(server)))
    assert caught.value.code == code
    assert "no such luck" in caught.value.message or status >= 500
    assert "sk-secret" not in caught.value.message
    assert len(server.requests) == 1


def test_a_server_that_is_not_there_is_unavailable(server: Server, chat: UpstreamChat) -> None:
    nowhere = UpstreamRequest("http://127.0.0.1:1/v1", "", "m", [Message("user", "Hi")], [], Sampling(4))
    with pytest.raises(FunctionError) as caught:
        joined(chat.generate(nowhere))
    assert caught.value.code == "UPSTREAM_UNAVAILABLE"


def test_a_silent_server_times_out(
    server: Server, chat: UpstreamChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream, "TIMEOUT_S", 0.1)
    server.lines, server.pause_s = [*HELLO, chunk({}, "stop")], 0.5
    with pytest.raises(FunctionError) as caught:
        joined(chat.generate(request(server)))
    assert caught.value.code == "UPSTREAM_TIMEOUT"


@pytest.mark.parametrize(
    "lines",
    [
        ["{not json"],
        HELLO,
        [*HELLO, '{"error": {"message": "out of memory"}}'],
        ['{"choices": [{"index": 0}]}'],
        ['{"choices": null}'],
        ["[1]"],
    ],
    ids=["no-json", "no-end", "error-inside", "no-delta", "no-choices", "no-object"],
)
def test_an_answer_outside_the_protocol_is_a_bad_response(
    server: Server, chat: UpstreamChat, lines: list[str]
) -> None:
    server.lines = lines
    with pytest.raises(FunctionError) as caught:
        joined(chat.generate(request(server)))
    assert caught.value.code == "UPSTREAM_BAD_RESPONSE"


def test_a_closed_answer_closes_the_connection(server: Server, chat: UpstreamChat) -> None:
    server.lines, server.pause_s = [*HELLO * 200, chunk({}, "stop")], 0.01
    stream = chat.generate(request(server))
    assert [next(stream).text for _ in range(2)] == ["", "Hel"]
    assert isinstance(stream, Generator)
    stream.close()
    assert server.broken_off.wait(2)
