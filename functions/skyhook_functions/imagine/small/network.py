"""A small diffusion transformer that predicts clean cells of a picture from noisy ones and a caption.

One architecture serves pictures and video. A picture is one moment of 1 frame; a video is several moments of
`frames` frames, whose first moment is a single frame repeated, so that any number `1 + n * frames` fits.

Shapes: B samples, T moments, C numbers of a cell, H x W cells of a frame, S = H * W, D width.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

TIME_WAVES = 128  # frequencies that describe a noise level
ROTARY_BASE = 100.0  # the slowest wave turns once in about 600 cells


@dataclass(frozen=True)
class Shape:
    """The dimensions of a network; saved in its config.json."""

    vocabulary: int
    answers: tuple[int, ...]  # how many possible ones each question about a caption has
    side: int = 8  # cells along a side of the square picture
    numbers: int = 12  # of a cell
    frames: int = 1  # of a moment
    moments: int = 1
    width: int = 256
    depth: int = 6
    heads: int = 4
    hidden: int = 640
    text_depth: int = 2
    words: int = 28  # read of a caption
    slots: int = 8  # vectors that the answers become


def rotary_angles(shape: Shape) -> Tensor:
    """Angles [T * S, half a head] that turn queries and keys: a quarter for time, the rest for place."""
    half = shape.width // shape.heads // 2
    of_time = half // 4
    of_place = (half - of_time) // 2
    counts = (of_time, of_place, half - of_time - of_place)
    axes = torch.meshgrid(
        torch.arange(shape.moments), torch.arange(shape.side), torch.arange(shape.side), indexing="ij"
    )
    parts = [
        axis.flatten()[:, None] * ROTARY_BASE ** (-torch.arange(count) / count)
        for axis, count in zip(axes, counts, strict=True)
    ]
    return torch.cat(parts, dim=1)


def turn(values: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary position: turn the halves of each head [B, heads, N, head] by the angles of its position."""
    first, second = values.chunk(2, dim=-1)
    return torch.cat((first * cosine - second * sine, first * sine + second * cosine), dim=-1).type_as(values)


class Attention(nn.Module):  # type: ignore[misc]
    """Self-attention with normalized queries and keys, which may also look at given keys and values."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.inward = nn.Linear(width, 3 * width, bias=False)
        self.outward = nn.Linear(width, width, bias=False)
        self.query_norm = nn.RMSNorm(width // heads, eps=1e-6)
        self.key_norm = nn.RMSNorm(width // heads, eps=1e-6)

    def split(self, values: Tensor) -> Tensor:
        """[B, N, D] as [B, heads, N, head]."""
        return values.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(
        self,
        inputs: Tensor,
        mask: Tensor | None = None,
        angles: tuple[Tensor, Tensor] | None = None,
        extra: Tensor | None = None,
    ) -> Tensor:
        """[B, N, D] to itself; `extra` [B, M, 2 D] are more keys, values; `mask` is true where to look."""
        queries, keys, values = (self.split(part) for part in self.inward(inputs).chunk(3, dim=-1))
        queries, keys = self.query_norm(queries), self.key_norm(keys)
        if angles is not None:
            queries, keys = turn(queries, *angles), turn(keys, *angles)
        if extra is not None:
            more_keys, more_values = (self.split(part) for part in extra.chunk(2, dim=-1))
            keys = torch.cat((keys, self.key_norm(more_keys)), dim=2)
            values = torch.cat((values, more_values), dim=2)
        mixed = functional.scaled_dot_product_attention(
            queries.type_as(values), keys.type_as(values), values, attn_mask=mask
        )
        return self.outward(mixed.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):  # type: ignore[misc]
    """SwiGLU."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.inward = nn.Linear(width, 2 * hidden, bias=False)
        self.outward = nn.Linear(hidden, width, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., D] to the same."""
        gate, values = self.inward(inputs).chunk(2, dim=-1)
        return self.outward(functional.silu(gate) * values)


class TextBlock(nn.Module):  # type: ignore[misc]
    """One layer of the caption's reader."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.width, eps=1e-6)
        self.attention = Attention(shape.width, shape.heads)
        self.feed_norm = nn.RMSNorm(shape.width, eps=1e-6)
        self.feed = FeedForward(shape.width, shape.hidden)

    def forward(self, inputs: Tensor, mask: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
        """[B, N, D] to the same."""
        inputs = inputs + self.attention(self.attention_norm(inputs), mask=mask, angles=angles)
        return inputs + self.feed(self.feed_norm(inputs))


class Reader(nn.Module):  # type: ignore[misc]
    """Answers questions about a caption, given as word ids [B, words], such as which background it names."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        half = shape.width // shape.heads // 2
        places = torch.arange(shape.words)[:, None] * ROTARY_BASE ** (-torch.arange(half) / half)
        angles = torch.cat((torch.zeros(len(shape.answers), half), places))
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        self.words = nn.Embedding(shape.vocabulary, shape.width)
        self.questions = nn.Parameter(torch.randn(len(shape.answers), shape.width))
        self.blocks = nn.ModuleList(TextBlock(shape) for _ in range(shape.text_depth))
        self.norm = nn.RMSNorm(shape.width, eps=1e-6)
        self.answers = nn.ModuleList(nn.Linear(shape.width, count) for count in shape.answers)

    def forward(self, ids: Tensor) -> list[Tensor]:
        """The logits [B, possible answers] for each question. Id 0 is padding and is not looked at."""
        count = len(self.questions)
        questions = self.questions.expand(len(ids), -1, -1)
        mask = functional.pad(ids != 0, (count, 0), value=True)[:, None, None]
        mixed = torch.cat((questions, self.words(ids)), dim=1)
        for block in self.blocks:
            mixed = block(mixed, mask, (self.cosine, self.sine))
        read = self.norm(mixed[:, :count])
        return [answer(read[:, index]) for index, answer in enumerate(self.answers)]


class Meaning(nn.Module):  # type: ignore[misc]
    """Turns answers into the vectors that cells look at, so that phrasing does not change what is drawn."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.slots = nn.Linear(sum(shape.answers), shape.slots * shape.width)
        self.nothing = nn.Parameter(torch.randn(shape.slots * shape.width))

    def forward(self, answers: Tensor, told: Tensor) -> Tensor:
        """Chances of all answers [B, answers] as vectors [B, slots * D]; its own where not `told` [B]."""
        return torch.where(told[:, None], self.slots(answers), self.nothing)


class Block(nn.Module):  # type: ignore[misc]
    """One layer over cells, which looks at the caption and is modulated by each moment's noise level."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.width, eps=1e-6, elementwise_affine=False)
        self.attention = Attention(shape.width, shape.heads)
        self.caption = nn.Linear(shape.width, 2 * shape.width, bias=False)
        self.feed_norm = nn.RMSNorm(shape.width, eps=1e-6, elementwise_affine=False)
        self.feed = FeedForward(shape.width, shape.hidden)
        self.table = nn.Parameter(torch.zeros(6, shape.width))

    def forward(self, cells: Tensor, level: Tensor, caption: Tensor, angles: tuple[Tensor, Tensor]) -> Tensor:
        """Cells [B, T, S, D], modulation [B, T, 6, D] and the caption's vectors [B, slots, D]."""
        shift, scale, gate, feed_shift, feed_scale, feed_gate = (level + self.table)[:, :, :, None].unbind(2)
        inputs = self.attention_norm(cells) * (1 + scale) + shift
        mixed = self.attention(inputs.flatten(1, 2), angles=angles, extra=self.caption(caption))
        cells = cells + gate * mixed.view_as(cells)
        inputs = self.feed_norm(cells) * (1 + feed_scale) + feed_shift
        return cells + feed_gate * self.feed(inputs)


class Network(nn.Module):  # type: ignore[misc]
    """Noisy cells, their noise levels and a caption's vectors to clean cells."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.reader = Reader(shape)
        self.meaning = Meaning(shape)
        self.inward = nn.Linear(shape.frames * shape.numbers, width)
        self.place = nn.Parameter(0.02 * torch.randn(shape.side**2, width))
        self.moment = nn.Parameter(torch.zeros(shape.moments, 1, width))
        self.level = nn.Sequential(nn.Linear(2 * TIME_WAVES, width), nn.SiLU(), nn.Linear(width, width))
        self.gist = nn.Linear(shape.slots * width, width, bias=False)
        self.modulation = nn.Linear(width, 6 * width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.norm = nn.RMSNorm(width, eps=1e-6, elementwise_affine=False)
        self.last_modulation = nn.Linear(width, 2 * width)
        self.outward = nn.Linear(width, shape.frames * shape.numbers)
        angles = rotary_angles(shape)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        for layer in (self.modulation, self.last_modulation, self.outward):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def describe(self, times: Tensor) -> Tensor:
        """Times [B, T] as waves [B, T, 2 * TIME_WAVES]."""
        waves = torch.exp(torch.arange(TIME_WAVES, device=times.device) * (-math.log(1e4) / TIME_WAVES))
        angles = 1000.0 * times[..., None] * waves
        return torch.cat((angles.cos(), angles.sin()), dim=-1)

    def read(self, ids: Tensor) -> Tensor:
        """Captions as word ids [B, words] as the vectors [B, slots * D] of what they mean."""
        chances = [logits.float().softmax(dim=-1) for logits in self.reader(ids)]
        caption: Tensor = self.meaning(torch.cat(chances, dim=-1), (ids != 0).any(dim=1))
        return caption

    def forward(self, noisy: Tensor, times: Tensor, caption: Tensor) -> Tensor:
        """The clean cells [B, T, frames, C, H, W] seen in noisy ones.

        `times` [B, T] go from 0, pure noise, to 1, clean; `caption` [B, slots * D] is what `read` made.
        """
        inputs = noisy.flatten(2, 3).flatten(3).transpose(2, 3)
        cells = self.inward(inputs) + self.place + self.moment
        level = functional.silu(self.level(self.describe(times)) + self.gist(caption)[:, None])
        slots = caption.unflatten(1, (self.shape.slots, -1))
        modulation = self.modulation(level).unflatten(-1, (6, -1))
        angles = (self.cosine, self.sine)
        for block in self.blocks:
            cells = block(cells, modulation, slots, angles)
        shift, scale = self.last_modulation(level)[:, :, None].chunk(2, dim=-1)
        outputs = self.outward(self.norm(cells) * (1 + scale) + shift)
        return outputs.transpose(2, 3).reshape(noisy.shape)
