"""What makes a folder of files a causal language model in Hugging Face's format; none of it is a program."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from skyhook.catalogue.errors import ModelUnusable

SMALL_FILE = re.compile(r"(additional_chat_templates/)?[\w-][\w.-]*\.jinja|[\w-][\w.-]*\.(json|tiktoken)")
SHARD = re.compile(r"[\w-][\w.-]*\.safetensors")
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
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
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


def is_small(name: str) -> bool:
    return name in SMALL_FILES or SMALL_FILE.fullmatch(name) is not None


def require_parts(repository: str, names: Sequence[str]) -> None:
    """Raises ModelUnusable where a repository lacks what every model needs."""
    if "config.json" not in names:
        raise ModelUnusable(f"{repository} has no config.json: it is no model in Hugging Face's format.")
    if WHOLE_WEIGHTS not in names and INDEX not in names:
        pickles = any(name.endswith(PICKLES) for name in names)
        raise ModelUnusable(
            f"{repository} has no safetensors weights"
            + (", only pickles, which can run code when they are loaded." if pickles else ".")
        )
    if not any(name in TOKENIZERS or name.endswith(".tiktoken") for name in names):
        raise ModelUnusable(f"{repository} has no tokenizer.")


def read_config(repository: str, path: Path) -> Mapping[str, Any]:
    """A model's configuration. Raises ModelUnusable where it is not that of a causal language model."""
    try:
        config = json.loads(path.read_bytes())  # which takes Infinity, as some configurations have
        if not isinstance(config, dict):
            raise ValueError("it is no object")
    except ValueError as error:
        raise ModelUnusable(f"The config.json of {repository} cannot be read: {error}.") from error
    architectures = [str(name) for name in config.get("architectures") or []]
    writes = not architectures or any(word in name for word in GENERATES for name in architectures)
    if config.get("is_encoder_decoder") or not writes:
        raise ModelUnusable(
            f"{repository} is no causal language model but {', '.join(architectures) or 'encoder-decoder'}."
        )
    return config


def context_tokens(config: Mapping[str, Any]) -> int | None:
    """The longest context in tokens; None where the configuration names none."""
    text = config.get("text_config")
    for part in (config, text if isinstance(text, dict) else {}):
        for field in CONTEXT_FIELDS:
            value = part.get(field)
            if isinstance(value, int) and value > 0:
                return value
    return None


def weight_files(repository: str, names: Sequence[str], partial: Path) -> list[str]:
    """The files of the weights, as transformers would choose them. Raises ModelUnusable."""
    if WHOLE_WEIGHTS in names:
        return [WHOLE_WEIGHTS]
    try:
        shards = sorted(set(json.loads((partial / INDEX).read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelUnusable(f"The {INDEX} of {repository} cannot be read.") from error
    for shard in shards:
        if shard not in names or not SHARD.fullmatch(shard):
            raise ModelUnusable(f"{repository} lacks {shard!r}, which its {INDEX} names.")
    if not shards:
        raise ModelUnusable(f"The {INDEX} of {repository} names no weights.")
    return shards
