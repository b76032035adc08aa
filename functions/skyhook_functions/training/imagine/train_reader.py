"""Training the reader of captions; run by `train` before the network, which needs no captions to learn to draw."""

import json
import time
from itertools import islice
from pathlib import Path

import torch

from skyhook_functions.imagine.small.network import Reader, Shape
from skyhook_functions.training.imagine.batches import Stream
from skyhook_functions.training.imagine.meaning import misread
from skyhook_functions.training.imagine.optimizing import optimizers, set_rates
from skyhook_functions.training.machine import device, made_ahead, write_whole

FILE = "reader.pt"
BATCH = 256  # captions
WARM_UP = 50  # steps
DECAY_SHARE = 0.6  # of the steps, at the end, in which the learning rate falls to zero
REPORT_EVERY = 50  # steps


def trained_reader(folder: Path, shape: Shape, stream: Stream, steps: int, processes: int) -> Reader:
    """The reader of a folder of checkpoints, trained there for so many steps if there is none."""
    reader = Reader(shape)
    file = folder / FILE
    if file.exists():
        reader.load_state_dict(torch.load(file, weights_only=True))
        return reader
    where = device()
    optimizing = optimizers(reader.to(where))
    began, total = time.monotonic(), 0.0
    for step, (ids, right) in islice(
        made_ahead(lambda number: stream.captions(number * BATCH, BATCH), 0, processes), steps
    ):
        with torch.autocast(where.type, dtype=torch.bfloat16):
            loss = misread(reader(ids.to(where)), right.to(where))
        loss.backward()
        set_rates(optimizing, min(1.0, (step + 1) / WARM_UP, (1.0 - step / steps) / DECAY_SHARE))
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        for one in optimizing:
            one.step()
            one.zero_grad()
        total += loss.item()
        if (step + 1) % REPORT_EVERY == 0:
            elapsed = round(time.monotonic() - began)
            print(
                json.dumps({"reader": step + 1, "loss": round(total / REPORT_EVERY, 4), "s": elapsed}),
                flush=True,
            )
            total = 0.0
    write_whole(reader.cpu().state_dict(), file)
    return reader
