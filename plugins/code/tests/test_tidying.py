"""What a chat model answers, as the code that belongs at the cursor."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhook_code.tidying import Tidy


def tidied(prefix: str, *pieces: str, line: bool = False) -> str:
    tidy = Tidy(prefix, line=line)
    return "".join(map(tidy.feed, pieces)) + tidy.finish()


@pytest.mark.parametrize(
    ("prefix", "answer", "wanted"),
    [
        ("return ", "a + b", "a + b"),
        ("return ", "```python\na + b\n```", "a + b"),
        ("return ", "\n```\na + b\n```\nThis adds a and b.", "a + b"),
        ("def f(a, b):\n    return ", "    return a + b\n", "a + b\n"),
        ("def f(a, b):\n    return ", "```python\n    return a + b\n```", "a + b"),
        ("x = 1\n", "x = 1\ny = 2", "x = 1\ny = 2"),
        ("", "``` is a fence", "``` is a fence"),
        ("text = '", "``", "``"),
        ("a", "", ""),
    ],
)
def test_only_the_code_is_left(prefix: str, answer: str, wanted: str) -> None:
    assert tidied(prefix, answer) == wanted


def test_a_line_ends_at_its_end() -> None:
    assert tidied("x = ", "1\ny = 2", line=True) == "1"
    assert tidied("x = ", "```py\n1\ny = 2\n```", line=True) == "1"


PIECES = st.lists(
    st.sampled_from(["`", "``", "```", "\n", "x = ", "1", "```py\n", "\n```", " "]), max_size=12
)


@given(prefix=st.sampled_from(["", "x = ", "a\nx = "]), pieces=PIECES, line=st.booleans())
def test_how_an_answer_is_split_makes_no_difference(prefix: str, pieces: list[str], line: bool) -> None:
    whole = "".join(pieces)
    assert (
        tidied(prefix, *pieces, line=line)
        == tidied(prefix, *whole, line=line)
        == tidied(prefix, whole, line=line)
    )
