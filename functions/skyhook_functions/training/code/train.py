"""Train `skyhook-code` from scratch: `python -m skyhook_functions.training.code.train`.

A stopped run goes on from its last checkpoint.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from skyhook.function import Progress
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
from skyhook_functions.training.language import Batch, batched, export, kept_tokenizer, train
from skyhook_functions.training.machine import show, spare_processes

WEIGHTS = Path(__file__).parents[2] / "weights" / "skyhook-code"
LONGEST_FILL = 128  # tokens
STEPS = 2400
POOL = 32  # batches' worth of places that are sorted by length together, so that a batch needs little padding
PLACE = 400  # tokens of a place, on average


def make_model() -> LlamaForCausalLM:
    """The network with random weights."""
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=224, intermediate_size=608, num_hidden_layers=5, num_attention_heads=7,
        num_key_value_heads=7, max_position_embeddings=CONTEXT, tie_word_embeddings=True, bos_token_id=None,
    )  # fmt: skip
    config._attn_implementation = "sdpa"
    return LlamaForCausalLM(config)


def pool(tokenizer: Tokenizer, places: Places, tokens: int, size: int, number: int) -> list[Batch]:
    """The batches of about `tokens` tokens of pool `number`, which has `size` places."""
    start = number * size
    samples = [encode(tokenizer, places.place(start + offset)) for offset in range(size)]
    return batched(samples, tokens, number)


def trained_code(
    checkpoints: Path, out: Path, *, steps: int = STEPS, batch_tokens: int = 6400, seed: int = 1,
    compile_model: bool = False, processes: int | None = None,
) -> Iterator[Progress]:  # fmt: skip
    """Trains up to so many steps, from the checkpoints on where there are some, and writes the model to `out`."""
    torch.manual_seed(seed)
    modules = trained()
    tokenizer_file = checkpoints / "tokenizer.json"
    tokenizer = kept_tokenizer(tokenizer_file, lambda: train_tokenizer(module.text for module in modules))
    places = Places(modules, seed)
    model = make_model()
    yield from train(
        model,
        partial(pool, tokenizer, places, batch_tokens, POOL * batch_tokens // PLACE),
        steps=steps,
        checkpoints=checkpoints,
        compile_model=compile_model,
        processes=spare_processes() if processes is None else processes,
    )
    export(model, tokenizer, out, end=END, pad=PAD, longest=LONGEST_FILL)
    save_tokenizer(tokenizer, out)


def main() -> None:
    """Train, report and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--batch-tokens", type=int, default=6400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--compile",
        action="store_true",
        help="a quarter faster after minutes of compiling; needs a C++ compiler",
    )
    parser.add_argument(
        "--processes", type=int, help="that make samples; with a GPU one for each core but one"
    )
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints/code"))
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.checkpoints.mkdir(parents=True, exist_ok=True)
    show(
        trained_code(
            options.checkpoints,
            options.out,
            steps=options.steps,
            batch_tokens=options.batch_tokens,
            seed=options.seed,
            compile_model=options.compile,
            processes=options.processes,
        )
    )


if __name__ == "__main__":
    main()
