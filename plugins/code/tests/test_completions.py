"""Code completed over real HTTP: by a chat model on a real socket, and by a model of the plugin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import Programs
from tests.functions.chat.conftest import CONTEXT
from tests.functions.chat.test_upstream import Server as Upstream
from tests.functions.chat.test_upstream import chunk, serving, usage
from tests.serving import Server

USAGE = "usage { promptTokens completionTokens cost }"
COMPLETE = f"""mutation ($input: CodeCompleteInput!) {{
  codeComplete(input: $input) {{ text model finishReason {USAGE} }} }}"""
STREAM = f"""subscription ($input: CodeCompleteInput!) {{
  codeCompleteStream(input: $input) {{ text completion {{ text finishReason {USAGE} }} }} }}"""


def ask(server: Server, **given: Any) -> dict[str, Any]:
    """The whole response to a completion."""
    return server.graphql(COMPLETE, input={"prefix": "def add(a, b):\n    return "} | given)


def completed(server: Server, **given: Any) -> dict[str, Any]:
    """A completion that must succeed."""
    answer = ask(server, **given)
    assert "errors" not in answer, answer
    completion: dict[str, Any] = answer["data"]["codeComplete"]
    return completion


def refused(server: Server, **given: Any) -> dict[str, Any]:
    """The error of a completion that must be refused, for free."""
    answer = ask(server, **given)
    assert answer["extensions"]["cost"]["credit"]["charged"] == 0
    error: dict[str, Any] = answer["errors"][0]
    return error


@pytest.fixture(scope="module")
def chat_server() -> Iterator[Upstream]:
    with serving() as chat_server:
        yield chat_server


@pytest.fixture(scope="module")
def coder(server: Server, chat_server: Upstream) -> str:
    """The name of a chat model that says what its server is set to say."""
    server.command(
        *("models", "add", "coder", "--upstream", chat_server.base_url, "--context-tokens", "10000"),
        *("--price", "chat.input_tokens=7", "--price", "chat.output_tokens=11"),
    )
    while "coder" not in str(server.graphql("{ chatModels { name } }")):
        pass
    return "coder"


@pytest.fixture
def upstream(chat_server: Upstream) -> Upstream:
    chat_server.requests.clear()
    chat_server.pause_s = 0.0
    return chat_server


@pytest.fixture(scope="module")
def own(server: Server, llama: Path) -> str:
    """The name of a model of the plugin itself."""
    options = ("--plugin", "code", "--folder", str(llama), "--context-tokens", str(CONTEXT))
    server.command("models", "add", "filler", *options)
    while is_needed(server):
        pass
    return "filler"


def is_needed(server: Server) -> bool:
    """Whether a request that names no model is told to name one."""
    answer = ask(server, maxTokens=1)
    return "errors" in answer and answer["errors"][0]["extensions"]["code"] == "COMPLETION_MODEL_NEEDED"


def say(upstream: Upstream, *pieces: str) -> None:
    """Sets what the upstream answers."""
    chunks = [chunk({"content": piece}) for piece in pieces]
    upstream.lines = [*chunks, chunk({}, "stop"), usage(), "[DONE]"]


def test_without_a_model_it_is_said_which_to_add(server: Server) -> None:
    error = refused(server)
    assert error["extensions"]["code"] == "COMPLETION_MODEL_NEEDED"
    assert "skyhook models pull" in error["message"]


def test_a_chat_model_completes_and_is_paid_for_as_itself(
    server: Server, programs: Programs, upstream: Upstream, coder: str
) -> None:
    say(upstream, "```python\n", "a +", " b\n```")
    answer = ask(server, model=coder, suffix="\n\nprint(add(1, 2))", language="python")
    completion = answer["data"]["codeComplete"]
    assert (completion["text"], completion["model"], completion["finishReason"]) == ("a + b", coder, "stop")
    cost = 9 * 7 + 4 * 11
    assert completion["usage"] == {"promptTokens": 9, "completionTokens": 4, "cost": str(cost)}
    assert answer["extensions"]["cost"]["credit"]["charged"] == cost
    assert programs.newest_usage()["operation"] == "chatStream"
    (_, body) = upstream.requests[0]
    prompt = json.dumps(body["messages"])
    assert "    return <CURSOR>\\n\\nprint(add(1, 2))" in prompt
    assert "The language is python." in prompt


def test_a_line_is_completed_to_its_end(server: Server, upstream: Upstream, coder: str) -> None:
    say(upstream, "a + b\n", "\n\ndef sub(a, b):")
    assert completed(server, model=coder, line=True)["text"] == "a + b"


def test_a_completion_streams(server: Server, programs: Programs, upstream: Upstream, coder: str) -> None:
    say(upstream, "a", " + b")
    upstream.pause_s = 0.05
    given = {"input": {"prefix": "return ", "model": coder}}
    payloads = [one["data"]["codeCompleteStream"] for one in programs.streamed(STREAM, given)]
    assert [one["text"] for one in payloads] == ["a", " + b", ""]
    assert payloads[-1]["completion"]["text"] == "a + b"


def test_a_long_file_is_cut_around_the_cursor(server: Server, upstream: Upstream, coder: str) -> None:
    say(upstream, "1")
    completed(server, model=coder, prefix="far " * 5000 + "near", suffix="next" + " away" * 5000)
    content = upstream.requests[0][1]["messages"][-1]["content"]
    assert "near<CURSOR>next" in content
    assert len(content) < 10_000


def test_a_retry_under_an_idempotency_key_asks_nobody(server: Server, upstream: Upstream, coder: str) -> None:
    say(upstream, "a + b")
    first, second = (completed(server, model=coder, idempotencyKey="completion-1") for _ in range(2))
    assert first["text"] == second["text"]
    assert len(upstream.requests) == 1


def test_a_model_of_the_plugin_is_the_default_and_charged_by_its_tokens(
    server: Server, programs: Programs, own: str
) -> None:
    answer = ask(server, maxTokens=5, suffix="\n")
    completion, credit = answer["data"]["codeComplete"], answer["extensions"]["cost"]["credit"]
    used = completion["usage"]
    assert (completion["model"], used["completionTokens"]) == (own, 5)
    assert credit["charged"] == used["promptTokens"] * 100 + 5 * 400 <= credit["held"]
    assert programs.newest_usage()["operation"] == "codeComplete"
    again = completed(server, maxTokens=5, suffix="\n")
    assert again["text"] == completion["text"]


def test_a_model_of_the_plugin_sees_what_fits_of_a_long_file(server: Server, own: str) -> None:
    used = completed(server, model=own, maxTokens=5, prefix="ä" * 3000, suffix="€" * 3000)["usage"]
    assert used["promptTokens"] + 5 <= CONTEXT


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"prefix": " \n"}, "prefix"),
        ({"prefix": "x" * 1_000_001}, "prefix"),
        ({"maxTokens": 0}, "maxTokens"),
        ({"maxTokens": 1025}, "maxTokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"language": "x" * 51}, "language"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(server: Server, given: dict[str, Any], field: str) -> None:
    error = refused(server, model="any", **given)["extensions"]
    assert (error["code"], error["field"]) == ("INVALID_INPUT", field)


def test_an_unknown_model_is_refused(server: Server) -> None:
    assert refused(server, model="nobody")["extensions"]["code"] == "MODEL_NOT_FOUND"
