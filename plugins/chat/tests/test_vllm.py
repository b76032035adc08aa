"""Models on vLLM through a whole server on this machine, with an engine in vLLM's place: `tests/engines`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from asking import completed, events, refused
from tests.functions.chat.conftest import CONTEXT
from tests.serving import PROBE, ROOT, Server

ENGINES = ROOT / "tests" / "engines"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, checkpoints: dict[str, Path]) -> Iterator[Server]:
    """A server with two models on vLLM, and the first of them also on the chat function."""
    places = os.pathsep.join([str(ENGINES), str(PROBE), os.environ.get("PYTHONPATH", "")])
    server = Server(tmp_path_factory.mktemp("vllm"), environment={"PYTHONPATH": places, "UV_OFFLINE": "1"})
    server.prepare()
    add = ("models", "add", "--context-tokens", str(CONTEXT), "--folder")
    server.command(*add, str(checkpoints["llama"]), "tiny")
    server.command(*add, str(checkpoints["llama"]), "llama", "--engine", "vllm")
    server.command(*add, str(checkpoints["qwen2"]), "qwen", "--engine", "vllm")
    server.start()
    yield server
    server.stop()


def test_an_answer_is_the_chat_functions_to_the_token_and_costs_the_same(server: Server) -> None:
    here, there = completed(server), completed(server, model="llama")
    assert there["model"] == "llama"
    for answer in (here, there):
        del answer["id"], answer["model"]
    assert there == here
    assert there["usage"]["completionTokens"] == 20
    assert int(there["usage"]["cost"]) > 0


def test_a_stream_and_a_stop_string_are_those_of_the_chat_function(server: Server) -> None:
    text = completed(server)["text"]
    stop = text[len(text) // 2 :][:4]
    found = []
    for model in ("tiny", "llama"):
        streamed = [event["data"]["chatStream"] for event in events(server, model=model, stop=[stop])]
        found.append(("".join(event["text"] for event in streamed), streamed[-1]["completion"]))
    assert found[0] == found[1]
    assert found[0][0] == text[: text.index(stop)]
    assert found[0][1]["finishReason"] == "stop"


def test_two_models_take_turns_in_the_worker_and_both_are_answered(server: Server) -> None:
    alone = {model: completed(server, model=model)["text"] for model in ("llama", "qwen")}
    assert len(set(alone.values())) == 2
    models = ["llama", "qwen"] * 3
    with ThreadPoolExecutor(len(models)) as pool:
        answers = list(pool.map(lambda model: completed(server, model=model)["text"], models))
    assert answers == [alone[model] for model in models]


def test_what_the_engine_refuses_is_told_and_costs_nothing(server: Server) -> None:
    assert refused(server, model="llama", text="x" * 4 * CONTEXT)["code"] == "CONTEXT_EXCEEDED"
