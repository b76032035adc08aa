"""Train `skyhook-scenes` from scratch: `python -m skyhook_functions.training.imagine.train`.

With `--video`, its weights become `skyhook-scenes-video` and are trained on moving scenes. A stopped run goes on
from its last checkpoint. Data is drawn on the fly from the seed.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace
from torch import Tensor

from skyhook.function import Progress
from skyhook_functions.imagine.small.checkpoint import (
    IMAGE_TYPE,
    VIDEO_TYPE,
    Checkpoint,
    Defaults,
    load,
    save,
)
from skyhook_functions.imagine.small.codec import Codec
from skyhook_functions.imagine.small.network import Network, Reader, Shape
from skyhook_functions.imagine.small.words import Words
from skyhook_functions.training.imagine.batches import Batch, Sampler, Stream, picture
from skyhook_functions.training.imagine.films import trained_film
from skyhook_functions.training.imagine.meaning import ANSWERS, certain
from skyhook_functions.training.imagine.optimizing import optimizers, set_rates
from skyhook_functions.training.imagine.train_codec import sharpen, trained_codec
from skyhook_functions.training.imagine.train_reader import trained_reader
from skyhook_functions.training.imagine.wording import vocabulary
from skyhook_functions.training.machine import device, made_ahead, show, spare_processes, write_whole
from skyhook_functions.training.scoring import SHIPPED

WARM_UP = 50  # steps
DECAY_SHARE = 0.6  # of all steps, at the end, in which the learning rate falls to zero
CLIP_NORM = 1.0
AVERAGE = 0.998  # share of the averaged weights that a step keeps
CAPTIONS_DROPPED = 0.1
TIME_SPREAD = 1.3  # of the logit of the trained times
LEAST_LEFT = 0.05  # of the way from noise to clean, which bounds the weight of late times in the loss
REPORT_EVERY, SAVE_EVERY = 25, 100  # steps
PARTS = 2  # before the network: the codec and the reader


@dataclass(frozen=True)
class Recipe:
    """What differs between pictures and video."""

    model_type: str
    shape: Shape
    sampler: Sampler
    defaults: Defaults
    context: tuple[float, ...]  # chance that so many first moments are given clean
    time_mean: float  # of the logit of the trained times: early ones decide what goes where
    full_rate: float  # highest learning rate, as a share of the optimizers'


def picture_recipe(words: Words) -> Recipe:
    """How `skyhook-scenes` is trained."""
    shape = Shape(vocabulary=len(words), answers=ANSWERS)
    return Recipe(IMAGE_TYPE, shape, picture, Defaults(), (1.0,), -0.6, full_rate=0.7)


def video_recipe(words: Words) -> Recipe:
    """How `skyhook-scenes-video` is trained, from the weights of `skyhook-scenes` on."""
    shape = Shape(vocabulary=len(words), answers=ANSWERS, frames=3, moments=6)
    frames = 1 + shape.frames * (shape.moments - 1)
    return Recipe(
        VIDEO_TYPE, shape, lambda rng: trained_film(rng, frames), Defaults(steps=16, delay=3.0),
        (0.4, 0.3, 0.3), -1.0, full_rate=0.6,
    )  # fmt: skip


def widened(pictures: Network, shape: Shape) -> dict[str, Tensor]:
    """The weights of a network for pictures as those of one for video, which starts by drawing each frame alike."""
    weights = dict(Network(shape).state_dict())
    for name, value in pictures.state_dict().items():
        if name == "inward.weight":
            weights[name] = value.repeat(1, shape.frames) / shape.frames
        elif name in {"outward.weight", "outward.bias"}:
            weights[name] = value.repeat(shape.frames, *[1] * (value.ndim - 1))
        elif name != "moment":
            weights[name] = value
    return weights


def times_of(later: Tensor, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Random times [B, T], and which of them [B, T] are to be learned rather than given."""
    count, where = len(later), later.device
    drawn = torch.sigmoid(recipe.time_mean + TIME_SPREAD * torch.randn(count, 1, device=where))
    given = torch.multinomial(torch.tensor(recipe.context, device=where), count, replacement=True)
    moments = torch.arange(recipe.shape.moments, device=where)
    learned = moments >= torch.maximum(given, later.long())[:, None]
    return torch.where(learned, drawn, 1.0), learned


def loss_of(network: Network, codec: Codec, recipe: Recipe, batch: Batch) -> Tensor:
    """Mean squared error of the flow's direction where it is learned."""
    where = batch.frames.device
    with torch.no_grad(), torch.autocast(where.type, dtype=torch.bfloat16):
        cells = codec.encode(batch.frames).float()
    told = torch.rand(len(batch.answers), device=where) >= CAPTIONS_DROPPED
    times, learned = times_of(batch.later, recipe)
    at = times[..., None, None, None, None]
    noisy = at * cells + (1.0 - at) * torch.randn_like(cells)
    with torch.autocast(where.type, dtype=torch.bfloat16):
        clean = network(noisy, times, network.meaning(certain(batch.answers), told))
    errors = (clean.float() - cells).square().mean(dim=(2, 3, 4, 5))
    weights = learned / (1.0 - times).clamp(min=LEAST_LEFT).square()
    return (errors * weights).sum() / learned.sum()


def rate(step: int, done: float) -> float:
    """Share of the full learning rate when a share of the run is done: warm-up, constant, then linear to zero."""
    return min(1.0, (step + 1) / WARM_UP, max(0.0, (1.0 - done) / DECAY_SHARE))


@dataclass(frozen=True)
class Length:
    """How long a run is: so many steps, or so many seconds of training where that is given."""

    steps: int
    seconds: float | None

    def done(self, step: int, trained_s: float) -> float:
        """The share that is done; 1 at the end."""
        return min(1.0, step / self.steps if self.seconds is None else trained_s / self.seconds)


class Run:
    """A training run: all that changes while it goes on."""

    def __init__(
        self, recipe: Recipe, stream: Stream, codec: Codec, reader: Reader, folder: Path, seed: int
    ) -> None:
        self.where = device()
        self.recipe, self.stream, self.reader, self.seed = recipe, stream, reader, seed
        self.codec = codec.to(self.where)
        self.saved = folder / "last.pt"
        self.network = Network(recipe.shape).to(self.where)
        self.network.reader.requires_grad_(requires_grad=False)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}
        self.optimizing = optimizers(self.network)
        self.step, self.position, self.trained_s = 0, 0, 0.0

    def state(self) -> dict[str, Any]:
        """All of it, to be written."""
        return {
            "network": self.network.state_dict(), "average": self.average,
            "optimizers": [one.state_dict() for one in self.optimizing], "step": self.step,
            "position": self.position, "trained_s": self.trained_s,
        }  # fmt: skip

    def write(self) -> None:
        """Write the checkpoint, whole or not at all."""
        write_whole(self.state(), self.saved)

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begin with given weights."""
        self.network.load_state_dict(weights)
        self.average = {name: value.detach().clone() for name, value in self.network.state_dict().items()}

    def read(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if not self.saved.exists():
            return
        state = torch.load(self.saved, weights_only=True, map_location=self.where)
        self.network.load_state_dict(state["network"])
        self.average = state["average"]
        for one, values in zip(self.optimizing, state["optimizers"], strict=True):
            one.load_state_dict(values)
        self.step, self.position, self.trained_s = state["step"], state["position"], state["trained_s"]
        torch.manual_seed(self.seed + self.step)

    def batches(self, size: int, processes: int) -> Iterator[Batch]:
        """The rest of the stream; the position is kept as they are taken."""
        start = self.position
        for number, batch in made_ahead(lambda n: self.stream.batch(start + n * size, size), 0, processes):
            self.position = start + (number + 1) * size
            yield batch.to(self.where)

    def update(self, share: float) -> None:
        """Apply the gradients at a share of the full learning rates."""
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP_NORM)
        set_rates(self.optimizing, self.recipe.full_rate * share)
        for one in self.optimizing:
            one.step()
            one.zero_grad()
        kept = min(AVERAGE, (1 + self.step) / (10 + self.step))
        now = self.network.state_dict()
        torch._foreach_lerp_(list(self.average.values()), [now[name] for name in self.average], 1.0 - kept)

    def go(self, length: Length, batch_size: int, processes: int) -> Iterator[Progress]:
        """Train until the end, with batches made ahead by so many processes; gives how far it has come."""
        began, reported = time.monotonic() - self.trained_s, time.monotonic()
        losses: list[float] = []
        for batch in self.batches(batch_size, processes):
            if (done := length.done(self.step, self.trained_s)) >= 1.0:
                break
            loss = loss_of(self.network, self.codec, self.recipe, batch)
            loss.backward()
            self.update(rate(self.step, done))
            losses.append(loss.item())
            self.step, self.trained_s = self.step + 1, time.monotonic() - began
            is_saved = self.step % SAVE_EVERY == 0 or length.done(self.step, self.trained_s) >= 1.0
            if is_saved:
                self.write()
            if is_saved or self.step % REPORT_EVERY == 0:
                now = time.monotonic()
                yield Progress(
                    step=self.step,
                    steps=max(length.steps, self.step),
                    loss=sum(losses) / len(losses),
                    tokens_per_s=batch_size * len(losses) / (now - reported),
                    is_saved=is_saved,
                )
                losses, reported = [], now

    def export(self, folder: Path) -> None:
        """Write the averaged weights as a model."""
        network = Network(self.recipe.shape)
        network.load_state_dict(self.average)
        network.reader = self.reader
        words, defaults = self.stream.words, self.recipe.defaults
        save(folder, self.recipe.model_type, Checkpoint(network, self.codec.cpu(), words, defaults))


def trained_pictures(
    checkpoints: Path,
    out: Path,
    *,
    steps: int,
    batch: int = 64,
    seed: int = 1,
    codec_s: float,
    reader_steps: int,
) -> Iterator[Progress]:
    """Trains the model of pictures, part by part, from what is in the checkpoints on, and writes it to `out`.

    A finished codec counts as a step, and so does a finished reader; the network's steps come after them.
    """
    torch.manual_seed(seed)
    words, processes = Words(vocabulary()), spare_processes()
    recipe = picture_recipe(words)
    shape = recipe.shape
    stream = Stream(recipe.sampler, words, shape.words, shape.frames, seed)
    codec = trained_codec(checkpoints, seed, codec_s, processes)
    total = steps + PARTS
    yield Progress(step=1, steps=total, loss=0.0, tokens_per_s=0.0, is_saved=True)
    reader = trained_reader(checkpoints, shape, stream, reader_steps, processes)
    yield Progress(step=PARTS, steps=total, loss=0.0, tokens_per_s=0.0, is_saved=True)
    run = Run(recipe, stream, codec, reader, checkpoints, seed)
    run.read()
    for progress in run.go(Length(steps, None), batch, processes):
        yield replace(progress, step=PARTS + progress.step, steps=total)
    run.export(out)


def main() -> None:
    """Train, report and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--video", action="store_true", help="train the model of video, from that of pictures"
    )
    parser.add_argument("--steps", type=int, help="3400, or 1600 for video")
    parser.add_argument(
        "--minutes", type=float, help="the length of the run in place of steps, all parts together"
    )
    parser.add_argument(
        "--codec-minutes", type=float, default=20.0, help="before all else, if there is none yet"
    )
    parser.add_argument(
        "--reader-steps", type=int, default=1500, help="after the codec, if there is no reader yet"
    )
    parser.add_argument(
        "--sharpen-minutes", type=float, default=0.0, help="train the decoder of a finished codec further"
    )
    parser.add_argument("--batch", type=int, help="64 pictures or 8 videos")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--processes", type=int, help="that draw samples; with a GPU one for each core but one"
    )
    parser.add_argument("--shipped", action="store_true", help="begin with the shipped weights")
    parser.add_argument("--compile", action="store_true", help="faster after a minute; needs a C++ compiler")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints/imagine"))
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument(
        "--export", action="store_true", help="write the model of the last checkpoint and stop"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    words = Words(vocabulary())
    recipe = video_recipe(words) if options.video else picture_recipe(words)
    folder = options.checkpoints / recipe.model_type
    folder.mkdir(parents=True, exist_ok=True)
    processes = spare_processes() if options.processes is None else options.processes
    shape = recipe.shape
    stream = Stream(recipe.sampler, words, shape.words, shape.frames, options.seed)
    if options.shipped:
        shipped = load(SHIPPED / recipe.model_type, recipe.model_type)
        codec, reader = shipped.codec, shipped.network.reader
    else:
        codec = trained_codec(options.checkpoints, options.seed, 60 * options.codec_minutes, processes)
        reader = trained_reader(folder, shape, stream, options.reader_steps, processes)
    if options.sharpen_minutes:
        seconds = 60 * options.sharpen_minutes
        sharpen(codec, options.checkpoints, options.seed + 1, seconds, processes)
    run = Run(recipe, stream, codec, reader, folder, options.seed)
    if options.shipped:
        run.start_from(shipped.network.state_dict())
    elif options.video:
        run.start_from(widened(load(options.out / IMAGE_TYPE, IMAGE_TYPE).network, shape))
    run.read()
    if options.compile:
        run.network.compile()
    if not options.export:
        steps, batch_size = (1600, 8) if options.video else (3400, 64)
        seconds = options.minutes and 60 * options.minutes
        show(run.go(Length(options.steps or steps, seconds), options.batch or batch_size, processes))
    run.export(options.out / recipe.model_type)


if __name__ == "__main__":
    main()
