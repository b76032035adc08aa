"""LoRA adapters in PEFT's format: whether a folder holds one that fits its base model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from safetensors import SafetensorError, safe_open

from skyhook.function import FunctionError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
"""What PEFT writes before the names of the base model's modules."""
PACKED = ("U8", "I8", "I32")
"""Types of quantized weights, whose shapes are not those of the matrix."""


def check(folder: Path, base: Path) -> None:
    """Raises MODEL_NOT_FOUND where there is no adapter, and MODEL_INVALID where it is not one of the base.

    The engine refuses ranks, modules and kinds that it has no place for, but takes matrices of other sizes as
    they are, and answers noise.
    """
    if not (folder / CONFIG).is_file():
        raise FunctionError("MODEL_NOT_FOUND", f"There is no adapter in {folder}: it has no {CONFIG}.")
    if not (folder / WEIGHTS).is_file():
        raise invalid(folder, f"it has no {WEIGHTS}")
    try:
        kind = json.loads((folder / CONFIG).read_bytes()).get("peft_type")
        matrices = dict(_shapes(folder / WEIGHTS))
        weights = {name: shape for file in base.glob("*.safetensors") for name, shape in _shapes(file)}
    except (ValueError, AttributeError, SafetensorError) as error:
        raise invalid(folder, f"{type(error).__name__}: {error}") from error
    if kind != "LORA":
        raise invalid(folder, f"it is of the kind {kind}, not LORA")
    modules = {name.removeprefix(PREFIX).rpartition(".lora_")[0] for name in matrices if ".lora_" in name}
    known = {module for module in modules if f"{module}.weight" in weights}
    # Some architectures name their modules otherwise than their files: then no name is known.
    if known and (unknown := modules - known):
        raise invalid(folder, f"its base model has no {min(unknown)}")
    for module in sorted(known):
        _check_module(folder, module, weights[f"{module}.weight"], matrices)


def invalid(folder: Path, reason: str) -> FunctionError:
    """MODEL_INVALID for an adapter that cannot be used."""
    return FunctionError("MODEL_INVALID", f"The adapter in {folder} cannot be used: {reason}.")


def _check_module(folder: Path, module: str, weight: list[int], matrices: dict[str, list[int]]) -> None:
    down = matrices.get(f"{PREFIX}{module}.lora_A.weight")
    up = matrices.get(f"{PREFIX}{module}.lora_B.weight")
    if down is None or up is None or len(weight) != 2:
        return  # an embedding's matrices, which have other names and are transposed
    fits = [up[0], down[1]]
    if fits != weight:
        raise invalid(folder, f"its {module} is for a matrix of the shape {fits}, the base's is {weight}")


def _shapes(file: Path) -> Iterator[tuple[str, list[int]]]:
    """The shapes of a file's tensors, without those of quantized ones."""
    with ExitStack() as opened:
        tensors = opened.enter_context(safe_open(file, framework="numpy"))
        for name in tensors.keys():  # noqa: SIM118 - it is no mapping
            part = tensors.get_slice(name)
            if part.get_dtype() not in PACKED:
                yield name, part.get_shape()
