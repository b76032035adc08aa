"""What training a small language model takes, whatever it learns: loss, optimizers, and a run that can be resumed.

A run writes `last.pt` into its checkpoints; the position in the stream of samples is kept with it, so that a
stopped run goes on about where it stopped.
"""

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import GenerationConfig, LlamaForCausalLM

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


Sample = tuple[list[int], list[float]]  # token ids, and the weight of each in the loss


def padded(samples: list[Sample]) -> Batch:
    """A batch of samples, with padding on the right that weighs nothing."""
    shape = (len(samples), max(len(ids) for ids, _ in samples))
    batch = Batch(torch.zeros(shape, dtype=torch.long), torch.zeros(shape))
    for row, (ids, weights) in enumerate(samples):
        batch.ids[row, : len(ids)] = torch.tensor(ids)
        batch.weights[row, : len(ids)] = torch.tensor(weights)
    return batch


def batched(pool: list[Sample], tokens: int, seed: int) -> Iterator[Batch]:
    """The samples of a pool in batches of about `tokens` tokens, like with like in length, in an order by the seed."""
    groups: list[list[Sample]] = [[]]
    for sample in sorted(pool, key=lambda sample: len(sample[0])):
        if len(sample[0]) * (len(groups[-1]) + 1) > tokens:
            groups.append([])
        groups[-1].append(sample)
    random.Random(seed).shuffle(groups)
    yield from map(padded, filter(None, groups))


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


def train(
    model: LlamaForCausalLM,
    stream: Callable[[int], Iterator[tuple[Batch, int]]],
    *,
    steps: int,
    checkpoints: Path,
    compile_model: bool,
) -> None:
    """Trains up to `steps`, from the last checkpoint on where there is one.

    `stream` gives batches from a position on, each with the position to resume from.
    """
    saved = checkpoints / "last.pt"
    optimizing = optimizers(model)
    full_rates = [one.param_groups[0]["lr"] for one in optimizing]
    step, start, trained_s, seen = 0, 0, 0.0, 0
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        model.load_state_dict(state["model"])
        for one, values in zip(optimizing, state["optimizers"], strict=True):
            one.load_state_dict(values)
        step, start, trained_s, seen = state["step"], state["start"], state["trained_s"], state["seen"]
    if compile_model:
        model.model.compile(dynamic=True)
    batches = stream(start)
    began, total, began_seen = time.monotonic() - trained_s, 0.0, seen
    report_from = time.monotonic()
    while step < steps:
        batch, start = next(batches)
        loss = loss_of(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        for one, full in zip(optimizing, full_rates, strict=True):
            one.param_groups[0]["lr"] = full * rate(step, steps)
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
        if step % SAVE_EVERY == 0 or step == steps:
            torch.save({
                "model": model.state_dict(), "optimizers": [one.state_dict() for one in optimizing], "step": step,
                "start": start, "trained_s": time.monotonic() - began, "seen": seen,
            }, saved)  # fmt: skip


def export(
    model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path, *, end: str, pad: str, longest: int
) -> None:
    """Writes the model in bfloat16 in the format of transformers; it answers greedily, at most `longest` tokens."""
    ids = {"eos_token_id": tokenizer.token_to_id(end), "pad_token_id": tokenizer.token_to_id(pad)}
    model.config.update(ids)
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.generation_config = GenerationConfig(**ids, do_sample=False, max_new_tokens=longest)
    copy.bfloat16().save_pretrained(folder)
