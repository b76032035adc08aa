"""Train `skyhook-small` from scratch on one CPU thread: `python -m skyhook_functions.training.chat.train`.

A stopped run goes on from its last checkpoint. Data is generated on the fly from the seed; the position in
the stream is a number of conversations, hence a resumed run goes on about where it stopped.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from skyhook_functions.training.chat.data import conversation
from skyhook_functions.training.chat.tokenizer import (
    CONTEXT,
    END,
    PAD,
    VOCABULARY,
    encode,
    save_tokenizer,
    train_tokenizer,
)
from skyhook_functions.training.language import Batch, batched, export, train

WEIGHTS = Path(__file__).parents[2] / "weights" / "skyhook-small"
TOKENIZER_EXAMPLES = 20_000
POOL = 1024  # conversations sorted by length at a time, so that a batch needs little padding
LONGEST_ANSWER = 256  # tokens


def batches(tokenizer: Tokenizer, seed: int, start: int, tokens: int) -> Iterator[tuple[Batch, int]]:
    """Batches of about `tokens` tokens from conversation `start` on, each with the index to resume from."""
    while True:
        pool = [encode(tokenizer, conversation(seed, start + offset)) for offset in range(POOL)]
        for batch in batched(pool, tokens, start):
            yield batch, start
        start += POOL


def make_model() -> LlamaForCausalLM:
    """The network with random weights."""
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=640, num_hidden_layers=5, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=CONTEXT, tie_word_embeddings=True, bos_token_id=None,
    )  # fmt: skip
    # Nearly twice as fast as the fused kernel on these short sequences on a CPU.
    config._attn_implementation = "eager"
    return LlamaForCausalLM(config)


def main() -> None:
    """Train, report and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--batch-tokens", type=int, default=3072)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--compile",
        action="store_true",
        help="a quarter faster after minutes of compiling; needs a C++ compiler",
    )
    parser.add_argument(
        "--shipped",
        action="store_true",
        help="begin with the shipped weights, so that they learn what changed in the FAQ",
    )
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints/chat"))
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    options.checkpoints.mkdir(parents=True, exist_ok=True)
    tokenizer_file = (WEIGHTS if options.shipped else options.checkpoints) / "tokenizer.json"
    if not tokenizer_file.exists():
        train_tokenizer(options.seed, TOKENIZER_EXAMPLES).save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    model = make_model()
    if options.shipped:
        model.load_state_dict(LlamaForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32).state_dict())
    train(
        model,
        lambda start: batches(tokenizer, options.seed, start, options.batch_tokens),
        steps=options.steps,
        checkpoints=options.checkpoints,
        compile_model=options.compile,
    )
    export(model, tokenizer, options.out, end=END, pad=PAD, longest=LONGEST_ANSWER)
    save_tokenizer(tokenizer, options.out)


if __name__ == "__main__":
    main()
