"""Models of an OpenAI-compatible server, reached through the way of a call."""

from __future__ import annotations

from uuid import uuid4

from asking import complete, completed, events, refused
from tests.functions.chat.test_upstream import HELLO, chunk, usage
from tests.functions.chat.test_upstream import Server as Upstream
from tests.serving import Server


def add(server: Server, upstream: Upstream, variable: str = "UPSTREAM_KEY") -> str:
    """Adds a model of the upstream with prices of its own; its name."""
    name = f"up-{uuid4().hex[:8]}"
    server.command(
        *("models", "add", name, "--upstream", upstream.base_url, "--upstream-name", "big"),
        *("--api-key-variable", variable, "--context-tokens", "1000"),
        *("--price", "chat.input_tokens=7", "--price", "chat.output_tokens=11"),
    )
    while name not in str(server.graphql("{ chatModels { name } }")):
        pass
    return name


def test_an_upstream_model_is_asked_with_its_key_and_charged_at_its_own_price(
    server: Server, upstream: Upstream
) -> None:
    upstream.lines = [*HELLO, chunk({}, "stop"), usage(), "[DONE]"]
    completion = completed(server, model=add(server, upstream))
    assert completion["text"] == "Hello"
    assert completion["usage"] == {"promptTokens": 9, "completionTokens": 4, "cost": str(9 * 7 + 4 * 11)}
    authorization, body = upstream.requests[0]
    assert authorization == "Bearer sk-upstream"
    assert body["model"] == "big"


def test_an_upstream_model_streams(server: Server, upstream: Upstream) -> None:
    upstream.lines, upstream.pause_s = [*HELLO, chunk({}, "stop"), usage(), "[DONE]"], 0.05
    payloads = [one["data"]["chatStream"] for one in events(server, model=add(server, upstream))]
    assert [one["text"] for one in payloads] == ["Hel", "lo", ""]
    assert payloads[-1]["completion"]["text"] == "Hello"


def test_an_upstream_that_breaks_off_is_free_and_can_be_tried_again(
    server: Server, upstream: Upstream
) -> None:
    name = add(server, upstream)
    upstream.status, upstream.lines = 503, ['{"error": {"message": "overloaded"}}']
    assert refused(server, model=name)["code"] == "UPSTREAM_UNAVAILABLE"
    upstream.status, upstream.lines = 200, [*HELLO]
    assert refused(server, model=name)["code"] == "UPSTREAM_BAD_RESPONSE"
    upstream.lines = [*HELLO, chunk({}, "stop"), usage(), "[DONE]"]
    assert complete(server, model=name)["data"]["chatComplete"]["text"] == "Hello"


def test_an_upstream_whose_key_is_not_set_says_which_variable_is_missing(
    server: Server, upstream: Upstream
) -> None:
    error = refused(server, model=add(server, upstream, "NO_SUCH_KEY"))
    assert error["code"] == "UPSTREAM_NOT_CONFIGURED"
    assert "NO_SUCH_KEY" in error["message"]
    assert upstream.requests == []
