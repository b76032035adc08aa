"""The files of a LoRA adapter in PEFT's format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from skyhook.catalogue.errors import ModelUnusable
from skyhook.catalogue.layouts import PICKLES, read_object

ADAPTER_CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


class Adapter:
    """Implements `skyhook.catalogue.layouts.Layout`."""

    def __init__(self, repository: str, names: Sequence[str]) -> None:
        """Raises ModelUnusable where the repository lacks the adapter's weights."""
        self._repository = repository
        if WEIGHTS not in names:
            pickles = any(name.endswith(PICKLES) for name in names)
            raise ModelUnusable(
                f"{repository} has no {WEIGHTS}"
                + (", only pickles, which can run code when they are loaded." if pickles else ".")
            )

    def first_files(self) -> list[str]:
        return [ADAPTER_CONFIG]

    def small_files(self, folder: Path) -> list[str]:
        kind = read_object(self._repository, folder, ADAPTER_CONFIG).get("peft_type")
        if kind != "LORA":
            raise ModelUnusable(f"{self._repository} is an adapter of the kind {kind}, not LORA.")
        return []

    def weight_files(self, folder: Path) -> list[str]:
        return [WEIGHTS]

    def context_tokens(self, folder: Path) -> int | None:
        """None: it is the base model's."""
        return None
