"""Train `skyhook-small` from scratch on one CPU thread: `python -m skyhook_functions.training.chat.train`.

A stopped run goes on from its last checkpoint. Data is generated on the fly from the seed; the position in
the stream is a number of conversations, hence a resumed run goes on about where it stopped.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

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

WEIGHTS = Path(__file__).parents[2] / "weights" / "skyhook-small"
TOKENIZER_EXAMPLES = 20_000
POOL = 1024  # conversations sorted by length at a time, so that a batch needs little padding
WARM_UP = 100  # steps
DECAY_SHARE = 0.9  # of all steps, at the end, in which the learning rate falls to zero
LEARNING_RATE = 2e-3
MATRIX_LEARNING_RATE = 1e-2
WEIGHT_DECAY = 0.02
CLIP_NORM = 1.0
REPORT_EVERY, SAVE_EVERY = 50, 100  # steps


@dataclass(frozen=True)
class Batch:
    """Padded token ids [batch, length] and, for each, its weight in the loss of predicting it from those before it."""

    ids: Tensor
    weights: Tensor


def batches(tokenizer: Tokenizer, seed: int, start: int, tokens: int) -> Iterator[tuple[Batch, int]]:
    """Batches of about `tokens` tokens from conversation `start` on, each with the index to resume from."""
    while True:
        pool = [encode(tokenizer, conversation(seed, start + offset)) for offset in range(POOL)]
        pool.sort(key=lambda item: len(item[0]))
        groups: list[list[tuple[list[int], list[float]]]] = [[]]
        for item in pool:
            if len(item[0]) * (len(groups[-1]) + 1) > tokens:
                groups.append([])
            groups[-1].append(item)
        random.Random(start).shuffle(groups)
        for group in groups:
            shape = (len(group), max(len(ids) for ids, _ in group))
            batch = Batch(torch.zeros(shape, dtype=torch.long), torch.zeros(shape))
            for row, (ids, weights) in enumerate(group):
                batch.ids[row, : len(ids)] = torch.tensor(ids)
                batch.weights[row, : len(ids)] = torch.tensor(weights)
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


def loss_of(model: LlamaForCausalLM, batch: Batch) -> Tensor:
    """Weighted mean cross-entropy in nats. Padding is on the right, so causal attention hides it."""
    weights = batch.weights[:, 1:]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(input_ids=batch.ids[:, :-1], use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[weights > 0])
    losses = functional.cross_entropy(logits.float(), batch.ids[:, 1:][weights > 0], reduction="none")
    return losses @ weights[weights > 0] / weights.sum()


def optimizers(model: LlamaForCausalLM) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for the embedding and the norms."""
    named = dict(model.named_parameters())
    matrices = [value for key, value in named.items() if value.ndim == 2 and "embed" not in key]
    others = [value for key, value in named.items() if value.ndim != 2 or "embed" in key]
    return [
        torch.optim.Muon(matrices, lr=MATRIX_LEARNING_RATE, weight_decay=WEIGHT_DECAY, momentum=0.95),
        torch.optim.AdamW(others, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def rate(step: int, steps: int) -> float:
    """Share of the full learning rate at a step: warm-up, constant, then linear to zero."""
    decay = DECAY_SHARE * steps
    return min(1.0, (step + 1) / WARM_UP, max(0.0, (steps - step) / decay))


def export(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the model in bfloat16 and its tokenizer in the format of transformers."""
    end, pad = tokenizer.token_to_id(END), tokenizer.token_to_id(PAD)
    model.config.eos_token_id, model.config.pad_token_id = end, pad
    model.generation_config = GenerationConfig(
        eos_token_id=end, pad_token_id=pad, do_sample=False, max_new_tokens=256
    )
    copy = make_model()
    copy.load_state_dict(model.state_dict())
    copy.config, copy.generation_config = model.config, model.generation_config
    copy.bfloat16().save_pretrained(folder)
    save_tokenizer(tokenizer, folder)


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
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints/chat"))
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    options.checkpoints.mkdir(parents=True, exist_ok=True)
    saved, tokenizer_file = options.checkpoints / "last.pt", options.checkpoints / "tokenizer.json"
    if not tokenizer_file.exists():
        train_tokenizer(options.seed, TOKENIZER_EXAMPLES).save(str(tokenizer_file))
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    model = make_model()
    optimizing = optimizers(model)
    full_rates = [one.param_groups[0]["lr"] for one in optimizing]
    step, start, trained_s, seen = 0, 0, 0.0, 0
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        model.load_state_dict(state["model"])
        for one, values in zip(optimizing, state["optimizers"], strict=True):
            one.load_state_dict(values)
        step, start, trained_s, seen = state["step"], state["start"], state["trained_s"], state["seen"]
    if options.compile:
        model.model.compile(dynamic=True)
    stream = batches(tokenizer, options.seed, start, options.batch_tokens)
    began, total, began_seen = time.monotonic() - trained_s, 0.0, seen
    report_from = time.monotonic()
    while step < options.steps:
        batch, start = next(stream)
        loss = loss_of(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        for one, full in zip(optimizing, full_rates, strict=True):
            one.param_groups[0]["lr"] = full * rate(step, options.steps)
            one.step()
            one.zero_grad()
        step, total, seen = step + 1, total + loss.item(), seen + batch.ids.numel()
        if step % REPORT_EVERY == 0:
            trained_s, now = time.monotonic() - began, time.monotonic()
            print(json.dumps({
                "step": step, "loss": round(total / REPORT_EVERY, 4), "tokens": seen, "trained_s": round(trained_s),
                "tokens_per_s": round((seen - began_seen) / (now - report_from)),
            }), flush=True)  # fmt: skip
            total, began_seen, report_from = 0.0, seen, now
        if step % SAVE_EVERY == 0 or step == options.steps:
            torch.save({
                "model": model.state_dict(), "optimizers": [one.state_dict() for one in optimizing], "step": step,
                "start": start, "trained_s": time.monotonic() - began, "seen": seen,
            }, saved)  # fmt: skip
    export(model, tokenizer, options.out)


if __name__ == "__main__":
    main()
