"""What needs no vLLM: requests and answers in its terms, and whether an adapter fits its base model."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tests.functions.chat.lora import write_adapter

from skyhook.function import FunctionError
from skyhook_functions.chat import adapters
from skyhook_functions.chat.messages import Sampling
from skyhook_functions.chat.stream import Tokens
from skyhook_functions.chat.vllm_request import sampling_parameters, tokens_of


def output(tokens: list[int], reason: str | None, cached: int | None = None) -> Any:
    """What of vLLM's `RequestOutput` is read."""
    return SimpleNamespace(
        outputs=[SimpleNamespace(token_ids=tokens, finish_reason=reason)], num_cached_tokens=cached
    )


def test_sampling_becomes_parameters_without_text() -> None:
    sampling = Sampling(9, temperature=0.5, top_p=0.9, stop=["end"], seed=3)
    assert sampling_parameters(sampling, frozenset({7, 2})) == {
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "stop_token_ids": [2, 7],
        "detokenize": False,
    }


@pytest.mark.parametrize(
    ("seed", "given"), [(None, None), (0, 0), (-1, 2**63 - 1), (2**63 - 1, 2**63 - 1), (2**64, 0)]
)
def test_every_seed_is_one_that_vllm_takes(seed: int | None, given: int | None) -> None:
    assert sampling_parameters(Sampling(1, seed=seed), frozenset())["seed"] == given


def test_outputs_become_tokens() -> None:
    assert tokens_of(output([1, 2], None)) == Tokens([1, 2])
    assert tokens_of(output([3], "stop", 16)) == Tokens([3], "stop", 16)
    assert tokens_of(output([], "length", 0)) == Tokens([], "length", 0)


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_an_answer_that_the_engine_gave_up_can_be_asked_again(reason: str) -> None:
    with pytest.raises(FunctionError) as caught:
        tokens_of(output([], reason))
    assert (caught.value.code, caught.value.retryable) == ("ENGINE_STOPPED", True)


def test_an_adapter_of_the_base_fits(llama: Path, tmp_path: Path) -> None:
    adapters.check(write_adapter(tmp_path, llama), llama)


def refused(folder: Path, base: Path, code: str, message: str) -> None:
    with pytest.raises(FunctionError, match=message) as caught:
        adapters.check(folder, base)
    assert caught.value.code == code


def test_a_folder_without_an_adapter_is_not_found(llama: Path, tmp_path: Path) -> None:
    refused(tmp_path, llama, "MODEL_NOT_FOUND", "no adapter_config.json")


def test_pickled_and_other_adapters_are_refused(llama: Path, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path, llama)
    (folder / adapters.CONFIG).write_text(json.dumps({"peft_type": "IA3"}))
    refused(folder, llama, "MODEL_INVALID", "of the kind IA3")
    (folder / adapters.CONFIG).write_text("[")
    refused(folder, llama, "MODEL_INVALID", "JSONDecodeError")
    (folder / adapters.WEIGHTS).rename(folder / "adapter_model.bin")
    refused(folder, llama, "MODEL_INVALID", "no adapter_model.safetensors")


def test_damaged_weights_are_refused(llama: Path, tmp_path: Path) -> None:
    file = write_adapter(tmp_path, llama) / adapters.WEIGHTS
    file.write_bytes(file.read_bytes()[:-9])
    refused(tmp_path, llama, "MODEL_INVALID", "SafetensorError")


def test_an_adapter_of_a_larger_or_deeper_model_is_refused(
    llama: Path, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    other = checkpoints["qwen2"]  # fewer heads for keys and values
    folder = write_adapter(tmp_path / "other", other, modules=("k_proj",))
    refused(folder, llama, "MODEL_INVALID", r"k_proj is for a matrix of the shape \[16, 32\].*\[32, 32\]")
    deeper = write_adapter(tmp_path / "deeper", llama)
    name = "base_model.model.model.layers.2.self_attn.q_proj"
    tensors = {f"{name}.lora_A.weight": torch.zeros(4, 32), f"{name}.lora_B.weight": torch.zeros(32, 4)}
    save_file(tensors | dict(adapter_tensors(deeper)), deeper / adapters.WEIGHTS)
    refused(deeper, llama, "MODEL_INVALID", "its base model has no model.layers.2.self_attn.q_proj")


def adapter_tensors(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / adapters.WEIGHTS)


def test_quantized_weights_and_other_names_are_left_to_the_engine(llama: Path, tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "adapter", llama)
    for name, tensor in {
        "model.layers.0.self_attn.q_proj.weight": torch.zeros(16, 1, dtype=torch.uint8),
        "transformer.h.0.attn.weight": torch.zeros(2, 2),
    }.items():
        base = tmp_path / name
        base.mkdir()
        save_file({name: tensor}, base / "model.safetensors")
        adapters.check(adapter, base)
