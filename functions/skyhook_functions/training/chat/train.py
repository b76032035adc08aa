"""Train `skyhook-small` from scratch: `python -m skyhook_functions.training.chat.train`.

A stopped run goes on from its last checkpoint. Data is generated on the fly from the seed; the position in
the stream is a number of conversations, hence a resumed run goes on about where it stopped.
"""

import argparse
from functools import partial
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
from skyhook_functions.training.machine import device, spare_processes

WEIGHTS = Path(__file__).parents[2] / "weights" / "skyhook-small"
TOKENIZER_EXAMPLES = 20_000
POOL = 37  # batches' worth of conversations that are sorted by length together, so that a batch needs little padding
CONVERSATION = 112  # tokens of a conversation, on average
LONGEST_ANSWER = 256  # tokens


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
    torch.manual_seed(options.seed)
    options.checkpoints.mkdir(parents=True, exist_ok=True)
    tokenizer_file = (WEIGHTS if options.shipped else options.checkpoints) / "tokenizer.json"
    if not tokenizer_file.exists():
        train_tokenizer(options.seed, TOKENIZER_EXAMPLES).save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    model = make_model()
    shipped = LlamaForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32) if options.shipped else model
    model.load_state_dict(shipped.state_dict())
    train(
        model,
        partial(
            pool, tokenizer, options.seed, options.batch_tokens, POOL * options.batch_tokens // CONVERSATION
        ),
        steps=options.steps,
        checkpoints=options.checkpoints,
        compile_model=options.compile,
        processes=spare_processes() if options.processes is None else options.processes,
    )
    if options.shipped:
        blend(model, shipped, options.share)
    export(model, tokenizer, options.out, end=END, pad=PAD, longest=LONGEST_ANSWER)
    save_tokenizer(tokenizer, options.out)


if __name__ == "__main__":
    main()
