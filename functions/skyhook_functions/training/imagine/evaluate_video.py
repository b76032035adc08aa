"""Scoring `skyhook-scenes-video` in its three uses; run by `evaluate --video`."""

import argparse
import random
import time
from collections.abc import Callable
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
class Shown:
    """A caption, what it says, what was given and made, and the checker's verdict on both together."""

    text: str
    said: Description
    frames: Pixels
    jump: float  # of 255: mean difference between the last given frame and the first new one; 0 if none is given
    verdict: FilmVerdict


ROWS: dict[str, Callable[[FilmVerdict], bool]] = {
    "colours, shapes and number in most frames": lambda verdict: verdict.things,
    "motion": lambda verdict: verdict.motion,
    "background": lambda verdict: verdict.background,
    "**all right**": lambda verdict: verdict.everything,
}


def shoot(model: SmallVideo, options: argparse.Namespace, index: int, given: int) -> Shown:
    """Film one held-out caption, after `given` frames of a true film, and watch it."""
    rng = random.Random(f"video/{options.seed}/{options.trained}/{index}")
    said = film_description(rng, of_held=not options.trained)
    text = caption(rng, said, held=not options.trained)
    before = film(rng, said, max(1, given), later=False).frames()[:given]
    request = VideoRequest(
        text, seed=rng.getrandbits(30), given=before, steps=options.steps, guidance=options.guidance
    )
    *_, last = model.segment(request)
    frames = np.concatenate((before, last.frames)) if given else last.frames
    jump = float(np.abs(before[-1].astype(int) - last.frames[0]).mean()) if given else 0.0
    return Shown(text, said, frames, jump, watch(frames, said))


def table(results: dict[str, list[Shown]]) -> str:
    """The scores as a markdown table."""
    lines = [f"| what is right | {' | '.join(USES)} |", "|---" * (len(USES) + 1) + "|"]
    for title, right in ROWS.items():
        shares = [sum(right(one.verdict) for one in every) / len(every) for every in results.values()]
        lines.append(f"| {title} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    lines.append("| videos | " + " | ".join(str(len(every)) for every in results.values()) + " |")
    return "\n".join(lines)


def score_videos(options: argparse.Namespace) -> str:
    """Score `skyhook-scenes-video`."""
    model = SmallVideo(options.weights / VIDEO_TYPE)
    count, results, began = options.count or 60, dict[str, list[Shown]](), time.monotonic()
    for use, given in USES.items():
        results[use] = [shoot(model, options, index, given) for index in range(count)]
        for one in [one for one in results[use] if not one.verdict.everything][: options.show]:
            print(use, "|", one.text, "|", *(name for name, good in vars(one.verdict).items() if not good))
        print(f"{use}: jump {np.mean([one.jump for one in results[use]]):.1f}", flush=True)
    print(f"{(time.monotonic() - began) / (count * len(USES)):.1f} s a segment, with watching it")
    if options.sheet:
        for use, every in results.items():
            write_sheet(every, options.sheet.with_stem(f"{options.sheet.stem}-{USES[use]}"))
    return table(results)


def write_sheet(every: list[Shown], file: Path) -> None:
    """Some frames of each video, one video a row."""
    chosen = [frame for one in every for frame in one.frames[:: len(one.frames) // SHOWN_FRAMES + 1]]
    columns = len(every[0].frames[:: len(every[0].frames) // SHOWN_FRAMES + 1])
    sheet(chosen, columns, file)
