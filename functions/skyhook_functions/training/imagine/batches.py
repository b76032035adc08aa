"""Batches of captions and pictures, or videos, drawn on the fly from a seed and a position in the stream."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skyhook_functions.imagine.small.flow import Pixels, to_tensor
from skyhook_functions.imagine.small.video import to_moments
from skyhook_functions.imagine.small.words import Words
from skyhook_functions.training.imagine.drawing import draw
from skyhook_functions.training.imagine.meaning import answers
from skyhook_functions.training.imagine.scenes import Description, description, scene
from skyhook_functions.training.imagine.wording import caption

Sampler = Callable[[random.Random], tuple[Description, Pixels]]  # a description and its frames [n, H, W, 3]


@dataclass(frozen=True)
class Batch:
    """Word ids [B, words], right answers of the quiz [B, questions] and clean frames [B, T, frames, 3, H, W]."""

    ids: Tensor
    answers: Tensor
    frames: Tensor


def picture(rng: random.Random) -> tuple[Description, Pixels]:
    """A trained combination and its picture, as a single frame."""
    said = description(rng, of_held=False)
    return said, draw(scene(rng, said))[None]


def generator(seed: int, index: int) -> random.Random:
    """What decides sample number `index`."""
    return random.Random(f"{seed}/{index}")


def captions_at(words: Words, length: int, seed: int, start: int, count: int) -> tuple[Tensor, Tensor]:
    """Word ids and right answers of `count` captions without their pictures."""
    texts, right = [], []
    for index in range(start, start + count):
        rng = generator(seed, index)
        said = description(rng, of_held=False)
        texts.append(caption(rng, said))
        right.append(answers(said))
    return words.encode(texts, length), torch.tensor(right)


def batch_at(
    words: Words, length: int, sampler: Sampler, per_moment: int, seed: int, start: int, count: int
) -> Batch:
    """`count` samples from position `start` of the stream on; captions of `length` words."""
    texts, right, frames = [], [], []
    for index in range(start, start + count):
        rng = generator(seed, index)
        said, pixels = sampler(rng)
        texts.append(caption(rng, said))
        right.append(answers(said))
        frames.append(to_moments(to_tensor(np.ascontiguousarray(pixels)), per_moment))
    return Batch(words.encode(texts, length), torch.tensor(right), torch.stack(frames))
