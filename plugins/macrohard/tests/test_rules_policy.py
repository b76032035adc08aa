"""The rules: how goals are read, and episodes of MiniWoB++ that they reach."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from operator_client import Client
from tests.miniwob import Episodes

from skyhook_macrohard.page import read
from skyhook_macrohard.policies.rules.intents import Intent, intents_of
from skyhook_macrohard.policies.rules.matching import value_of


@pytest.mark.parametrize(
    ("goal", "intents"),
    [
        (
            'Enter the username "a" and the password "b, c" into the text fields and press login.',
            [
                Intent("fill", "username", "textbox", value="a"),
                Intent("fill", "password", "textbox", value="b, c"),
                Intent("click", "login"),
            ],
        ),
        ("Select nothing and click Submit.", [Intent("click", "Submit")]),
        (
            "Select x, y, and z and click Submit.",
            [*(Intent("select", one) for one in "xyz"), Intent("click", "Submit")],
        ),
        (
            'Use the textbox to enter "Ada" and press "Search", then find and click the 5th search result.',
            [
                Intent("fill", kind="textbox", value="Ada"),
                Intent("click", "Search"),
                Intent("click", kind="link", ordinal=5),
            ],
        ),
        ('Enter an item that starts with "Ber".', [Intent("fill", kind="textbox", starts="Ber")]),
        ("Make me happy", []),
    ],
)
def test_goals_are_read_as_orders(goal: str, intents: list[Intent]) -> None:
    assert intents_of(goal) == intents


@pytest.mark.parametrize(
    ("snapshot", "value"),
    [
        ('- table:\n  - row:\n    - cell "Size"\n    - cell "9"', "9"),
        ("- generic: Size\n- generic: nine", "nine"),
        ('- generic [ref=e2]: "Size: 9 mm"', "9 mm"),
        ("- generic: Weight", None),
        ("- [broken", None),
    ],
)
def test_values_are_read_off(snapshot: str, value: str | None) -> None:
    assert value_of(read(snapshot), "size") == value


@pytest.fixture(scope="module")
def episodes() -> Iterator[Episodes]:
    with Episodes() as episodes:
        yield episodes


@pytest.mark.parametrize(
    ("task", "goal"),
    [
        (
            "login-user",
            'Enter the username "myron" and the password "TVkEp" into the text fields and press login.',
        ),
        ("choose-list", "Select Taiwan from the list and click Submit."),
        ("enter-password", 'Enter the password "1TVkE" into both text fields and press submit.'),
        ("click-checkboxes", "Select YM2l8 and click Submit."),
    ],
)
def test_episodes_are_reached_through_the_server(
    client: Client, episodes: Episodes, task: str, goal: str
) -> None:
    seed = 3
    job, _ = client.done(goal=goal, url=episodes.url(task, seed))
    assert episodes.goal(task, seed) == goal
    assert job["result"]["outcome"] == "done"
    assert episodes.reward(task, seed) > 0
