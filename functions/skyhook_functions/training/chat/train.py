"""Train `skyhook-small` from scratch: `python -m skyhook_functions.training.chat.train`.

A stopped run goes on from its last checkpoint. Data is generated on the fly from the seed; the position in
the stream is a number of conversations, hence a resumed run goes on about where it stopped.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from skyhook.function import Progress
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
from skyhook_functions.training.language import Batch, batched, export, kept_tokenizer, train
from skyhook_functions.training.machine import device, show, spare_processes

WEIGHTS = Path(__file__).parents[2] / "weights" / "skyhook-small"
TOKENIZER_EXAMPLES = 20_000
POOL = 37  # batches' worth of conversations that are sorted by length together, so that a batch needs little padding
CONVERSATION = 112  # tokens of a conversation, on average
LONGEST_ANSWER = 256  # tokens
STEPS = 8000


def pool(tokenizer: Tokenizer, seed: int, tokens: int, size: int, number: int) -> list[Batch]:
    """The batches of about `tokens` tokens of pool `number`, which has `size` conversations."""
    start = number * size
    samples = [encode(tokenizer, conversation(seed, start + offset)) for offset in range(size)]
    return batched(samples, tokens, number)


def make_model() -> LlamaForCausalLM:
    """The network with random weights."""
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=640, num_hidden_layers=5, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=CONTEXT, tie_word_embeddings=True, bos_token_id=None,
    )  # fmt: skip
    # On a CPU nearly twice as fast as the fused kernel on these short sequences.
    config._attn_implementation = "eager" if device().type == "cpu" else "sdpa"
    return LlamaForCausalLM(config)


@torch.no_grad()
def blend(model: LlamaForCausalLM, earlier: LlamaForCausalLM, share: float) -> None:
    """Makes the weights the mean of a model's and an earlier one's, the model's with that share (arXiv:2109.01903)."""
    for value, before in zip(model.parameters(), earlier.parameters(), strict=True):
        value.lerp_(before.to(value.device), 1.0 - share)


def trained_chat(
    checkpoints: Path, out: Path, *, steps: int = STEPS, batch_tokens: int = 3072, seed: int = 1,
    share: float | None = None, compile_model: bool = False, processes: int | None = None,
) -> Iterator[Progress]:  # fmt: skip
    """Trains up to so many steps, from the checkpoints on where there are some, and writes the model to `out`.

    With a `share` the training begins with the shipped weights, and so much of what it learned is written.
    """
    torch.manual_seed(seed)
    tokenizer_file = (checkpoints if share is None else WEIGHTS) / "tokenizer.json"
    tokenizer = kept_tokenizer(tokenizer_file, lambda: train_tokenizer(seed, TOKENIZER_EXAMPLES))
    model = make_model()
    shipped = model if share is None else LlamaForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32)
    model.load_state_dict(shipped.state_dict())
    yield from train(
        model,
        partial(pool, tokenizer, seed, batch_tokens, POOL * batch_tokens // CONVERSATION),
        steps=steps,
        checkpoints=checkpoints,
        compile_model=compile_model,
        processes=spare_processes() if processes is None else processes,
    )
    if share is not None:
        blend(model, shipped, share)
    export(model, tokenizer, out, end=END, pad=PAD, longest=LONGEST_ANSWER)
    save_tokenizer(tokenizer, out)


def main() -> None:
    """Train, report and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS)
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
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="of what was learned from the shipped weights on that is written: less forgets less",
    )
    parser.add_argument(
        "--processes", type=int, help="that make samples; with a GPU one for each core but one"
    )
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints/chat"))
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.checkpoints.mkdir(parents=True, exist_ok=True)
    show(
        trained_chat(
            options.checkpoints,
            options.out,
            steps=options.steps,
            batch_tokens=options.batch_tokens,
            seed=options.seed,
            share=options.share if options.shipped else None,
            compile_model=options.compile,
            processes=options.processes,
        )
    )


if __name__ == "__main__":
    main()
