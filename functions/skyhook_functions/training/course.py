"""How a language model is trained, whatever it learns: the options of its command."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch

from skyhook_functions.training.machine import spare_processes


@dataclass(frozen=True, kw_only=True)
class Course:
    """A training up to so many steps, from its checkpoints on where there are some."""

    checkpoints: Path
    out: Path
    """Where the model is written."""
    steps: int
    batch_tokens: int
    """Tokens of a step, about."""
    seed: int = 1
    rate: float = 1.0
    """Share of the full learning rates: less for weights that know much already."""
    compile_model: bool = False
    processes: int | None = None
    """How many make samples; None for what suits the machine."""

    @property
    def sampling_processes(self) -> int:
        """How many processes make samples."""
        return spare_processes() if self.processes is None else self.processes


def command(description: str | None, usual: Course) -> argparse.ArgumentParser:
    """The options that every such command has, with a usual course for those that are not given."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--batch-tokens", type=int, default=usual.batch_tokens)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument(
        "--rate",
        type=float,
        default=usual.rate,
        help="share of the full learning rates: with less, weights that know much already forget less",
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="a quarter faster after minutes of compiling; needs a C++ compiler",
    )
    parser.add_argument(
        "--processes", type=int, help="that make samples; with a GPU one for each core but one"
    )
    parser.add_argument("--checkpoints", type=Path, default=usual.checkpoints)
    parser.add_argument("--out", type=Path, default=usual.out)
    return parser


def begun(options: argparse.Namespace, threads: int) -> Course:
    """The course that the options say, on so many threads, with its folder for checkpoints made."""
    torch.set_num_threads(threads)
    options.checkpoints.mkdir(parents=True, exist_ok=True)
    return Course(
        checkpoints=options.checkpoints,
        out=options.out,
        steps=options.steps,
        batch_tokens=options.batch_tokens,
        seed=options.seed,
        rate=options.rate,
        compile_model=options.compile,
        processes=options.processes,
    )
