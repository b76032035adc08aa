"""What training a small language model takes, whatever it learns: loss, optimizers, and a run that can be resumed.

A run writes `last.pt` into its checkpoints; the number of the pool of samples that it is in is kept with it, so that
a stopped run goes on about where it stopped.
"""

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import GenerationConfig, LlamaForCausalLM

from skyhook.function import Progress
from skyhook_functions.training.course import Course
from skyhook_functions.training.machine import device, made_ahead, write_whole

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

    def to(self, where: torch.device) -> "Batch":
        """The same on another device."""
        return Batch(self.ids.to(where), self.weights.to(where))


Sample = tuple[list[int], list[float]]  # token ids, and the weight of each in the loss


def padded(samples: list[Sample]) -> Batch:
    """A batch of samples, with padding on the right that weighs nothing."""
    shape = (len(samples), max(len(ids) for ids, _ in samples))
    batch = Batch(torch.zeros(shape, dtype=torch.long), torch.zeros(shape))
    for row, (ids, weights) in enumerate(samples):
        batch.ids[row, : len(ids)] = torch.tensor(ids)
        batch.weights[row, : len(ids)] = torch.tensor(weights)
    return batch


def batched(pool: list[Sample], tokens: int, seed: int) -> list[Batch]:
    """The samples of a pool in batches of about `tokens` tokens, like with like in length, in an order by the seed."""
    groups: list[list[Sample]] = [[]]
    for sample in sorted(pool, key=lambda sample: len(sample[0])):
        if len(sample[0]) * (len(groups[-1]) + 1) > tokens:
            groups.append([])
        groups[-1].append(sample)
    random.Random(seed).shuffle(groups)
    return [padded(group) for group in groups if group]


Pool = Callable[[int], list[Batch]]  # the batches of the pool of samples with a number


def pool(sample: Callable[[int], Sample], tokens: int, size: int, number: int) -> list[Batch]:
    """The batches of about `tokens` tokens of pool `number`, which has `size` samples."""
    return batched([sample(number * size + offset) for offset in range(size)], tokens, number)


def loss_of(model: LlamaForCausalLM, batch: Batch) -> Tensor:
    """Weighted mean cross-entropy in nats. Padding is on the right, so causal attention hides it."""
    weights = batch.weights[:, 1:]
    with torch.autocast(batch.ids.device.type, dtype=torch.bfloat16):
        hidden = model.model(input_ids=batch.ids[:, :-1], use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[weights > 0])
    losses = functional.cross_entropy(logits.float(), batch.ids[:, 1:][weights > 0], reduction="none")
    return losses @ weights[weights > 0] / weights.sum()


@torch.no_grad()
def mean_loss(model: LlamaForCausalLM, batches: Sequence[Batch]) -> float:
    """The loss on some batches, in nats a token."""
    weights = [float(batch.weights[:, 1:].sum()) for batch in batches]
    losses = [float(loss_of(model, batch.to(model.device))) for batch in batches]
    return sum(loss * weight for loss, weight in zip(losses, weights, strict=True)) / sum(weights)


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
    model: LlamaForCausalLM, pools: Pool, course: Course, held_out: Sequence[Batch] = ()
) -> Iterator[Progress]:
    """Trains from the last checkpoint on where there is one, on the GPU where there is one.

    Gives how far it has come now and then, and each time that a checkpoint is written: then also the loss on what
    is held out.
    """
    steps, saved, where = course.steps, course.checkpoints / "last.pt", device()
    model.to(where)
    optimizing = optimizers(model)
    full_rates = [one.param_groups[0]["lr"] for one in optimizing]
    step, first, trained_s, seen = 0, 0, 0.0, 0
    if saved.exists():
        state = torch.load(saved, weights_only=True, map_location=where)
        model.load_state_dict(state["model"])
        for one, values in zip(optimizing, state["optimizers"], strict=True):
            one.load_state_dict(values)
        step, first, trained_s, seen = state["step"], state["pool"], state["trained_s"], state["seen"]
    if course.compile_model:
        model.model.compile(dynamic=True)
    began, total, counted, loss_now, speed = (
        time.monotonic() - trained_s,
        torch.zeros((), device=where),
        0,
        0.0,
        0.0,
    )
    reported_at, reported_seen = time.monotonic(), seen
    for number, batch in _batches(pools, first, course.sampling_processes):
        if step >= steps:
            break
        loss = loss_of(model, batch.to(where))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        for one, full in zip(optimizing, full_rates, strict=True):
            one.param_groups[0]["lr"] = full * course.rate * rate(step, steps)
            one.step()
            one.zero_grad()
        step, seen = step + 1, seen + batch.ids.numel()
        total, counted = total + loss.detach(), counted + 1
        is_report, is_saved = step % REPORT_EVERY == 0, step % SAVE_EVERY == 0 or step == steps
        if is_report or is_saved:
            now = time.monotonic()
            loss_now, speed = total.item() / counted, (seen - reported_seen) / (now - reported_at)
            total, counted, reported_at, reported_seen = torch.zeros_like(total), 0, now, seen
        if is_saved:
            write_whole({
                "model": model.state_dict(), "optimizers": [one.state_dict() for one in optimizing], "step": step,
                "pool": number, "trained_s": time.monotonic() - began, "seen": seen,
            }, saved)  # fmt: skip
        if is_report or is_saved:
            yield Progress(
                step=step,
                steps=steps,
                loss=loss_now,
                held_out_loss=mean_loss(model, held_out) if is_saved and held_out else None,
                tokens_per_s=speed,
                is_saved=is_saved,
            )


def kept_tokenizer(file: Path, make: Callable[[], Tokenizer]) -> Tokenizer:
    """The tokenizer in a file, which is made and written there first where there is none."""
    if not file.exists():
        beside = file.with_suffix(".new")
        make().save(str(beside))
        os.replace(beside, file)
    return Tokenizer.from_file(str(file))


def _batches(pools: Pool, first: int, processes: int) -> Iterator[tuple[int, Batch]]:
    for number, batches in made_ahead(pools, first, processes):
        for batch in batches:
            yield number, batch


def export(
    model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path, *, end: str, pad: str, longest: int
) -> None:
    """Writes the model in bfloat16 in the format of transformers; it answers greedily, at most `longest` tokens."""
    ids = {"eos_token_id": tokenizer.token_to_id(end), "pad_token_id": tokenizer.token_to_id(pad)}
    model.config.update(ids)
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())  # from wherever it was trained to this machine's memory
    copy.generation_config = GenerationConfig(**ids, do_sample=False, max_new_tokens=longest)
    copy.bfloat16().save_pretrained(folder)
