"""The gate: what it lets pass, and how seldom chance makes it refuse."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhook.function import Compared, Score
from skyhook.plugins.manifest import Bar
from skyhook.training.gate import CHANCE, likelihood, reasons_against

GATE = (Bar("names", 0.9), Bar("lines", 0.2))


def score(name: str, right: int, compared: Compared | None = None) -> Score:
    return Score(name=name, right=right, cases=100, compared=compared)


def test_every_bar_must_be_reached() -> None:
    assert reasons_against([score("names", 90), score("lines", 20)], GATE) == []
    reasons = reasons_against([score("names", 89), score("lines", 19)], GATE)
    assert reasons == ["names is 89.0%, below 90.0%.", "lines is 19.0%, below 20.0%."]


def test_what_was_not_evaluated_does_not_pass() -> None:
    none = Score(name="lines", right=0, cases=0)
    reasons = reasons_against([score("names", 100), none], GATE)
    assert reasons == reasons_against([score("names", 100)], GATE) == ["lines was not evaluated."]


def test_worse_than_before_is_refused_also_without_a_bar() -> None:
    good = [score("names", 95), score("lines", 40)]
    few = score("blocks", 50, Compared(gained=4, lost=8))
    many = score("blocks", 50, Compared(gained=4, lost=28))
    assert reasons_against([*good, few], GATE) == []
    (reason,) = reasons_against([*good, many], GATE)
    assert "28 were lost and 4 gained" in reason


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_likelihood_is_one_of_the_sign_test(gained: int, lost: int) -> None:
    found = likelihood(Compared(gained, lost))
    assert 0 < found <= 1
    assert found <= likelihood(Compared(gained + 1, lost))
    assert found >= likelihood(Compared(gained, lost + 1))
    mirrored = likelihood(Compared(lost, gained))
    assert found + mirrored >= 1


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_model_that_is_no_worse_is_seldom_refused(share: float) -> None:
    rng = random.Random(1)

    def compared() -> Compared:
        pairs = [(rng.random() < share, rng.random() < share) for _ in range(300)]
        return Compared(
            sum(new and not old for new, old in pairs), sum(old and not new for new, old in pairs)
        )

    runs = 400
    refused = sum(
        bool(reasons_against([score(f"{number}", 95, compared()) for number in range(5)], ()))
        for _ in range(runs)
    )
    assert refused <= 3 * CHANCE * runs
