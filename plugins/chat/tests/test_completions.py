"""Completions and streams of a local model, over HTTP and a real worker."""

from __future__ import annotations

import time
from typing import Any

import pytest
from asking import complete, completed, events, refused
from tests.functions.chat.conftest import CONTEXT
from tests.serving import Server

INPUT_PRICE, OUTPUT_PRICE = 100, 400


def test_an_answer_is_counted_and_charged_by_its_tokens(server: Server) -> None:
    answer = complete(server)
    completion, credit = answer["data"]["chatComplete"], answer["extensions"]["cost"]["credit"]
    usage = completion["usage"]
    assert (completion["finishReason"], usage["completionTokens"]) == ("length", 20)
    assert int(usage["cost"]) == usage["promptTokens"] * INPUT_PRICE + 20 * OUTPUT_PRICE
    assert credit["charged"] == int(usage["cost"]) <= credit["held"]


def test_the_same_seed_draws_the_same_answer(server: Server) -> None:
    drawn = [completed(server, temperature=1.0, seed="7")["text"] for _ in range(2)]
    assert drawn[0] == drawn[1] != completed(server, temperature=1.0, seed="8")["text"]


def test_a_stop_text_ends_the_answer_and_is_not_part_of_it(server: Server) -> None:
    whole = completed(server)["text"]
    stop = whole[len(whole) // 2 :][:3]
    cut = completed(server, stop=[stop])
    assert cut["text"] == whole[: whole.index(stop)]
    assert cut["finishReason"] == "stop"


def test_a_system_prompt_is_read(server: Server) -> None:
    plain, told = completed(server)["usage"], completed(server, system="Be brief.")["usage"]
    assert told["promptTokens"] > plain["promptTokens"]


def test_without_a_limit_the_answer_may_fill_the_context(server: Server) -> None:
    usage = completed(server, text="word " * 30, maxTokens=None)["usage"]
    assert usage["promptTokens"] + usage["completionTokens"] <= CONTEXT


def test_a_stream_gives_the_same_answer_in_parts_and_its_charge_at_the_end(server: Server) -> None:
    whole = completed(server)
    payloads = [payload["data"]["chatStream"] for payload in events(server)]
    *parts, last = payloads
    assert "".join(part["text"] for part in parts) == whole["text"] == last["completion"]["text"]
    assert last["completion"]["usage"] == whole["usage"]


def test_a_client_that_goes_away_ends_the_answer_and_pays_for_its_part(server: Server) -> None:
    last = """{ viewer { organization { usageEvents(first: 1) { edges { node {
      id outcome operation quantities { meter quantity } } } } } } }"""

    def newest() -> dict[str, Any]:
        organization = server.graphql(last)["data"]["viewer"]["organization"]
        return organization["usageEvents"]["edges"][0]["node"]

    def left_early() -> dict[str, Any]:
        before = newest()["id"]
        stream = events(server, maxTokens=200)
        assert next(stream)["data"]["chatStream"]["text"]
        stream.close()  # type: ignore[attr-defined]
        deadline = time.monotonic() + 10
        while newest()["id"] == before and time.monotonic() < deadline:
            time.sleep(0.05)
        return newest()

    completed(server)
    # The model may be quicker than this client at leaving.
    event = next((event for _ in range(5) if (event := left_early())["outcome"] == "cancelled"), newest())
    quantities = {one["meter"]: int(one["quantity"]) for one in event["quantities"]}
    assert (event["operation"], event["outcome"]) == ("chatStream", "cancelled")
    assert 0 < quantities["chat.output_tokens"] < 200
    assert quantities["chat.input_tokens"] > 0


def test_many_at_once_get_the_answers_they_get_alone(server: Server) -> None:
    from concurrent.futures import ThreadPoolExecutor

    texts = ["The sky", "Streams join", "a hook", "the batch"] * 4
    alone = {text: completed(server, text=text)["text"] for text in set(texts)}
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda text: completed(server, text=text)["text"], texts))
    assert together == [alone[text] for text in texts]


def test_an_unknown_model_is_refused_and_the_known_ones_are_named(server: Server) -> None:
    error = refused(server, model="gpt-17")
    assert (error["code"], error["field"]) == ("MODEL_NOT_FOUND", "model")
    assert "tiny" in error["message"]


def test_a_prompt_over_the_context_is_refused_with_the_numbers(server: Server) -> None:
    error = refused(server, text="word " * CONTEXT)
    assert error["code"] == "CONTEXT_EXCEEDED"
    assert str(CONTEXT) in error["message"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"topP": 0}, "topP"),
        ({"maxTokens": 0}, "maxTokens"),
        ({"maxTokens": CONTEXT + 1}, "maxTokens"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"seed": "-1"}, "seed"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages.role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.toolCallId"),
        ({"tools": [{"name": "a b", "parameters": {}}]}, "tools.name"),
        ({"tools": [{"name": "a", "parameters": 7}]}, "tools.parameters"),
        ({"parentId": "Q2hhdE1lc3NhZ2U6MQ=="}, "parentId"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(server: Server, given: dict[str, Any], field: str) -> None:
    error = refused(server, **given)
    assert (error["code"], error["field"]) == ("INVALID_INPUT", field)


def test_the_catalogue_lists_the_bundled_model_and_the_added_one(server: Server) -> None:
    models = server.graphql("{ chatModels { name source tier contextTokens } }")["data"]["chatModels"]
    assert {model["name"]: model["source"] for model in models} == {"skyhook-small": "bundled", "tiny": "hub"}
