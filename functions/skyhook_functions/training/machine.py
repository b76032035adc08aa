"""Where a training runs: on a GPU where there is one, else on the CPU, and its samples made ahead by other processes."""

import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from skyhook.function import Progress

T = TypeVar("T")


def device() -> torch.device:
    """The GPU, or the CPU where there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def spare_processes() -> int:
    """How many processes may make samples: none on a CPU alone, which makes them faster than it learns from them."""
    return len(os.sched_getaffinity(0)) - 1 if torch.cuda.is_available() else 0


class _Numbered(Dataset, Generic[T]):  # type: ignore[misc]
    def __init__(self, make: Callable[[int], T]) -> None:
        self.make = make

    def __getitem__(self, number: int) -> tuple[int, T]:
        return number, self.make(number)


def made_ahead(make: Callable[[int], T], first: int, processes: int) -> Iterator[tuple[int, T]]:
    """What `make` gives for `first` and every later number, in their order, each with its number.

    So many processes make them ahead of their use; with none, each is made when it is asked for.
    """
    loader: Iterator[tuple[int, T]] = iter(
        DataLoader(
            _Numbered(make),
            batch_size=None,
            sampler=itertools.count(first),
            num_workers=processes,
            collate_fn=_as_it_is,
        )
    )
    return loader


def _as_it_is(made: T) -> T:
    return made


def write_whole(state: dict[str, Any], file: Path) -> None:
    """Writes a checkpoint, whole or not at all: what is killed meanwhile leaves the one before."""
    beside = file.with_suffix(".new")
    torch.save(state, beside)
    os.replace(beside, file)


def show(run: Iterable[Progress]) -> None:
    """Runs a training and prints how far it has come, a line of JSON each time."""
    for progress in run:
        shown = {
            "step": progress.step,
            "loss": round(progress.loss, 4),
            "per_s": round(progress.tokens_per_s),
        }
        if progress.held_out_loss is not None:
            shown["held_out_loss"] = round(progress.held_out_loss, 4)
        print(json.dumps(shown), flush=True)
