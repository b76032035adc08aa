"""Chooses the next token of every stream of a batch at once."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skyhook_functions.chat.messages import Sampling

NUCLEUS = 256
"""So many of the likeliest tokens are sorted for top-p; the whole vocabulary only if they do not reach it."""

SMALLEST_TEMPERATURE = 1e-30


class Sampler:
    """The sampling of the rows of one batch, in their order.

    A row's random numbers depend only on its seed and on how many tokens it has, so that its tokens do not
    depend on the batch around it.
    """

    def __init__(self, settings: Sequence[Sampling], seeds: Sequence[int], made: Sequence[int]) -> None:
        """`made` counts the tokens that each row has generated already."""
        self._seeds = _mix(np.array(seeds, dtype=np.uint64))
        self._made = np.array(made, dtype=np.uint64)
        random = [row for row, s in enumerate(settings) if s.temperature > 0]
        self._plain = torch.tensor([row for row in random if settings[row].top_p == 1], dtype=torch.long)
        self._nucleus = torch.tensor([row for row in random if settings[row].top_p < 1], dtype=torch.long)
        # One too small for 32 bits would be a division of 0 by 0.
        self._temperature = torch.tensor([[s.temperature] for s in settings]).clamp(min=SMALLEST_TEMPERATURE)
        self._top_p = torch.tensor([[s.top_p] for s in settings], dtype=torch.float64)

    def sample(self, logits: Tensor) -> Tensor:
        """The next token of each row, [rows], from [rows, vocabulary]."""
        tokens = logits.argmax(-1)
        if len(self._plain) or len(self._nucleus):
            uniform = torch.from_numpy(_uniform(self._seeds, self._made))[:, None]
            if len(rows := self._plain):
                tokens[rows] = _draw(self._probabilities(logits, rows), uniform[rows])
            if len(rows := self._nucleus):
                tokens[rows] = _draw_nucleus(
                    self._probabilities(logits, rows), self._top_p[rows], uniform[rows]
                )
        self._made += np.uint64(1)
        return tokens

    def _probabilities(self, logits: Tensor, rows: Tensor) -> Tensor:
        chosen = logits[rows].float()
        # The largest logit goes to 0 first, so that a tiny temperature cannot make infinities of both signs.
        return ((chosen - chosen.amax(-1, keepdim=True)) / self._temperature[rows]).softmax(-1)


def new_seed(seed: int | None) -> int:
    """A seed of 64 bits: the given one, or a fresh one."""
    return secrets.randbits(64) if seed is None else seed % 2**64


def _draw(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """The token at which the cumulated probability passes `uniform` ([rows, 1], in [0, 1))."""
    cumulated = probabilities.double().cumsum(-1)
    chosen = torch.searchsorted(cumulated, uniform * cumulated[:, -1:], right=True)
    return chosen.clamp_(max=cumulated.shape[-1] - 1).squeeze(-1)


def _draw_nucleus(probabilities: Tensor, top_p: Tensor, uniform: Tensor) -> Tensor:
    """The same among the likeliest tokens that together reach `top_p` ([rows, 1])."""
    values, tokens = probabilities.topk(min(NUCLEUS, probabilities.shape[-1]))
    cumulated = values.double().cumsum(-1)
    if bool((cumulated[:, -1:] < top_p).any()) and values.shape[-1] < probabilities.shape[-1]:
        values, tokens = probabilities.sort(dim=-1, descending=True)
        cumulated = values.double().cumsum(-1)
    last = torch.searchsorted(cumulated, top_p).clamp_(max=cumulated.shape[-1] - 1)
    target = uniform * cumulated.gather(-1, last)
    chosen = torch.minimum(torch.searchsorted(cumulated, target, right=True), last)
    return tokens.gather(-1, chosen).squeeze(-1)


def _uniform(seeds: NDArray[np.uint64], counters: NDArray[np.uint64]) -> NDArray[np.float64]:
    """One number in [0, 1) for each pair: SplitMix64 with the counter as its state."""
    mixed = _mix(seeds + (counters + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
