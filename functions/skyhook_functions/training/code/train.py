"""Train `skyhook-code` from scratch: `python -m skyhook_functions.training.code.train`.

A stopped run goes on from its last checkpoint.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from skyhook.function import Progress
from skyhook_functions.training.code.corpus import held_out, trained
from skyhook_functions.training.code.data import Places, encode
from skyhook_functions.training.code.tokenizer import (
    CONTEXT,
    END,
    PAD,
    VOCABULARY,
    save_tokenizer,
    train_tokenizer,
)
from skyhook_functions.training.course import Course, begun, command
from skyhook_functions.training.language import Sample, export, kept_tokenizer, pool, train
from skyhook_functions.training.machine import show
from skyhook_functions.training.scoring import SHIPPED

WEIGHTS = SHIPPED / "skyhook-code"
LONGEST_FILL = 128  # tokens
STEPS = 24_000
BATCH_TOKENS = 6400
POOL = 32  # batches' worth of places that are sorted by length together, so that a batch needs little padding
PLACE = 400  # tokens of a place, on average
HELD_OUT_PLACES, HELD_OUT_SEED = 64, 5  # on which the loss is measured meanwhile


def make_model() -> LlamaForCausalLM:
    """The network with random weights."""
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=224, intermediate_size=608, num_hidden_layers=5, num_attention_heads=7,
        num_key_value_heads=7, max_position_embeddings=CONTEXT, tie_word_embeddings=True, bos_token_id=None,
    )  # fmt: skip
    config._attn_implementation = "sdpa"
    return LlamaForCausalLM(config)


def sample(tokenizer: Tokenizer, places: Places, index: int) -> Sample:
    """Place number `index` of the training."""
    return encode(tokenizer, places.place(index))


def trained_code(course: Course) -> Iterator[Progress]:
    """Trains the model and writes it."""
    torch.manual_seed(course.seed)
    modules = trained()
    tokenizer_file = course.checkpoints / "tokenizer.json"
    tokenizer = kept_tokenizer(tokenizer_file, lambda: train_tokenizer(module.text for module in modules))
    model = make_model()
    samples = partial(sample, tokenizer, Places(modules, course.seed))
    pools = partial(pool, samples, course.batch_tokens, POOL * course.batch_tokens // PLACE)
    unseen = partial(sample, tokenizer, Places(held_out(), HELD_OUT_SEED))
    yield from train(model, pools, course, pool(unseen, course.batch_tokens, HELD_OUT_PLACES, 0))
    export(model, tokenizer, course.out, end=END, pad=PAD, longest=LONGEST_FILL)
    save_tokenizer(tokenizer, course.out)


def main() -> None:
    """Train, report and save."""
    usual = Course(checkpoints=Path("checkpoints/code"), out=WEIGHTS, steps=STEPS, batch_tokens=BATCH_TOKENS)
    parser = command(__doc__, usual)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    show(trained_code(begun(options, options.threads)))


if __name__ == "__main__":
    main()
