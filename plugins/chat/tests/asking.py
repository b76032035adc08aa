"""Requests of the chat plugin as a client writes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.serving import Server

COMPLETE = """mutation ($input: ChatCompleteInput!) { chatComplete(input: $input) {
  id model text finishReason messageIds toolCalls { id name arguments }
  usage { promptTokens completionTokens cost } } }"""
STREAM = """subscription ($input: ChatCompleteInput!) { chatStream(input: $input) {
  text toolCall { name arguments }
  completion { text finishReason messageIds usage { promptTokens completionTokens cost } } } }"""


def prompt(text: str = "The sky", **more: Any) -> dict[str, Any]:
    """The input of a request to the tiny model, always its likeliest tokens unless told otherwise."""
    messages = [{"role": "user", "content": text}]
    return {"model": "tiny", "messages": messages, "maxTokens": 20, "temperature": 0} | more


def complete(server: Server, key: str | None = None, **given: Any) -> dict[str, Any]:
    """The whole response to a completion."""
    return server.graphql(COMPLETE, key=key, input=prompt(**given))


def completed(server: Server, **given: Any) -> dict[str, Any]:
    """A completion that must succeed."""
    answer = complete(server, **given)
    assert "errors" not in answer, answer
    return answer["data"]["chatComplete"]


def refused(server: Server, **given: Any) -> dict[str, Any]:
    """The extensions of the error of a completion that must be refused, for free."""
    answer = complete(server, **given)
    assert answer["extensions"]["cost"]["credit"]["charged"] == 0
    return answer["errors"][0]["extensions"] | {"message": answer["errors"][0]["message"]}


def events(server: Server, **given: Any) -> Iterator[dict[str, Any]]:
    """The payloads of a stream over SSE."""
    body = {"query": STREAM, "variables": {"input": prompt(**given)}}
    headers = {"Accept": "text/event-stream"}
    with server.client() as client, client.stream("POST", "/graphql", json=body, headers=headers) as response:
        event = ""
        for line in response.iter_lines():
            event = line.removeprefix("event: ") if line.startswith("event: ") else event
            if event == "next" and line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))
