"""The files of a causal language model in Hugging Face's format: one folder, described by its config.json."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skyhook.catalogue.errors import ModelUnusable
from skyhook.catalogue.layouts import PICKLES, read_object, shards

CONFIG = "config.json"
SMALL_FILE = re.compile(r"(additional_chat_templates/)?[\w-][\w.-]*\.jinja|[\w-][\w.-]*\.(json|tiktoken)")
TOKENIZERS = {
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tekken.json",
    "vocab.json",
    "vocab.txt",
}
"""Files of which a tokenizer has at least one; `*.tiktoken` is another."""
SMALL_FILES = TOKENIZERS | {"merges.txt"}
WHOLE_WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
CONTEXT_FIELDS = (
    "max_position_embeddings",
    "n_positions",
    "max_sequence_length",
    "max_seq_len",
    "seq_length",
    "n_ctx",
)
GENERATES = ("CausalLM", "LMHeadModel", "ConditionalGeneration")
"""What the architecture of a model that writes text has in its name."""


class LanguageModel:
    """Implements `skyhook.catalogue.layouts.Layout`."""

    def __init__(self, repository: str, names: Sequence[str]) -> None:
        """Raises ModelUnusable where the repository lacks what every language model needs."""
        self._repository = repository
        self._names = names
        if WHOLE_WEIGHTS not in names and INDEX not in names:
            pickles = any(name.endswith(PICKLES) for name in names)
            raise ModelUnusable(
                f"{repository} has no safetensors weights"
                + (", only pickles, which can run code when they are loaded." if pickles else ".")
            )
        if not any(name in TOKENIZERS or name.endswith(".tiktoken") for name in names):
            raise ModelUnusable(f"{repository} has no tokenizer.")

    def first_files(self) -> list[str]:
        return [CONFIG]

    def small_files(self, folder: Path) -> list[str]:
        _require_generation(self._repository, read_object(self._repository, folder, CONFIG))
        small = [name for name in self._names if _is_small(name) and name not in (CONFIG, INDEX)]
        return small if WHOLE_WEIGHTS in self._names else [*small, INDEX]

    def weight_files(self, folder: Path) -> list[str]:
        """As transformers would choose them."""
        if WHOLE_WEIGHTS in self._names:
            return [WHOLE_WEIGHTS]
        return shards(self._repository, self._names, folder, INDEX)

    def context_tokens(self, folder: Path) -> int | None:
        return named_context(read_object(self._repository, folder, CONFIG))


def named_context(config: Mapping[str, Any]) -> int | None:
    """The longest context that a configuration names, in tokens."""
    text = config.get("text_config")
    for part in (config, text if isinstance(text, dict) else {}):
        for field in CONTEXT_FIELDS:
            value = part.get(field)
            if isinstance(value, int) and value > 0:
                return value
    return None


def _is_small(name: str) -> bool:
    return name in SMALL_FILES or SMALL_FILE.fullmatch(name) is not None


def _require_generation(repository: str, config: Mapping[str, Any]) -> None:
    architectures = [str(name) for name in config.get("architectures") or []]
    writes = not architectures or any(word in name for word in GENERATES for name in architectures)
    if config.get("is_encoder_decoder") or not writes:
        raise ModelUnusable(
            f"{repository} is no causal language model but {', '.join(architectures) or 'encoder-decoder'}."
        )
