"""Training the codec of `skyhook-scenes`; run by `train` before all else."""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skyhook_functions.imagine.small.codec import Codec
from skyhook_functions.imagine.small.flow import to_tensor
from skyhook_functions.training.imagine.batches import picture
from skyhook_functions.training.imagine.drawing import BACKGROUNDS, COLOURS, SHAPES, SIZE, Scene, Thing, draw
from skyhook_functions.training.imagine.films import trained_film
from skyhook_functions.training.machine import device, made_ahead, write_whole

FILE = "codec.pt"
BATCH = 32  # pictures
LEARNING_RATE = 2e-3
WARM_UP = 30  # steps
NOISE = 0.1  # put on cells, as a share of their size: so near ones come to mean alike pictures
MOST_NOISE = 0.3  # the same where the decoder learns alone: as much as the network gets wrong
SMALL = 14  # px, the largest radius of what is hard to decode
SMALL_SHARE = 0.75  # of the pictures from which the decoder learns alone
EDGE_WEIGHT = 8.0  # of pixels near an edge, beside 1 of others: they decide which shape is seen
EDGE_WIDTH = 5  # px
SHARPENED = 0.4  # time that the decoder learns alone, as a share of that before
REPORT_EVERY = 25  # steps
MEASURED = 512  # pictures that say the middle and the spread of the cells


def clutter(rng: random.Random) -> Scene:
    """Any things anywhere, also over each other and across the edge: all that a film can come to show."""
    things = tuple(
        Thing(
            rng.choice(SHAPES), rng.choice(tuple(COLOURS)), rng.uniform(0, SIZE), rng.uniform(0, SIZE),
            rng.choice((rng.uniform(7, 15), rng.uniform(9, 32))),
        )
        for _ in range(rng.randint(1, 4))
    )  # fmt: skip
    return Scene(things, rng.choice(BACKGROUNDS))


def any_scene(rng: random.Random) -> Scene:
    """Clutter, or a scene of a picture or a film that the network is trained on."""
    kind = rng.choice(("clutter", "picture", "picture", "film"))
    if kind == "clutter":
        return clutter(rng)
    return picture(rng).scenes[0] if kind == "picture" else trained_film(rng, 1).scenes[0]


def hard_scene(rng: random.Random) -> Scene:
    """Mostly a scene with something small in it."""
    while rng.random() < SMALL_SHARE:
        scene = picture(rng).scenes[0]
        if any(thing.radius <= SMALL for thing in scene.things):
            return scene
    return any_scene(rng)


Sample = Callable[[random.Random], Scene]


def pictures(sample: Sample, seed: int, start: int, count: int) -> Tensor:
    """`count` pictures [count, 3, SIZE, SIZE] from a position of the stream on."""
    scenes = [sample(random.Random(f"codec/{seed}/{index}")) for index in range(start, start + count)]
    return to_tensor(np.stack([draw(scene) for scene in scenes])).contiguous(
        memory_format=torch.channels_last
    )


def loss_of(codec: Codec, clean: Tensor) -> Tensor:
    """The loss of the codec.

    In float32, because the gradients of convolutions in bfloat16 take four times as long on a CPU.
    """
    cells = codec.encode(clean)
    cells = cells / cells.square().mean(dim=(0, 2, 3), keepdim=True).sqrt()
    pixels = codec.decode(cells + NOISE * torch.randn_like(cells))
    return functional.l1_loss(pixels, clean) + functional.mse_loss(pixels, clean)


def decoder_loss_of(codec: Codec, clean: Tensor) -> Tensor:
    """The loss of the decoder alone, with the cells as they are: mostly of edges."""
    with torch.no_grad():
        cells = codec.encode(clean)
        noise = MOST_NOISE * torch.rand(len(cells), 1, 1, 1, device=cells.device)
        weights = 1.0 + EDGE_WEIGHT * edges(clean)
    wrong = codec.decode(cells + noise * torch.randn_like(cells)) - clean
    return (wrong.abs() * weights).mean() + (wrong.square() * weights).mean()


def edges(clean: Tensor) -> Tensor:
    """How much pictures [B, 3, H, W] change near each pixel [B, 1, H, W], at most 1."""
    across = (clean[..., 1:] - clean[..., :-1]).abs().amax(dim=1, keepdim=True)
    down = (clean[..., 1:, :] - clean[..., :-1, :]).abs().amax(dim=1, keepdim=True)
    steps = torch.maximum(functional.pad(across, (0, 1)), functional.pad(down, (0, 0, 0, 1)))
    return functional.max_pool2d(steps.clamp(max=1.0), EDGE_WIDTH, 1, EDGE_WIDTH // 2)


@torch.no_grad()
def measure(codec: Codec, seed: int) -> None:
    """Make cells of the size that the decoder knows, and set their middle and spread."""
    cells = codec.encode(pictures(any_scene, seed, 0, MEASURED))
    size = cells.square().mean(dim=(0, 2, 3)).sqrt()
    cells = cells / size[:, None, None]
    last = codec.encoder[-1]
    last.weight.copy_(last.weight / size[:, None, None, None])
    last.bias.copy_(last.bias / size)
    codec.middle.copy_(cells.mean(dim=(0, 2, 3))[:, None, None])
    codec.spread.copy_(cells.std(dim=(0, 2, 3))[:, None, None])


Loss = Callable[[Codec, Tensor], Tensor]


def fit(
    codec: Codec,
    weights: list[nn.Parameter],
    loss_function: Loss,
    sample: Sample,
    seed: int,
    seconds: float,
    processes: int,
) -> None:
    """Train some of the weights for so long, then end with a learning rate of zero; the codec returns to the CPU."""
    where = device()
    codec.to(where, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(weights, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    began, total = time.monotonic(), 0.0
    for step, clean in made_ahead(lambda number: pictures(sample, seed, number * BATCH, BATCH), 0, processes):
        if (done := (time.monotonic() - began) / seconds) >= 1.0:
            break
        loss = loss_function(codec, clean.to(where))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * min(1.0, (step + 1) / WARM_UP, 1.5 * (1.0 - done))
        optimizer.step()
        optimizer.zero_grad()
        total += loss.item()
        if (step + 1) % REPORT_EVERY == 0:
            elapsed = round(time.monotonic() - began)
            print(
                json.dumps({"codec": step + 1, "loss": round(total / REPORT_EVERY, 4), "s": elapsed}),
                flush=True,
            )
            total = 0.0
    codec.cpu()


def trained_codec(folder: Path, seed: int, seconds: float, processes: int) -> Codec:
    """The codec of a folder of checkpoints, trained there for so long if there is none."""
    codec = Codec()
    file = folder / FILE
    if file.exists():
        codec.load_state_dict(torch.load(file, weights_only=True))
        return codec
    fit(codec, list(codec.parameters()), loss_of, any_scene, seed, seconds, processes)
    measure(codec, seed)
    sharpen(codec, folder, seed + 1, SHARPENED * seconds, processes)
    return codec


def sharpen(codec: Codec, folder: Path, seed: int, seconds: float, processes: int) -> None:
    """Train the decoder of a finished codec further; what its cells mean stays, so networks need no training."""
    fit(codec, list(codec.decoder.parameters()), decoder_loss_of, hard_scene, seed, seconds, processes)
    write_whole(codec.state_dict(), folder / FILE)
