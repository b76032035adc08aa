"""LoRA adapters in PEFT's format, drawn at random, for the tests of the chat functions."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor


def write_adapter(
    folder: Path,
    base: Path,
    *,
    modules: tuple[str, ...] = ("q_proj", "v_proj"),
    rank: int = 4,
    scale: float = 0.1,
    seed: int = 1,
) -> Path:
    """An adapter of the attention of a model of Llama's kind; gives the folder."""
    draw = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for name, weight in load_file(base / "model.safetensors").items():
        module = name.removesuffix(".weight")
        if module.rpartition(".")[2] in modules:
            outputs, inputs = weight.shape
            prefix = f"base_model.model.{module}"
            tensors[f"{prefix}.lora_A.weight"] = torch.randn(rank, inputs, generator=draw) * scale
            tensors[f"{prefix}.lora_B.weight"] = torch.randn(outputs, rank, generator=draw) * scale
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "target_modules": list(modules)}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def merge(folder: Path, base: Path, adapter: Path) -> Path:
    """The checkpoint with an adapter's matrices added to its weights; gives the folder."""
    folder.mkdir()
    for file in base.iterdir():
        if file.suffix != ".safetensors":
            (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(base / "model.safetensors")
    added = load_file(adapter / "adapter_model.safetensors")
    for name in [name for name in added if ".lora_A." in name]:
        module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        change = added[name.replace("lora_A", "lora_B")] @ added[name]
        weight = weights[f"{module}.weight"]
        weights[f"{module}.weight"] = (weight.float() + change).to(weight.dtype)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder
