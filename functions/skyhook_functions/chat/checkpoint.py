"""Loads a checkpoint in Hugging Face's format."""

from __future__ import annotations

import inspect
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from skyhook.function import FunctionError
from skyhook_functions.chat.cache import ATTENTION, BatchCache
from skyhook_functions.chat.tokenizer import ChatTokenizer, invalid, weights_bytes


class Checkpoint(ChatTokenizer):
    """A model, its tokenizer and what the scheduler must know of them."""

    def __init__(self, folder: Path) -> None:
        """Loads the checkpoint. Raises MODEL_NOT_FOUND and MODEL_INVALID."""
        weights_bytes(folder)
        try:
            self.model, tokenizer = _load(folder)
            super().__init__(folder, tokenizer, self.model.generation_config.eos_token_id)
            self.cache = BatchCache(_probe(self.model))
        except FunctionError:
            raise
        except Exception as error:  # whatever a broken file makes the libraries raise
            raise invalid(folder, f"{type(error).__name__}: {error}") from error
        config = self.model.config.get_text_config(decoder=True)
        self.positions: int | None = getattr(config, "max_position_embeddings", None)
        """Longest sequence that the model has positions for, in tokens; None where it has no such limit."""
        self.parameters = frozenset(inspect.signature(self.model.forward).parameters)
        """Names of the arguments of the model's forward pass."""


def _load(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    model, report = AutoModelForCausalLM.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        dtype="auto",
        attn_implementation=ATTENTION,
        output_loading_info=True,
    )
    # A tensor that a file lacks would be drawn at random and the answers would be noise.
    if missing := sorted(report["missing_keys"]) + sorted(map(str, report["mismatched_keys"])):
        raise invalid(folder, f"{len(missing)} tensors are missing or misshapen, such as {missing[0]}")
    return model.eval(), tokenizer


def _probe(model: PreTrainedModel) -> DynamicCache:
    """A cache filled by one forward pass, which also warms the model up. Raises MODEL_INVALID."""
    folder = Path(model.config.name_or_path)
    cache = DynamicCache(config=model.config)
    if not all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers):
        raise invalid(folder, f"{type(model).__name__} has layers without a plain key-value cache")
    with torch.inference_mode():
        logits = model(torch.zeros(1, 2, dtype=torch.long), cache=cache, use_cache=True).logits
    if not bool(logits.isfinite().all()):
        raise invalid(folder, "its weights give numbers that are not finite")
    return cache
