"""Models that another engine than the plugin's own runs, and LoRA adapters of models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.catalogue.hub import Hub, Repository
from tests.catalogue.test_pull import SMALL, Pulling, files, folder, hub, prepared, server

__all__ = ["hub", "prepared", "server"]

ADAPTER = {
    "adapter_config.json": json.dumps({"peft_type": "LORA", "r": 8}).encode(),
    "adapter_model.safetensors": b"matrices",
    "README.md": b"what it is",
    "tokenizer.json": b"{}",
}


def column(server: Pulling, model: str) -> str | None:
    """The engine that the list gives for a model."""
    row = server.row(model)
    return row[5] if len(row) > 5 else None


def test_an_engine_is_chosen_for_a_model_and_others_keep_their_own(server: Pulling, hub: Hub) -> None:
    server.done("pull", "acme/Small", "--engine", "vllm")
    server.done("pull", "own", "--from", "acme/Small")
    server.done("add", "same", "--folder", str(server.data), "--context-tokens", "9", "--engine", "vllm")
    assert [column(server, name) for name in ("small", "own", "same")] == ["vllm", None, "vllm"]


def test_an_adapter_is_pulled_for_its_base(server: Pulling, hub: Hub) -> None:
    hub.repositories["acme/support"] = Repository(dict(ADAPTER))
    server.done("pull", "base", "--from", "acme/Small", "--engine", "vllm")
    server.done("pull", "acme/support", "--base", "base")
    server.done("pull", "shorter", "--from", "acme/support", "--base", "base", "--context-tokens", "100")
    server.done("pull", "plain", "--from", "acme/support", "--base", "skyhook-small", "--engine", "vllm")
    assert files(folder(server, "support")) == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "skyhook-pull.json",
    }
    rows = [server.row(name)[4:] for name in ("support", "shorter", "plain")]
    assert rows == [["2048", "vllm"], ["100", "vllm"], ["1024", "vllm"]]
    longer = ("pull", "longer", "--from", "acme/support", "--base", "base", "--context-tokens", "4096")
    assert "takes 2048 tokens, not 4096" in server.refused(*longer)


def test_weights_that_adapters_need_stay(server: Pulling, hub: Hub) -> None:
    hub.repositories["acme/support"] = Repository(dict(ADAPTER))
    server.done("pull", "needed", "--from", "acme/Small", "--engine", "vllm")
    server.done("pull", "helper", "--from", "acme/support", "--base", "needed")
    assert "remove helper first" in server.refused("remove", "needed", "--weights")
    server.done("remove", "helper", "--weights")
    assert not folder(server, "helper").exists()
    server.done("remove", "needed", "--weights")
    assert not folder(server, "needed").exists()


def test_an_added_adapter_takes_its_bases_engine_and_context(server: Pulling, tmp_path: Path) -> None:
    local = ("add", "local", "--folder", str(tmp_path), "--context-tokens", "512", "--engine", "vllm")
    server.done(*local)
    server.done("add", "mine", "--folder", str(tmp_path / "."), "--base", "local")
    assert server.row("mine")[4:] == ["512", "vllm"]
    assert "has no weights of its own" in server.refused(
        "add", "x", "--folder", str(tmp_path), "--base", "mine"
    )
    assert "were not pulled" in server.refused("remove", "mine", "--weights")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("acme/Small", "--engine", "vlm"), "chat has no engine 'vlm'; it has vllm."),
        (("acme/Small", "--plugin", "imagine", "--engine", "vllm"), "it has none beside its own."),
        (("acme/support", "--base", "skyhook-small"), "An adapter needs an engine that takes it: vllm."),
        (("acme/support", "--base", "absent"), "There is no model 'absent'"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_asked_of_the_hub(
    server: Pulling, hub: Hub, arguments: tuple[str, ...], message: str
) -> None:
    assert message in server.refused("pull", *arguments)
    assert hub.seen == []


@pytest.mark.parametrize(
    ("content", "base", "message"),
    [
        (ADAPTER, False, "acme/Odd is an adapter: name the model that it is for with --base."),
        (SMALL, True, "acme/Odd is no adapter: leave --base out if it is a whole model."),
        (ADAPTER | {"adapter_config.json": b'{"peft_type": "IA3"}'}, True, "of the kind IA3, not LORA."),
        (
            {"adapter_config.json": b"{}", "adapter_model.bin": b"no"},
            True,
            "has no adapter_model.safetensors, only pickles",
        ),
    ],
)
def test_what_is_no_usable_adapter_is_refused_before_its_weights_come(
    server: Pulling, hub: Hub, content: dict[str, bytes], base: bool, message: str
) -> None:
    hub.repositories["acme/Odd"] = Repository(dict(content))
    options = ("--base", "skyhook-small", "--engine", "vllm") if base else ()
    sentence = server.refused("pull", "acme/Odd", *options)
    assert message in sentence
    assert sentence.endswith("(MODEL_UNUSABLE)")
    assert not any(one.path.startswith("/cdn/") for one in hub.seen)
