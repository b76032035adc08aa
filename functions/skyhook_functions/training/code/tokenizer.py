"""The tokenizer of code, and the form of a place that is to be filled: prefix, suffix, then the middle."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import PreTrainedTokenizerFast

VOCABULARY = 4096
CONTEXT = 1024
PAD, PREFIX, SUFFIX, MIDDLE, END = SPECIAL = ("<|pad|>", "<|prefix|>", "<|suffix|>", "<|middle|>", "<|end|>")
PIECES = r"\n[ ]*| ?[\p{L}_]+|\p{N}| ?[^\s\p{L}\p{N}_]+|[ ]+|\s"
"""What BPE may not merge across: a line's end goes with the indentation after it, digits stand alone."""
TEMPLATE = """\
{%- for message in messages -%}
<|{{ message.role }}|>{{ message.content }}
{%- endfor -%}
<|middle|>"""
"""Takes one message of the role prefix and one of the role suffix, as the plugin `code` sends them."""


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """A byte-level BPE of the texts."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PIECES), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(text, special=True, normalized=False) for text in SPECIAL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Writes the tokenizer with its template in the format of transformers."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, model_max_length=CONTEXT, chat_template=TEMPLATE,
        clean_up_tokenization_spaces=False, padding_side="left",
        additional_special_tokens=[PREFIX, SUFFIX, MIDDLE],
    )  # fmt: skip
    fast.save_pretrained(folder)


def prompt(prefix: str, suffix: str) -> str:
    """What the template makes of a place."""
    return f"{PREFIX}{prefix}{SUFFIX}{suffix}{MIDDLE}"
