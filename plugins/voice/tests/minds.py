"""An OpenAI-compatible server on loopback that answers by a script and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMON = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "mind"}


@dataclass
class Mind:
    """Answers the caller's last words by a script; what is not in it is told so."""

    base_url: str = ""
    script: dict[str, str] = field(default_factory=dict)
    requests: list[list[dict[str, Any]]] = field(default_factory=list)
    tool_call: dict[str, str] | None = None

    def deltas(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The parts of the answer."""
        self.requests.append(body["messages"])
        last = body["messages"][-1]
        if body.get("tools") and self.tool_call and last["role"] == "user":
            call = {"index": 0, "id": "call_1", "type": "function", "function": self.tool_call}
            return [{"tool_calls": [call]}]
        text = self.script.get(last["content"], f"You said: {last['content']}")
        return [{"content": f"{word} "} for word in text.split()]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mind: Mind

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        deltas = self.mind.deltas(body)
        reason = "tool_calls" if "tool_calls" in deltas[0] else "stop"
        chunks = [
            {**COMMON, "choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas
        ]
        chunks.append({**COMMON, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
        usage = {"prompt_tokens": 9, "completion_tokens": len(deltas), "total_tokens": 9 + len(deltas)}
        chunks.append({**COMMON, "choices": [], "usage": usage})
        for line in [*map(json.dumps, chunks), "[DONE]"]:
            self.wfile.write(f"data: {line}\n\n".encode())
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def thinking() -> Iterator[Mind]:
    """A mind that listens."""
    mind = Mind()
    handler = type("BoundHandler", (_Handler,), {"mind": mind})
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    mind.base_url = f"http://127.0.0.1:{listening.server_port}/v1"
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield mind
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
