"""Scores of a trained model, beside those of the published one on the very same cases, and the card that tells them."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from skyhook.function import Compared, Score

SHIPPED = Path(__file__).parents[1] / "weights"
"""The folder of the weights that ship, in one named by each model."""


def scores(
    groups: Sequence[str], right: Sequence[bool], published: Sequence[bool] | None = None
) -> list[Score]:
    """A score for each group of cases, in the order in which the groups come first."""
    found = []
    for name in dict.fromkeys(groups):
        places = [place for place, group in enumerate(groups) if group == name]
        compared = published and Compared(
            gained=sum(right[place] and not published[place] for place in places),
            lost=sum(published[place] and not right[place] for place in places),
        )
        count = sum(right[place] for place in places)
        found.append(Score(name=name, right=count, cases=len(places), compared=compared or None))
    return found


def write_card(card: Path, scores: str) -> None:
    """Puts scores between the card's score marks."""
    old = card.read_text(encoding="utf-8")
    new = f"<!-- scores -->\n{scores}\n<!-- end of scores -->"
    pattern = r"<!-- scores -->.*?<!-- end of scores -->"
    card.write_text(re.sub(pattern, lambda _: new, old, flags=re.DOTALL), encoding="utf-8")


def with_card(weights: Path, model: str, scores: str) -> None:
    """Gives weights that were trained the card of the model that ships, with scores of their own."""
    shutil.copyfile(SHIPPED / model / "README.md", weights / "README.md")
    write_card(weights / "README.md", scores)
