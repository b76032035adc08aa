"""Pixels to a small grid of numbers and back: the network draws on that grid, where there is little to learn.

A cell stands for STRIDE x STRIDE pixels. Its numbers are about 1 in size; small errors in them do not show.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 12  # px, of a cell: 3 by taking pixels as channels, then twice 2 by convolution
FIRST = 3
NUMBERS = 12  # of a cell
WIDTHS = (48, 96, 128)  # channels at 1/3, 1/6 and 1/12 of the picture's size
GROUPS = 8


class Residual(nn.Module):  # type: ignore[misc]
    """Two convolutions beside a straight way."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.inward = nn.Conv2d(width, width, 3, padding=1)
        self.outward = nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.outward.weight)
        nn.init.zeros_(self.outward.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """[B, width, H, W] to the same."""
        return inputs + self.outward(functional.silu(self.inward(functional.silu(self.norm(inputs)))))


def widen(inward: int, outward: int) -> nn.Module:
    """Twice as large; the channels are mixed before, where there are fewer pixels."""
    return nn.Sequential(nn.Conv2d(inward, 4 * outward, 1), nn.PixelShuffle(2))


class Codec(nn.Module):  # type: ignore[misc]
    """An encoder and a decoder."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(FIRST),
            nn.Conv2d(3 * FIRST**2, fine, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(fine, middle, 3, stride=2, padding=1),
            Residual(middle),
            nn.Conv2d(middle, coarse, 3, stride=2, padding=1),
            Residual(coarse),
            nn.Conv2d(coarse, NUMBERS, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(NUMBERS, coarse, 3, padding=1),
            Residual(coarse),
            Residual(coarse),
            widen(coarse, middle),
            Residual(middle),
            widen(middle, fine),
            Residual(fine),
            nn.GroupNorm(GROUPS, fine),
            nn.SiLU(),
            nn.Conv2d(fine, 3 * FIRST**2, 3, padding=1),
            nn.PixelShuffle(FIRST),
        )
        self.register_buffer("middle", torch.zeros(NUMBERS, 1, 1))
        self.register_buffer("spread", torch.ones(NUMBERS, 1, 1))

    def encode(self, pixels: Tensor) -> Tensor:
        """Pixels from -1 to 1 [..., 3, H, W] as cells [..., NUMBERS, H / STRIDE, W / STRIDE]."""
        cells = self.encoder(pixels.flatten(0, -4))
        return ((cells - self.middle) / self.spread).unflatten(0, pixels.shape[:-3])

    def decode(self, cells: Tensor) -> Tensor:
        """Cells [..., NUMBERS, H, W] as pixels [..., 3, H * STRIDE, W * STRIDE]."""
        pixels = self.decoder(cells.flatten(0, -4) * self.spread + self.middle)
        return pixels.unflatten(0, cells.shape[:-3])
