"""Models on vLLM through a whole server on Modal, with an engine in vLLM's place: `tests/engines`."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from modal_containers import Container
from modal_server import ModalServer
from tests.functions.chat.conftest import CONTEXT, Ask, ask, chat, checkpoints, llama, tokenizer
from tests.serving import ROOT, Server

from skyhook.catalogue.pull import RECORD
from skyhook.compute.modal.naming import class_name
from skyhook.function import spec_of
from skyhook_functions.chat.local import ChatModel
from skyhook_functions.chat.vllm_model import VllmModel
from skyhook_functions.chat.whole import joined

__all__ = ["ask", "chat", "checkpoints", "llama", "tokenizer"]

COMPLETE = """mutation ($model: String!) { chatComplete(input: {
  model: $model, messages: [{role: "user", content: "The sky"}], maxTokens: 20, temperature: 0
}) { text finishReason usage { promptTokens completionTokens cost } } }"""


@pytest.fixture(scope="module")
def engines() -> Iterator[None]:
    """Containers import the engine from where the tests do."""
    place = str(ROOT / "tests" / "engines")
    sys.path.append(place)
    yield
    sys.path.remove(place)


@pytest.fixture(scope="module")
def server(
    engines: None,
    modal_server: ModalServer,
    tmp_path_factory: pytest.TempPathFactory,
    checkpoints: dict[str, Path],
) -> Iterator[Server]:
    """A server with two models on vLLM, whose weights are on the volume."""
    variables = modal_server.variables() | {"SKYHOOK_COMPUTE": "modal"}
    server = Server(tmp_path_factory.mktemp("server"), environment=variables)
    server.prepare()
    for name, made in {"llama": "llama", "qwen": "qwen2"}.items():
        folder = server.data / "models" / name
        shutil.copytree(checkpoints[made], folder)
        (folder / RECORD).write_text("{}")
        server.command("models", "pull", name, "--to", "modal")
        options = ("--context-tokens", str(CONTEXT), "--engine", "vllm")
        server.command("models", "add", name, "--folder", str(folder), *options)
    server.command("functions", "deploy")
    try:
        server.start()
        yield server
    finally:
        server.stop()


def holding(modal_server: ModalServer) -> dict[str, list[Container]]:
    """The containers of models on vLLM, by the model that each is for."""
    name = class_name(spec_of(VllmModel).name)
    found: dict[str, list[Container]] = {"llama": [], "qwen": []}
    for one in modal_server.containers.running:
        for model, containers in found.items():
            if name in one.function.definition.function_name and model.encode() in one.function.parameters:
                containers.append(one)
    return found


def answered(server: Server, model: str) -> dict[str, Any]:
    answer = server.graphql(COMPLETE, model=model)
    assert "errors" not in answer, answer
    completion: dict[str, Any] = answer["data"]["chatComplete"]
    return completion


def test_two_models_are_answered_at_once_each_by_its_own_containers(
    server: Server, modal_server: ModalServer, checkpoints: dict[str, Path], chat: ChatModel, ask: Ask
) -> None:
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda model: answered(server, model), ["llama", "qwen"] * 3))
    for number, made in enumerate(("llama", "qwen2")):
        alone = joined(chat.generate(ask(folder=checkpoints[made], max_tokens=20)))
        assert [answer["text"] for answer in answers[number::2]] == [alone.text] * 3
        assert answers[number]["usage"]["completionTokens"] == alone.completion_tokens
    assert {model: len(containers) for model, containers in holding(modal_server).items()} == {
        "llama": 1,
        "qwen": 1,
    }
    printed = [batch.items[0].data for batch in modal_server.state.logs]
    held = [line.split()[-1] for line in printed if line.startswith("vllm holds")]
    assert sorted(held) == ["llama", "qwen"], "no engine took another model"


def test_a_container_of_one_model_that_dies_leaves_the_other_in_use(
    server: Server, modal_server: ModalServer
) -> None:
    before = {model: answered(server, model) for model in ("llama", "qwen")}
    (container,) = holding(modal_server)["llama"]
    container.kill()
    deadline = time.monotonic() + 30
    while container in modal_server.containers.running:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for model in ("qwen", "llama"):
        assert answered(server, model) == before[model]


def test_the_log_of_one_model_is_read_by_itself(server: Server) -> None:
    answered(server, "llama")
    answered(server, "qwen")
    assert "vllm holds qwen" in (
        printed := server.command("functions", "logs", "VllmModel", "--pool", "qwen")
    )
    assert "vllm holds llama" not in printed
    with pytest.raises(RuntimeError, match="say which with --pool"):
        server.command("functions", "logs", "VllmModel")
