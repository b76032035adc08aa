"""Pictures from captions with `skyhook-scenes`."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from skyhook_functions.imagine.small.checkpoint import IMAGE_TYPE, load
from skyhook_functions.imagine.small.codec import STRIDE
from skyhook_functions.imagine.small.flow import Guide, Pixels, decode, encode, noise, schedule, walk


@dataclass(frozen=True)
class ImageRequest:
    """What to draw. Picture number i of a request is drawn from `seed + i`, whatever is drawn beside it."""

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    count: int = 1
    steps: int | None = None  # of the whole way; None for the model's default
    guidance: float | None = None  # 1 follows the prompt without emphasis and is twice as fast
    start: Pixels | None = None  # [size, size, 3]: the picture to change
    strength: float = 0.7  # of the change to `start`: from 0, hardly any, to 1, all new
    mask: NDArray[np.bool_] | None = (
        None  # [size, size], true where `start` may change; the rest stays as it is
    )


@dataclass(frozen=True)
class ImageStep:
    """State after a step. After the last, `done == total`, the pictures are the result; before, a preview."""

    done: int
    total: int
    images: Pixels  # [count, size, size, 3]


class SmallImagine:
    """A loaded `skyhook-scenes`. Not for several threads at a time.

    The same request gives the same bytes on the same machine with the same number of torch threads.
    """

    def __init__(self, folder: Path) -> None:
        """Load from a weights folder; ValueError when it holds another kind of model."""
        self.checkpoint = load(folder, IMAGE_TYPE)
        self.size: int = STRIDE * self.checkpoint.network.shape.side  # px, of the square pictures
        self.steps, self.guidance = self.checkpoint.defaults.steps, self.checkpoint.defaults.guidance

    def images(self, request: ImageRequest) -> Iterator[ImageStep]:
        """Draw; yields after every step, and computes nothing between: to stop, ask for no more."""
        self.check(request)
        steps = request.steps or self.steps
        begin = 0.0 if request.start is None else 1.0 - request.strength
        times = schedule(steps, self.checkpoint.defaults.delay, begin)
        walks = [self.one(request, request.seed + index, times) for index in range(request.count)]
        for done, states in enumerate(zip(*walks, strict=True), start=1):
            yield ImageStep(done, len(times) - 1, np.stack(states))

    def check(self, request: ImageRequest) -> None:
        """ValueError when the request does not fit the model."""
        square = (self.size, self.size)
        if request.start is not None and request.start.shape != (*square, 3):
            raise ValueError(f"start must be {self.size} x {self.size} pixels of 3 bytes")
        if request.mask is not None and (request.start is None or request.mask.shape != square):
            raise ValueError(f"a mask needs a start, and must be {self.size} x {self.size}")

    def one(self, request: ImageRequest, seed: int, times: list[float]) -> Iterator[Pixels]:
        """Draw one picture by itself, so that it depends on no other; yields a preview a step."""
        network, codec, words = self.checkpoint.network, self.checkpoint.codec, self.checkpoint.words
        shape = network.shape
        captions = words.encode([request.prompt, request.negative_prompt], shape.words)
        guide = Guide(network, captions, self.guidance if request.guidance is None else request.guidance)
        random = noise(seed, (1, 1, shape.numbers, shape.side, shape.side))
        if request.start is None:
            yield from (decode(codec, clean[0])[0] for _, _, clean in walk(guide, random, times))
            return
        start = encode(codec, request.start[None])
        if request.mask is None:
            noisy = times[0] * start + (1.0 - times[0]) * random
            yield from (decode(codec, clean[0])[0] for _, _, clean in walk(guide, noisy, times))
            return
        for clean in inpainted(guide, start, random, times, torch.from_numpy(request.mask.copy())):
            yield np.where(request.mask[..., None], decode(codec, clean)[0], request.start)


def inpainted(
    guide: Guide, start: Tensor, random: Tensor, times: list[float], mask: Tensor
) -> Iterator[Tensor]:
    """Draw the cells that the mask [H, W] of pixels touches; after each step, put the others back.

    `start` [1, C, h, w] and what is yielded are cells; `random` [1, 1, C, h, w] is their noise.
    """
    touched = functional.max_pool2d(mask[None, None].float(), STRIDE)[0] > 0
    noisy = times[0] * start + (1.0 - times[0]) * random
    for leg in itertools.pairwise(times):
        _, noisy, clean = next(walk(guide, noisy, list(leg)))
        noisy = torch.where(touched, noisy, leg[1] * start + (1.0 - leg[1]) * random)
        yield torch.where(touched, clean[0], start)
