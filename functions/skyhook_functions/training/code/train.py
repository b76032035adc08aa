"""Train `skyhook-code` from scratch on the CPU: `python -m skyhook_functions.training.code.train`.

A stopped run goes on from its last checkpoint.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from skyhook_functions.training.code.corpus import trained
from skyhook_functions.training.code.data import Places, encode
from skyhook_functions.training.code.tokenizer import (
    CONTEXT,
    END,
    PAD,
    VOCABULARY,
    save_tokenizer,
    train_tokenizer,
)
from skyhook_functions.training.language import Batch, batched, export, train

WEIGHTS = Path(__file__).parents[2] / "weights" / "skyhook-code"
LONGEST_FILL = 128  # tokens
POOL = 512  # places sorted by length at a time, so that a batch needs little padding


def make_model() -> LlamaForCausalLM:
    """The network with random weights."""
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=704, num_hidden_layers=6, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=CONTEXT, tie_word_embeddings=True, bos_token_id=None,
    )  # fmt: skip
    config._attn_implementation = "sdpa"
    return LlamaForCausalLM(config)


def batches(tokenizer: Tokenizer, places: Places, start: int, tokens: int) -> Iterator[tuple[Batch, int]]:
    """Batches of about `tokens` tokens from place `start` on, each with the place to resume from."""
    while True:
        pool = [encode(tokenizer, places.place(start + offset)) for offset in range(POOL)]
        for batch in batched(pool, tokens, start):
            yield batch, start
        start += POOL


def main() -> None:
    """Train, report and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--batch-tokens", type=int, default=6400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--compile",
        action="store_true",
        help="a quarter faster after minutes of compiling; needs a C++ compiler",
    )
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints/code"))
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.checkpoints.mkdir(parents=True, exist_ok=True)
    modules = trained()
    tokenizer_file = options.checkpoints / "tokenizer.json"
    if not tokenizer_file.exists():
        train_tokenizer(module.text for module in modules).save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    places = Places(modules, options.seed)
    model = make_model()
    train(
        model,
        lambda start: batches(tokenizer, places, start, options.batch_tokens),
        steps=options.steps,
        checkpoints=options.checkpoints,
        compile_model=options.compile,
    )
    export(model, tokenizer, options.out, end=END, pad=PAD, longest=LONGEST_FILL)
    save_tokenizer(tokenizer, options.out)


if __name__ == "__main__":
    main()
