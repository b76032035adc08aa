"""The files of a pipeline in diffusers' format: a folder for each part, all named by a model_index.json."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from skyhook.catalogue.errors import ModelUnusable
from skyhook.catalogue.language import CONFIG, named_context
from skyhook.catalogue.layouts import PICKLES, read_object, shards

MODEL_INDEX = "model_index.json"
PART = re.compile(r"[A-Za-z0-9_-]+")
SMALL_FILE = re.compile(r"[\w-][\w.-]*\.(json|txt|jinja|tiktoken|model)")
WEIGHTS_INDEX = ".index."
STEMS = ("diffusion_pytorch_model", "model")
"""How weights are called, by the library that a part is of."""
VARIANTS = ("", ".fp16", ".bf16")
"""Many repositories have the weights several times: the most precise ones are pulled, and no others."""
TEXT_ENCODER = "text_encoder"


class Pipeline:
    """Implements `skyhook.catalogue.layouts.Layout`."""

    def __init__(self, repository: str, names: Sequence[str]) -> None:
        self._repository = repository
        self._names = names

    def first_files(self) -> list[str]:
        return [MODEL_INDEX]

    def small_files(self, folder: Path) -> list[str]:
        files: list[str] = []
        for part in self._parts(folder):
            inside = [name for name in self._names if name.startswith(f"{part}/")]
            if not inside:
                raise ModelUnusable(f"{self._repository} has no {part}, which its {MODEL_INDEX} names.")
            files += [name for name in inside if _is_small(name.removeprefix(f"{part}/"))]
            weights = self._weights(part)
            if weights.endswith(".json"):
                files.append(weights)
        return files

    def weight_files(self, folder: Path) -> list[str]:
        files: list[str] = []
        for part in self._parts(folder):
            weights = self._weights(part)
            if weights.endswith(".json"):
                files += shards(self._repository, self._names, folder, weights)
            elif weights:
                files.append(weights)
        if not files:
            raise ModelUnusable(f"{self._repository} has no weights.")
        return files

    def context_tokens(self, folder: Path) -> int | None:
        """The longest prompt; 1 where the pipeline reads no text."""
        if not (folder / TEXT_ENCODER / CONFIG).is_file():
            return 1
        named = named_context(read_object(self._repository, folder, f"{TEXT_ENCODER}/{CONFIG}"))
        tokenizer = "tokenizer/tokenizer_config.json"
        if named is not None or not (folder / tokenizer).is_file():
            return named
        longest = read_object(self._repository, folder, tokenizer).get("model_max_length")
        return longest if isinstance(longest, int) and 0 < longest < 1 << 20 else None

    def _parts(self, folder: Path) -> list[str]:
        """The folders of the parts: `"part": ["library", "class"]`, or with nulls where there is none."""
        index = read_object(self._repository, folder, MODEL_INDEX)
        parts = [
            name
            for name, entry in index.items()
            if isinstance(entry, list) and len(entry) == 2 and all(isinstance(one, str) for one in entry)
        ]
        if not isinstance(index.get("_class_name"), str) or not all(map(PART.fullmatch, parts)):
            raise ModelUnusable(
                f"The {MODEL_INDEX} of {self._repository} names no pipeline, or one with code of its own."
            )
        return parts

    def _weights(self, part: str) -> str:
        """The file of a part's weights, or their index; empty where it has none. Raises ModelUnusable."""
        for variant in VARIANTS:
            for stem in STEMS:
                for name in (
                    f"{part}/{stem}{variant}.safetensors",
                    f"{part}/{stem}.safetensors.index{variant}.json",
                ):
                    if name in self._names:
                        return name
        inside = [name for name in self._names if name.startswith(f"{part}/")]
        if any(name.endswith((".safetensors", *PICKLES)) for name in inside):
            raise ModelUnusable(
                f"The {part} of {self._repository} has no safetensors weights of a known name; pickles can "
                "run code when they are loaded."
            )
        return ""


def _is_small(name: str) -> bool:
    return SMALL_FILE.fullmatch(name) is not None and WEIGHTS_INDEX not in name
