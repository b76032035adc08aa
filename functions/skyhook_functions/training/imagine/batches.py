"""Batches of captions and pictures, or videos, drawn on the fly from a seed and a position in the stream."""

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from skyhook_functions.imagine.small.flow import to_tensor
from skyhook_functions.imagine.small.video import to_moments
from skyhook_functions.imagine.small.words import Words
from skyhook_functions.training.imagine.films import Film
from skyhook_functions.training.imagine.meaning import answers
from skyhook_functions.training.imagine.scenes import description, scene
from skyhook_functions.training.imagine.wording import caption

Sampler = Callable[[random.Random], Film]


@dataclass(frozen=True)
class Batch:
    """Right answers [B, questions] and frames [B, T, frames, 3, H, W].

    `later` [B] is true where the motion had begun before the first frame, which must then be given.
    """

    answers: Tensor
    frames: Tensor
    later: Tensor

    def to(self, where: torch.device) -> "Batch":
        """The same on another device."""
        return Batch(self.answers.to(where), self.frames.to(where), self.later.to(where))


def picture(rng: random.Random) -> Film:
    """A trained combination as a film of one frame."""
    said = description(rng, of_held=False)
    return Film(said, (scene(rng, said),), later=False)


def generator(seed: int, index: int) -> random.Random:
    """What decides sample number `index`."""
    return random.Random(f"{seed}/{index}")


@dataclass(frozen=True)
class Stream:
    """An endless sequence of samples."""

    sampler: Sampler
    words: Words
    length: int  # words of a caption
    per_moment: int  # frames
    seed: int

    def captions(self, start: int, count: int) -> tuple[Tensor, Tensor]:
        """Word ids and right answers of `count` samples from position `start` on."""
        texts, right = [], []
        for index in range(start, start + count):
            rng = generator(self.seed, index)
            said = self.sampler(rng).said
            texts.append(caption(rng, said))
            right.append(answers(said))
        return self.words.encode(texts, self.length), torch.tensor(right)

    def batch(self, start: int, count: int) -> Batch:
        """What the captions of the same samples mean, and their frames."""
        films = [self.sampler(generator(self.seed, index)) for index in range(start, start + count)]
        frames = [to_moments(to_tensor(film.frames()), self.per_moment) for film in films]
        later = torch.tensor([film.later for film in films])
        right = torch.tensor([answers(film.said) for film in films])
        return Batch(right, torch.stack(frames), later)
