"""Whether a trained model is good enough: its bars are reached, and nothing got worse beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

from skyhook.function import Compared, Score
from skyhook.plugins.manifest import Bar

CHANCE = 0.01
"""How likely it may be, over all scores together, that a model which is no worse is refused as worse."""


def reasons_against(scores: Sequence[Score], gate: Sequence[Bar]) -> list[str]:
    """Why the model must not be published, a sentence each; empty where it may."""
    by_name = {score.name: score for score in scores}
    reasons = []
    for bar in gate:
        score = by_name.get(bar.score)
        if score is None or score.cases == 0:
            reasons.append(f"{bar.score} was not evaluated.")
        elif score.right < bar.at_least * score.cases:
            reasons.append(f"{bar.score} is {score.right / score.cases:.1%}, below {bar.at_least:.1%}.")
    compared = [score for score in scores if score.compared is not None]
    for score in compared:
        if score.compared is not None and likelihood(score.compared) < CHANCE / len(compared):
            reasons.append(
                f"{score.name} is worse than what is published: of {score.cases} cases {score.compared.lost} "
                f"were lost and {score.compared.gained} gained, which is no chance."
            )
    return reasons


def likelihood(compared: Compared) -> float:
    """How likely as many losses or more are where gains and losses are equally likely: an exact sign test."""
    changed = compared.gained + compared.lost
    ways = sum(comb(changed, lost) for lost in range(compared.lost, changed + 1))
    return float(ways / 2**changed)


def share(score: Score) -> str:
    """A score for people, with that of the published model where there is one."""
    text = f"{score.right / max(1, score.cases):.1%} ({score.right} of {score.cases})"
    if score.compared is None:
        return text
    before = score.right - score.compared.gained + score.compared.lost
    return f"{text}, published {before / max(1, score.cases):.1%}"
