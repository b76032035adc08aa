"""Models whose engine is vLLM go to the function that has it, and all others stay where they were."""

from __future__ import annotations

from pathlib import Path

from asking import completed, refused
from tests.functions.chat.conftest import CONTEXT
from tests.serving import Server


def test_a_model_of_the_engine_vllm_is_run_by_its_function(server: Server, llama: Path) -> None:
    folder = ("--folder", str(llama), "--context-tokens", str(CONTEXT))
    server.command("models", "add", "engined", *folder, "--engine", "vllm")
    while "engined" not in str(server.graphql("{ chatModels { name } }")):
        pass
    # The server's environment lacks vLLM, and the tests' installer is offline: none can be built.
    assert refused(server, model="engined")["code"] == "FUNCTION_UNAVAILABLE"
    logs = [log.read_text() for log in (server.data / "logs").glob("environment-*.log")]
    assert any("vllm" in log for log in logs), logs
    assert completed(server, model="tiny")["text"]
