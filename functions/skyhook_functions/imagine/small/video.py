"""Video from captions, from a first picture or from the end of another video, with `skyhook-scenes-video`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from skyhook_functions.imagine.small.checkpoint import VIDEO_TYPE, load
from skyhook_functions.imagine.small.codec import STRIDE
from skyhook_functions.imagine.small.flow import Guide, Pixels, decode, encode, noise, schedule, walk


@dataclass(frozen=True)
class VideoRequest:
    """One segment to film."""

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    given: Pixels | None = None  # [k, size, size, 3]: the frames before, the last of which are continued
    steps: int | None = None  # None for the model's default
    guidance: float | None = None  # 1 follows the prompt without emphasis and is twice as fast


@dataclass(frozen=True)
class VideoStep:
    """State after a step. After the last, `done == total`, the frames are the result; before, a preview."""

    done: int
    total: int
    frames: Pixels  # [n, size, size, 3], new ones only: without those given


class SmallVideo:
    """A loaded `skyhook-scenes-video`. Not for several threads at a time.

    The same request gives the same bytes on the same machine with the same number of torch threads. The model
    sees `1 + n * f` frames at a time: a first one and moments of f frames. Of the given frames it uses as
    many of the last as make up such a number, at most `context`.
    """

    def __init__(self, folder: Path) -> None:
        """Load from a weights folder; ValueError when it holds another kind of model."""
        self.checkpoint = load(folder, VIDEO_TYPE)
        self.shape = self.checkpoint.network.shape
        self.size: int = STRIDE * self.shape.side  # px, of the square frames
        self.fps: float = self.checkpoint.defaults.fps
        self.frames_per_segment: int = 1 + (self.shape.moments - 1) * self.shape.frames  # given ones included
        self.context: int = 1 + self.shape.frames  # most frames of those given that are used
        self.steps, self.guidance = self.checkpoint.defaults.steps, self.checkpoint.defaults.guidance

    def used(self, given: int) -> int:
        """How many of so many given frames are used."""
        if given == 0:
            return 0
        return 1 + (min(given, self.context) - 1) // self.shape.frames * self.shape.frames

    def new_frames(self, given: int) -> int:
        """How many frames a segment adds to so many given ones."""
        return self.frames_per_segment - self.used(given)

    def segment(self, request: VideoRequest) -> Iterator[VideoStep]:
        """Film; yields after every step, and computes nothing between: to stop, ask for no more."""
        network, words, defaults = self.checkpoint.network, self.checkpoint.words, self.checkpoint.defaults
        known = self.known(request.given)
        captions = words.encode([request.prompt, request.negative_prompt], network.shape.words)
        guide = Guide(network, captions, self.guidance if request.guidance is None else request.guidance)
        times = schedule(request.steps or self.steps, defaults.delay)
        shape = self.shape
        random = noise(request.seed, (shape.moments, shape.frames, shape.numbers, shape.side, shape.side))
        skipped = 0 if known is None else len(known)
        for done, (_, _, clean) in enumerate(walk(guide, random, times, known), start=1):
            frames = decode(self.checkpoint.codec, new_frames(clean, skipped))
            yield VideoStep(done, len(times) - 1, frames)

    def known(self, given: Pixels | None) -> Tensor | None:
        """The used ones of the given frames as moments [k, frames, C, H, W]."""
        if given is None or len(given) == 0:
            return None
        if given.shape[1:] != (self.size, self.size, 3):
            raise ValueError(f"given frames must be {self.size} x {self.size} pixels of 3 bytes")
        cells = encode(self.checkpoint.codec, given[-self.used(len(given)) :])
        return to_moments(cells, self.shape.frames)


def new_frames(moments: Tensor, skipped: int) -> Tensor:
    """The frames [n, C, H, W] after the first `skipped` moments of [T, frames, C, H, W]."""
    if skipped:
        return moments[skipped:].flatten(0, 1)
    first = moments[0].mean(dim=0, keepdim=True)
    return torch.cat((first, moments[1:].flatten(0, 1)))


def to_moments(frames: Tensor, per_moment: int) -> Tensor:
    """Frames [1 + n * f, C, H, W] as moments [1 + n, f, C, H, W], the first of them a frame repeated."""
    first = frames[:1].expand(per_moment, -1, -1, -1)
    return torch.cat((first, frames[1:])).unflatten(0, (-1, per_moment))
