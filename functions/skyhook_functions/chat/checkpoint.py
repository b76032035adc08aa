"""Loads a checkpoint in Hugging Face's format, and turns conversations into its tokens."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from skyhook.function import FunctionError
from skyhook_functions.chat.cache import ATTENTION, BatchCache
from skyhook_functions.chat.messages import Message, Tool, message_form, tool_form
from skyhook_functions.chat.tools import CLOSE, OPEN

WEIGHTS = ("*.safetensors", "*.bin")


class Checkpoint:
    """A model, its tokenizer and what the scheduler must know of them."""

    def __init__(self, folder: Path) -> None:
        """Loads the checkpoint. Raises MODEL_NOT_FOUND and MODEL_INVALID."""
        self.folder = folder
        weights_bytes(folder)
        try:
            self.model, self.tokenizer = _load(folder)
            self.cache = BatchCache(_probe(self.model))
        except FunctionError:
            raise
        except Exception as error:  # whatever a broken file makes the libraries raise
            raise _invalid(folder, f"{type(error).__name__}: {error}") from error
        config = self.model.config.get_text_config(decoder=True)
        self.positions: int | None = getattr(config, "max_position_embeddings", None)
        """Longest sequence that the model has positions for, in tokens; None where it has no such limit."""
        self.eos = _eos(self.model, self.tokenizer)
        """Tokens that end an answer."""
        self.parameters = frozenset(inspect.signature(self.model.forward).parameters)
        """Names of the arguments of the model's forward pass."""
        shown = {token for text, token in self.tokenizer.get_added_vocab().items() if text in (OPEN, CLOSE)}
        self.hidden = frozenset(self.tokenizer.all_special_ids) - shown | self.eos
        """Tokens that are no part of an answer's text."""

    def prompt(self, messages: list[Message], tools: list[Tool]) -> list[int]:
        """The conversation's tokens by the model's chat template. Raises TEMPLATE_FAILED."""
        if not self.tokenizer.chat_template:
            raise FunctionError(
                "TEMPLATE_FAILED",
                f"The model in {self.folder} has no chat template: give it a chat_template.jinja.",
            )
        try:
            encoded = self.tokenizer.apply_chat_template(
                [message_form(message, parse_arguments=True) for message in messages],
                tools=[tool_form(tool) for tool in tools] or None,
                add_generation_prompt=True,
                return_dict=True,
            )
        except Exception as error:  # templates are programs: they raise anything
            raise FunctionError(
                "TEMPLATE_FAILED", f"The model's chat template rejects this conversation: {error}"
            ) from error
        tokens: list[int] = encoded["input_ids"]
        if not tokens:
            raise FunctionError("TEMPLATE_FAILED", "The model's chat template gives an empty prompt.")
        return tokens

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of some tokens, special ones included."""
        text: str = self.tokenizer.decode(tokens, clean_up_tokenization_spaces=False)
        return text


def weights_bytes(folder: Path) -> int:
    """Size of the weight files in bytes. Raises MODEL_NOT_FOUND where there is no checkpoint."""
    if not (folder / "config.json").is_file():
        raise FunctionError(
            "MODEL_NOT_FOUND", f"There is no model in {folder}: it has no config.json. Pull the model first."
        )
    for pattern in WEIGHTS:
        if size := sum(file.stat().st_size for file in folder.glob(pattern)):
            return size
    raise _invalid(folder, "it has no weight files")


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
        raise _invalid(folder, f"{len(missing)} tensors are missing or misshapen, such as {missing[0]}")
    return model.eval(), tokenizer


def _probe(model: PreTrainedModel) -> DynamicCache:
    """A cache filled by one forward pass, which also warms the model up. Raises MODEL_INVALID."""
    folder = Path(model.config.name_or_path)
    cache = DynamicCache(config=model.config)
    if not all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in cache.layers):
        raise _invalid(folder, f"{type(model).__name__} has layers without a plain key-value cache")
    with torch.inference_mode():
        logits = model(torch.zeros(1, 2, dtype=torch.long), cache=cache, use_cache=True).logits
    if not bool(logits.isfinite().all()):
        raise _invalid(folder, "its weights give numbers that are not finite")
    return cache


def _eos(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    found: set[int] = set()
    for eos in (model.generation_config.eos_token_id, tokenizer.eos_token_id):
        found.update(eos if isinstance(eos, list) else [] if eos is None else [eos])
    return frozenset(found)


def _invalid(folder: Path, reason: str) -> FunctionError:
    return FunctionError("MODEL_INVALID", f"The model in {folder} cannot be used: {reason}.")
