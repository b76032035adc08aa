"""Turns conversations into a checkpoint's tokens, and tokens into text; the same for every engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from skyhook.function import FunctionError
from skyhook_functions.chat.messages import Message, Tool, message_form, tool_form
from skyhook_functions.chat.tools import CLOSE, OPEN

WEIGHTS = ("*.safetensors", "*.bin")


class ChatTokenizer:
    """A checkpoint's tokenizer, its chat template and its special tokens."""

    def __init__(
        self, folder: Path, tokenizer: PreTrainedTokenizerBase, ends: int | list[int] | None
    ) -> None:
        """`ends` are the tokens that end an answer by the checkpoint's generation settings."""
        self.folder = folder
        self.tokenizer = tokenizer
        self.eos = _tokens(ends) | _tokens(tokenizer.eos_token_id)
        """Tokens that end an answer."""
        shown = {token for text, token in tokenizer.get_added_vocab().items() if text in (OPEN, CLOSE)}
        self.hidden = frozenset(tokenizer.all_special_ids) - shown | self.eos
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


def _tokens(ids: int | list[int] | None) -> frozenset[int]:
    return frozenset(ids if isinstance(ids, list) else [] if ids is None else [ids])


def weights_bytes(folder: Path) -> int:
    """Size of the weight files in bytes. Raises MODEL_NOT_FOUND where there is no checkpoint."""
    if not (folder / "config.json").is_file():
        raise FunctionError(
            "MODEL_NOT_FOUND", f"There is no model in {folder}: it has no config.json. Pull the model first."
        )
    for pattern in WEIGHTS:
        if size := sum(file.stat().st_size for file in folder.glob(pattern)):
            return size
    raise invalid(folder, "it has no weight files")


def invalid(folder: Path, reason: str) -> FunctionError:
    """MODEL_INVALID for a folder whose files cannot be used."""
    return FunctionError("MODEL_INVALID", f"The model in {folder} cannot be used: {reason}.")
