"""Score the shipped models on held-out captions: `python -m skyhook_functions.training.imagine.evaluate`.

Each caption says a combination that training never showed, in a phrasing that it never used; a checker looks at
what is drawn. The scores are written into the model cards.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from skyhook_functions.imagine.small.checkpoint import IMAGE_TYPE, VIDEO_TYPE
from skyhook_functions.imagine.small.flow import Pixels
from skyhook_functions.imagine.small.images import ImageRequest, SmallImagine
from skyhook_functions.training.imagine.checker import Verdict, judge, look
from skyhook_functions.training.imagine.evaluate_video import score_videos
from skyhook_functions.training.imagine.scenes import UNSEEN, Description, description
from skyhook_functions.training.imagine.sheets import sheet
from skyhook_functions.training.imagine.wording import caption
from skyhook_functions.training.scoring import SHIPPED, write_card

SHEET_COLUMNS = 12
RELATED = ("beside", "above", "inside")


@dataclass(frozen=True)
class Case:
    """A caption, what it says, and the seed to draw it from."""

    text: str
    said: Description
    seed: int


@dataclass(frozen=True)
class Result:
    """A case, what was drawn, and what the checker says of it."""

    case: Case
    picture: Pixels
    verdict: Verdict


def cases(count: int, seed: int, *, held: bool) -> Iterator[Case]:
    """Captions for combinations and phrasings that are held out, or for trained ones."""
    for index in range(count):
        rng = random.Random(f"evaluate/{seed}/{held}/{index}")
        said = description(rng, of_held=held)
        yield Case(caption(rng, said, held=held), said, rng.getrandbits(30))


def unseen(said: Description) -> bool:
    """Whether a thing has a colour that training never showed with its shape."""
    return any((kind.shape, kind.colour) in UNSEEN for kind in (said.first, said.second) if kind)


ROWS: dict[str, tuple[Callable[[Description], bool], Callable[[Verdict], bool]]] = {
    "colours": (lambda said: True, lambda verdict: verdict.colours),
    "shapes": (lambda said: True, lambda verdict: verdict.shapes),
    "number of things, where it is not one": (lambda said: said.count > 1, lambda verdict: verdict.count),
    "relation: left, right, above, below, inside": (lambda said: said.arrangement in RELATED, lambda verdict: verdict.relation),
    "size, where it is said": (
        lambda said: bool(said.first.size or (said.second and said.second.size)), lambda verdict: verdict.sizes,
    ),
    "background, where it is said": (lambda said: bool(said.background), lambda verdict: verdict.background),
    "nothing else in the picture": (lambda said: True, lambda verdict: verdict.clean),
    "**all right**": (lambda said: True, lambda verdict: verdict.everything),
    "all right: a single thing": (lambda said: said.arrangement == "single", lambda verdict: verdict.everything),
    "all right: two to four of the same": (lambda said: said.arrangement == "many", lambda verdict: verdict.everything),
    "all right: two things": (lambda said: said.second is not None, lambda verdict: verdict.everything),
    "all right: a colour never trained with its shape": (unseen, lambda verdict: verdict.everything),
}  # fmt: skip


def table(results: list[Result]) -> str:
    """The scores as a markdown table."""
    lines = ["| what is right | share | cases |", "|---|---|---|"]
    for title, (counts, right) in ROWS.items():
        chosen = [one for one in results if counts(one.case.said)]
        good = sum(right(one.verdict) for one in chosen)
        lines.append(f"| {title} | {good / max(1, len(chosen)):.1%} | {good} of {len(chosen)} |")
    return "\n".join(lines)


def draw_all(
    model: SmallImagine, every: list[Case], steps: int | None, guidance: float | None
) -> list[Result]:
    """Draw each case and look at it."""
    results = []
    for case in every:
        *_, last = model.images(ImageRequest(case.text, seed=case.seed, steps=steps, guidance=guidance))
        results.append(Result(case, last.images[0], judge(case.said, look(last.images[0]))))
    return results


def drawn_by(weights: Path, every: list[Case]) -> list[Result]:
    """What the model in a folder draws for each case."""
    return draw_all(SmallImagine(weights), every, None, None)


def judged(results: list[Result]) -> list[tuple[str, bool]]:
    """For each row of the table and each case that counts for it, the row and whether it is right."""
    return [
        (title.strip("*"), is_right(one.verdict))
        for title, (counts, is_right) in ROWS.items()
        for one in results
        if counts(one.case.said)
    ]


def score_pictures(options: argparse.Namespace) -> str:
    """Score `skyhook-scenes`."""
    model = SmallImagine(options.weights / IMAGE_TYPE)
    every = list(cases(options.count or 400, options.seed, held=not options.trained))
    began = time.monotonic()
    results = draw_all(model, every, options.steps, options.guidance)
    print(f"{(time.monotonic() - began) / len(every):.2f} s a picture")
    for one in [one for one in results if not one.verdict.everything][: options.show]:
        print(one.case.text, "|", *(name for name, good in vars(one.verdict).items() if not good))
    if options.sheet:
        sheet([one.picture for one in results], SHEET_COLUMNS, options.sheet)
    return table(results)


def main() -> None:
    """Score, print, write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", action="store_true", help="score the model of video")
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    parser.add_argument("--count", type=int, help="captions: 400, or 60 for each use of video")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trained", action="store_true", help="trained combinations and phrasings; no card")
    parser.add_argument("--show", type=int, default=0, help="captions of wrong ones to print")
    parser.add_argument("--sheet", type=Path, help="picture file to which to write what was drawn")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    text = score_videos(options) if options.video else score_pictures(options)
    print(text)
    card = options.weights / (VIDEO_TYPE if options.video else IMAGE_TYPE) / "README.md"
    if card.exists() and not options.trained:
        write_card(card, text)


if __name__ == "__main__":
    main()
