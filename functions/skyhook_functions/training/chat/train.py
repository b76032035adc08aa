"""Train `skyhook-small` from scratch: `python -m skyhook_functions.training.chat.train`.

A stopped run goes on from its last checkpoint. Data is generated on the fly from the seed; the position in
the stream is a number of conversations, hence a resumed run goes on about where it stopped.
"""

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
from skyhook_functions.training.course import Course, begun, command
from skyhook_functions.training.language import Sample, export, kept_tokenizer, pool, train
from skyhook_functions.training.machine import device, show
from skyhook_functions.training.scoring import SHIPPED

WEIGHTS = SHIPPED / "skyhook-small"
TOKENIZER_EXAMPLES = 20_000
POOL = 37  # batches' worth of conversations that are sorted by length together, so that a batch needs little padding
CONVERSATION = 112  # tokens of a conversation, on average
LONGEST_ANSWER = 256  # tokens
STEPS = 8000
BATCH_TOKENS = 3072


def sample(tokenizer: Tokenizer, seed: int, index: int) -> Sample:
    """Conversation number `index` of the training."""
    return encode(tokenizer, conversation(seed, index))


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


def trained_chat(course: Course, share: float | None = None) -> Iterator[Progress]:
    """Trains the model and writes it.

    With a `share` the training begins with the shipped weights, and so much of what it learned is written.
    """
    torch.manual_seed(course.seed)
    tokenizer_file = (course.checkpoints if share is None else WEIGHTS) / "tokenizer.json"
    tokenizer = kept_tokenizer(tokenizer_file, lambda: train_tokenizer(course.seed, TOKENIZER_EXAMPLES))
    model = make_model()
    shipped = model if share is None else LlamaForCausalLM.from_pretrained(WEIGHTS, dtype=torch.float32)
    model.load_state_dict(shipped.state_dict())
    samples = partial(sample, tokenizer, course.seed)
    pools = partial(pool, samples, course.batch_tokens, POOL * course.batch_tokens // CONVERSATION)
    yield from train(model, pools, course)
    if share is not None:
        blend(model, shipped, share)
    export(model, tokenizer, course.out, end=END, pad=PAD, longest=LONGEST_ANSWER)
    save_tokenizer(tokenizer, course.out)


def main() -> None:
    """Train, report and save."""
    usual = Course(checkpoints=Path("checkpoints/chat"), out=WEIGHTS, steps=STEPS, batch_tokens=BATCH_TOKENS)
    parser = command(__doc__, usual)
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
    options = parser.parse_args()
    show(trained_chat(begun(options, threads=1), options.share if options.shipped else None))


if __name__ == "__main__":
    main()
