"""Scoring `skyhook-scenes-video` in its three uses; run by `evaluate --video`."""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skyhook_functions.imagine.small.checkpoint import VIDEO_TYPE
from skyhook_functions.imagine.small.flow import Pixels
from skyhook_functions.imagine.small.video import SmallVideo, VideoRequest
from skyhook_functions.training.imagine.films import film, film_description
from skyhook_functions.training.imagine.scenes import Description
from skyhook_functions.training.imagine.sheets import sheet
from skyhook_functions.training.imagine.watching import FilmVerdict, watch
from skyhook_functions.training.imagine.wording import caption

USES = {"from a caption": 0, "from a first picture": 1, "continued": 4}  # and how many true frames are given
SHOWN_FRAMES = 9  # of a video on the contact sheet


@dataclass(frozen=True)
class Take:
    """A caption to film, what it says, the true frames before, and the seed."""

    use: str
    text: str
    said: Description
    before: Pixels
    seed: int


@dataclass(frozen=True)
class Shown:
    """What was to be filmed, the frames given and made, and the checker's verdict on both together."""

    take: Take
    frames: Pixels
    jump: float  # of 255: mean difference between the last given frame and the first new one; 0 if none is given
    verdict: FilmVerdict


ROWS: dict[str, Callable[[FilmVerdict], bool]] = {
    "colours, shapes and number in most frames": lambda verdict: verdict.things,
    "motion": lambda verdict: verdict.motion,
    "background": lambda verdict: verdict.background,
    "**all right**": lambda verdict: verdict.everything,
}


def takes(count: int, seed: int, *, held: bool) -> Iterator[Take]:
    """For each use, so many captions for combinations and phrasings that are held out, or for trained ones."""
    for use, given in USES.items():
        for index in range(count):
            rng = random.Random(f"video/{seed}/{not held}/{index}")
            said = film_description(rng, of_held=held)
            text = caption(rng, said, held=held)
            before = film(rng, said, max(1, given), later=False).frames()[:given]
            yield Take(use, text, said, before, rng.getrandbits(30))


def shoot(model: SmallVideo, take: Take, steps: int | None, guidance: float | None) -> Shown:
    """Film it, and watch it."""
    request = VideoRequest(take.text, seed=take.seed, given=take.before, steps=steps, guidance=guidance)
    *_, last = model.segment(request)
    is_given = len(take.before) > 0
    frames = np.concatenate((take.before, last.frames)) if is_given else last.frames
    jump = float(np.abs(take.before[-1].astype(int) - last.frames[0]).mean()) if is_given else 0.0
    return Shown(take, frames, jump, watch(frames, take.said))


def filmed_by(weights: Path, every: list[Take]) -> list[Shown]:
    """What the model in a folder films of each."""
    model = SmallVideo(weights)
    return [shoot(model, take, None, None) for take in every]


def by_use(results: list[Shown]) -> dict[str, list[Shown]]:
    """The results of each use."""
    return {use: [one for one in results if one.take.use == use] for use in USES}


def judged(results: list[Shown]) -> list[tuple[str, bool]]:
    """For each row and column of the table and each video of it, both and whether it is right."""
    return [
        (f"{title.strip('*')}, {use}", is_right(one.verdict))
        for title, is_right in ROWS.items()
        for use, every in by_use(results).items()
        for one in every
    ]


def table(results: list[Shown]) -> str:
    """The scores as a markdown table."""
    lines = [f"| what is right | {' | '.join(USES)} |", "|---" * (len(USES) + 1) + "|"]
    columns = by_use(results).values()
    for title, right in ROWS.items():
        shares = [sum(right(one.verdict) for one in every) / len(every) for every in columns]
        lines.append(f"| {title} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    lines.append("| videos | " + " | ".join(str(len(every)) for every in columns) + " |")
    return "\n".join(lines)


def score_videos(options: argparse.Namespace) -> str:
    """Score `skyhook-scenes-video`."""
    model, began = SmallVideo(options.weights / VIDEO_TYPE), time.monotonic()
    every = takes(options.count or 60, options.seed, held=not options.trained)
    results = [shoot(model, take, options.steps, options.guidance) for take in every]
    print(f"{(time.monotonic() - began) / len(results):.1f} s a segment, with watching it")
    for use, shown in by_use(results).items():
        for one in [one for one in shown if not one.verdict.everything][: options.show]:
            print(
                use, "|", one.take.text, "|", *(name for name, good in vars(one.verdict).items() if not good)
            )
        print(f"{use}: jump {np.mean([one.jump for one in shown]):.1f}")
        if options.sheet:
            write_sheet(shown, options.sheet.with_stem(f"{options.sheet.stem}-{USES[use]}"))
    return table(results)


def write_sheet(every: list[Shown], file: Path) -> None:
    """Some frames of each video, one video a row."""
    chosen = [frame for one in every for frame in one.frames[:: len(one.frames) // SHOWN_FRAMES + 1]]
    columns = len(every[0].frames[:: len(every[0].frames) // SHOWN_FRAMES + 1])
    sheet(chosen, columns, file)
