"""Walking from noise to cells along the flow that a network predicts.

At time `t` a picture is `t * clean + (1 - t) * noise`. The network says what the clean picture is; the
straight line to it is followed to the next time.
"""

import itertools
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skyhook_functions.imagine.small.codec import Codec
from skyhook_functions.imagine.small.network import Network

Pixels = NDArray[np.uint8]
LEAST_LEFT = 1e-3  # of the way from noise to clean, so that no step divides by zero


def delayed(share: float, delay: float) -> float:
    """The time at a share of the steps: 0 and 1 stay, those between come later the larger the delay."""
    return share / (share + delay * (1.0 - share))


def schedule(steps: int, delay: float, start: float = 0.0) -> list[float]:
    """Times from that at the share `start` of all steps to 1; `steps` counts those of the whole way."""
    first = min(round(start * steps), steps - 1)
    return [delayed(index / steps, delay) for index in range(first, steps + 1)]


def noise(seed: int, like: tuple[int, ...]) -> Tensor:
    """Normal noise that depends on the seed and the dimensions alone."""
    return torch.randn(like, generator=torch.Generator().manual_seed(seed))


def to_tensor(pixels: Pixels) -> Tensor:
    """Bytes [..., H, W, 3] as numbers from -1 to 1 [..., 3, H, W]."""
    return torch.from_numpy(pixels.copy()).float().movedim(-1, -3) / 127.5 - 1.0


def to_pixels(values: Tensor) -> Pixels:
    """Numbers [..., 3, H, W] as bytes [..., H, W, 3]."""
    scaled = ((values.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)
    result: Pixels = scaled.movedim(-3, -1).contiguous().numpy()
    return result


@torch.inference_mode()
def encode(codec: Codec, pixels: Pixels) -> Tensor:
    """Pictures [n, H, W, 3] as cells [n, C, H, W]."""
    return codec.encode(to_tensor(pixels))


@torch.inference_mode()
def decode(codec: Codec, cells: Tensor) -> Pixels:
    """Cells [n, C, H, W] as pictures [n, H, W, 3]."""
    return to_pixels(codec.decode(cells))


class Guide:
    """Predicts the clean cells of one sample, led towards a caption and away from another."""

    def __init__(self, network: Network, captions: Tensor, guidance: float) -> None:
        """`captions` are the word ids [2, words] of what is wanted and of what is not."""
        self.network = network
        self.guidance = guidance
        with torch.inference_mode():
            self.captions = network.read(captions if guidance != 1.0 else captions[:1])

    @torch.inference_mode()
    def __call__(self, noisy: Tensor, times: Tensor) -> Tensor:
        """The clean cells in noisy ones [T, frames, C, H, W] of times [T]."""
        count = len(self.captions)
        clean = self.network(
            noisy.expand(count, *noisy.shape), times.expand(count, *times.shape), self.captions
        )
        if count == 1:
            return clean[0]
        return clean[1] + self.guidance * (clean[0] - clean[1])


def walk(
    guide: Guide, noisy: Tensor, times: list[float], known: Tensor | None = None
) -> Iterator[tuple[float, Tensor, Tensor]]:
    """Follow the flow; after each step yield the time, the cells at that time and what they will become.

    `noisy` is [T, frames, C, H, W]. The first may be `known` [k, frames, C, H, W]: they stay clean.
    """
    given = 0 if known is None else len(known)
    for now, then in itertools.pairwise(times):
        if known is not None:
            noisy = torch.cat((known, noisy[given:]))
        levels = torch.full((len(noisy),), now)
        levels[:given] = 1.0
        clean = guide(noisy, levels)
        noisy = noisy + (then - now) / max(1.0 - now, LEAST_LEFT) * (clean - noisy)
        yield then, noisy, clean
