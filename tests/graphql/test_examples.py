"""Examples of plugins: what is read of them, and why one that does not fit the schema is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from graphql import build_schema

from skyhook.app import compose_schema
from skyhook.graphql.examples import ExampleBroken, Variable, read
from skyhook.plugins.host import PluginHost
from skyhook.plugins.manifest import Example, Plugin

SCHEMA = build_schema("""
    type Query { say("What to say." text: String!, times: Int! = 1): Said! }
    type Mutation { work(input: WorkInput!): Job!  talk(messages: [MessageInput!]!, model: String): Said! }
    type Said { text: String! }
    type Job { id: ID! state: String! }
    input WorkInput { "The picture." image: ID!  "How." style: Style! = PLAIN }
    input MessageInput { role: String! content: String! }
    enum Style {
        PLAIN
        "With ornaments."
        RICH
    }
""")
SAY = Example(
    slug="say",
    title="Say",
    description="Says it.",
    document="query Say($words: String!, $times: Int = 2) { say(text: $words, times: $times) { text } }",
    variables={"words": "Hello"},
    text="say.text",
)
WORK = Example(
    slug="work",
    title="Work",
    description="Works.",
    document="mutation Work($picture: ID!, $style: Style) "
    "{ job: work(input: {image: $picture, style: $style}) { id } }",
    files={"picture": "image/"},
)
TALK = Example(
    slug="talk",
    title="Talk",
    description="Talks.",
    document="mutation Talk($messages: [MessageInput!]!, $model: String) "
    "{ talk(messages: $messages, model: $model) { text } }",
    variables={"messages": [{"role": "user", "content": "Hello"}]},
    text="talk.text",
    model="model",
    conversation="messages",
)


def test_variables_are_described_by_where_they_are_used() -> None:
    found = read(SCHEMA, SAY)
    assert (found.kind.value, found.fields, found.is_job) == ("query", ["say"], False)
    assert list(found.variables) == [
        Variable("words", "String", False, True, True, "What to say.", [], "Hello"),
        Variable("times", "Int", False, True, False, "", [], 2),
    ]


def test_a_job_and_its_files_and_choices_are_told() -> None:
    found = read(SCHEMA, WORK)
    picture, style = found.variables
    assert found.is_job
    assert (picture.description, picture.value) == ("The picture.", None)
    assert style.choices == [("PLAIN", ""), ("RICH", "With ornaments.")]


def test_a_conversation_is_a_list_of_messages() -> None:
    messages, _ = read(SCHEMA, TALK).variables
    assert (messages.is_list, messages.is_leaf, messages.value) == (True, False, TALK.variables["messages"])


@pytest.mark.parametrize(
    ("example", "changes", "told"),
    [
        (SAY, {"document": "query Say { say("}, "example say: Syntax Error"),
        (SAY, {"document": 'query Say { shout(text: "x") { text } }'}, "Cannot query field 'shout'"),
        (SAY, {"document": '{ say(text: "x") { text } }'}, "one operation, with a name"),
        (SAY, {"document": "query A { say(text: \"x\") { text } } query B { __typename }"}, "one operation"),
        (SAY, {"variables": {}}, "Variable '$words'"),
        (SAY, {"variables": {"words": 7}}, "Variable '$words' has invalid value"),
        (SAY, {"variables": {"words": "x", "loud": True}}, "has no variable $loud"),
        (SAY, {"variables": {"words": object()}}, "must be JSON"),
        (SAY, {"text": "say.words"}, "'say.words' is no field that its document asks for"),
        (SAY, {"model": "model"}, "has no variable $model"),
        (SAY, {"model": "times"}, "$times must be a String"),
        (SAY, {"files": {"words": "image/"}}, "$words must be an ID"),
        (SAY, {"samples": {"words": "p:x.png"}}, "$words has a sample, and takes no artifact"),
        (SAY, {"conversation": "words"}, "$words must be a list of objects"),
        (WORK, {"document": WORK.document.replace("{ id }", "{ state }")}, "must ask for the `id`"),
        (WORK, {"document": WORK.document[:-1] + "__typename }"}, "asks for nothing else"),
        (WORK, {"document": WORK.document.replace("{ job:", "{ __typename job:")}, "asks for nothing else"),
        (TALK, {"variables": {"messages": []}}, "have one to begin with"),
        (TALK, {"text": ""}, "needs the place of the answer's text"),
    ],
)  # fmt: skip
def test_an_example_that_does_not_fit_is_refused_with_why(
    example: Example, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ExampleBroken) as caught:
        read(SCHEMA, replace(example, **changes))
    assert told in str(caught.value)


def test_a_plugin_with_such_an_example_is_broken_and_harms_nobody() -> None:
    document = "query Look { viewer { scopes } }"
    good = Plugin("good", "1", "Good", playground=(Example("look", "Look", "Looks.", document),))
    bad = Plugin("bad", "1", "Bad", playground=(replace(good.playground[0], document="query Look { sky }"),))
    host = PluginHost([bad, good])
    compose_schema(host)
    assert [plugin.name for plugin in host.loaded] == ["good"]
    assert "its example look: Cannot query field 'sky'" in host.broken[0].reason
    assert [found.example.slug for found in host.examples["good"]] == ["look"]
