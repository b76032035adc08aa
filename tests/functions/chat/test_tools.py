"""Tool calls in a model's text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhook_functions.chat.messages import ToolCall
from skyhook_functions.chat.tools import ToolCallParser

CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Köln"}}\n</tool_call>'
TEXTS = [
    "no call at all",
    CALL,
    f"Let me look. {CALL}",
    f"{CALL}\n{CALL} and more",
    "a < b and <tool and <tool_call",
    "<tool_call>not json</tool_call>!",
    '<tool_call>{"name": "open", "arguments": {}}',
    '<tool_call>{"name": 3}</tool_call></tool_call>',
    "<tool_call></tool_call>",
]


def parse(pieces: list[str]) -> list[tuple[str, str]]:
    """What the pieces give: joined runs of text, and calls without their random ids."""
    parser = ToolCallParser()
    seen: list[tuple[str, str]] = []
    for part in [*(part for piece in pieces for part in parser.feed(piece)), *parser.finish()]:
        if isinstance(part, ToolCall):
            seen.append((part.name, part.arguments))
        elif seen and not seen[-1][0]:
            seen[-1] = ("", seen[-1][1] + part)
        else:
            seen.append(("", part))
    return seen


@given(
    st.sampled_from(TEXTS) | st.lists(st.sampled_from([*TEXTS, "<", "tool_call>", " "])).map("".join),
    st.data(),
)
def test_any_split_of_the_text_gives_the_same_result(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)))) | {0, len(text)})
    assert parse([text[a:b] for a, b in pairwise(cuts)]) == parse(list(text)) == parse([text])


def test_text_before_a_call_flows_and_the_tags_never_show() -> None:
    parser = ToolCallParser()
    assert parser.feed("Let me look. <tool") == ["Let me look. "]
    (call,) = parser.feed(CALL.removeprefix("<tool"))
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments) == ("weather", '{"city": "Köln"}')
    assert parser.feed("\n") == parser.finish() == []


@pytest.mark.parametrize(
    "inside", ["not json", "[1]", '{"name": ""}', '{"name": "a", "arguments": "b"}', "[" * 100_000]
)
def test_what_is_no_call_comes_back_as_text(inside: str) -> None:
    assert parse([f"<tool_call>{inside}</tool_call>"]) == [("", inside)]


def test_a_call_needs_no_closing_tag_at_the_end() -> None:
    assert parse(['<tool_call>{"name": "open"}']) == [("open", "{}")]
