"""Chat models as the mind of other plugins: `chatStream`, asked for in process."""

from __future__ import annotations

from typing import Any

import pytest
from tests.serving import Server

ASK = 'mutation ($request: JSON!) { probeAsk(operation: "chatStream", request: $request) }'
PROMPT = {"model": "tiny", "messages": [{"role": "user", "content": "The sky"}], "temperature": 0}


def ask(server: Server, **given: Any) -> dict[str, Any]:
    return server.graphql(ASK, request=PROMPT | {"max_tokens": 8} | given)


def test_another_plugin_gets_the_answer_as_it_is_written(server: Server) -> None:
    answer = ask(server)
    events = answer["data"]["probeAsk"]
    finished = events[-1]["finished"]
    assert "".join(event["text"] for event in events) == finished["text"] != ""
    assert finished["usage"]["completion_tokens"] <= 8
    assert answer["extensions"]["cost"]["credit"]["charged"] == finished["usage"]["cost"] > 0


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"messages": []}, "INVALID_INPUT"),
        ({"messages": [{"role": "boss", "content": "Go"}]}, "INVALID_INPUT"),
        ({"max_tokens": 0}, "INVALID_INPUT"),
        ({"prompt": "The sky"}, "INVALID_INPUT"),
        ({"model": "nobody"}, "MODEL_NOT_FOUND"),
    ],
)
def test_a_wrong_request_is_refused_for_free(server: Server, wrong: dict[str, Any], code: str) -> None:
    answer = ask(server, **wrong)
    assert answer["errors"][0]["extensions"]["code"] == code
    assert answer["extensions"]["cost"]["credit"]["charged"] == 0
