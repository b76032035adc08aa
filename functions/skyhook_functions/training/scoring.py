"""Scores of a trained model, beside those of the published one on the very same cases."""

from collections.abc import Sequence

from skyhook.function import Compared, Score


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
