"""Training `skyhook-scenes-video` from the weights of `skyhook-scenes` on, as a function does it."""

from collections.abc import Iterator
from pathlib import Path

import torch
from msgspec.structs import replace

from skyhook.function import Progress
from skyhook_functions.imagine.small.checkpoint import IMAGE_TYPE, load
from skyhook_functions.imagine.small.words import Words
from skyhook_functions.training.imagine.batches import Stream
from skyhook_functions.training.imagine.train import Length, Run, video_recipe, widened
from skyhook_functions.training.imagine.train_reader import trained_reader
from skyhook_functions.training.imagine.wording import vocabulary
from skyhook_functions.training.machine import spare_processes


def trained_videos(
    checkpoints: Path, out: Path, pictures: Path, *, steps: int, batch: int, reader_steps: int, seed: int = 1
) -> Iterator[Progress]:
    """Trains from what is in the checkpoints on, or from the model of pictures in a folder, and writes to `out`.

    The codec is that of the pictures. A finished reader, which learns the words for motion, counts as a step.
    """
    torch.manual_seed(seed)
    words, processes = Words(vocabulary()), spare_processes()
    recipe, base = video_recipe(words), load(pictures, IMAGE_TYPE)
    stream = Stream(recipe.sampler, words, recipe.shape.words, recipe.shape.frames, seed)
    reader = trained_reader(checkpoints, recipe.shape, stream, reader_steps, processes)
    yield Progress(step=1, steps=steps + 1, loss=0.0, tokens_per_s=0.0, is_saved=True)
    run = Run(recipe, stream, base.codec, reader, checkpoints, seed)
    run.start_from(widened(base.network, recipe.shape))
    run.read()
    for progress in run.go(Length(steps, None), batch, processes):
        yield replace(progress, step=1 + progress.step, steps=steps + 1)
    run.export(out)
