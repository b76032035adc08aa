"""The playground: what is offered, the forms that types draw, and that the examples give answers."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import httpx
import pytest
from tests.console.test_plugins import switch
from tests.serving import Server

from skyhook.app import load_plugins
from skyhook.graphql.examples import ReadExample, Variable
from skyhook.plugins.manifest import Example
from skyhook_console.inputs import inputs_of, label

PAGE = "/console/o/first/playground"
BUILT_IN = ("chat", "code", "imagine", "macrohard", "money", "voice")


def field(page: str, name: str) -> str:
    found = re.search(rf'<div class="field[^"]*" data-field="{name}">.*?</div>', page, re.DOTALL)
    assert found, page
    return found[0]


def test_every_plugin_offers_something_to_be_tried(client: httpx.Client) -> None:
    page = client.get(PAGE).text
    for name in BUILT_IN:
        addresses = set(re.findall(rf'href="({PAGE}/{name}/[\w-]+)"', page))
        assert len(addresses) >= 2
        for address in addresses:
            assert client.get(address).status_code == 200, address


def test_a_form_is_drawn_from_the_types_of_the_variables(client: httpx.Client) -> None:
    run = client.get(f"{PAGE}/code/run").text
    assert '<option value="PYTHON" selected>PYTHON</option>' in field(run, "language")
    assert "C (Compiled by gcc, all .c files together)" in field(run, "language")
    assert '<textarea id="in-source"' in field(run, "source")
    assert "import time" in field(run, "source")
    assert 'type="number" id="in-seconds"' in field(run, "seconds")
    assert 'step="any"' in field(run, "seconds")
    assert 'step="1"' in field(run, "memoryMib")
    assert 'type="text" id="in-stdin"' in field(run, "stdin")
    assert "What it reads from standard input." in field(run, "stdin")
    tools = field(client.get(f"{PAGE}/chat/tools").text, "tools")
    assert '"name": "weather"' in unescape(tools)
    assert 'data-kind="json"' in tools
    sites = field(client.get(f"{PAGE}/macrohard/task").text, "sites")
    assert 'data-kind="lines"' in sites
    assert "example.com\n*.iana.org" in sites


def test_models_and_files_are_chosen_among_those_there_are(client: httpx.Client) -> None:
    edit = client.get(f"{PAGE}/imagine/edit").text
    assert '<option value="skyhook-scenes" selected>Skyhook Scenes</option>' in field(edit, "model")
    assert 'data-accept="image/"' in field(edit, "image")
    assert 'type="file"' in field(edit, "image")
    assert 'accept="image/*"' in field(edit, "image")


def test_an_example_brings_a_sample_file(client: httpx.Client) -> None:
    sample = client.get(f"{PAGE}/imagine/edit/image")
    assert sample.headers["content-type"] == "image/png"
    assert sample.headers["content-disposition"].startswith("attachment")
    assert sample.content.startswith(b"\x89PNG")
    assert client.get(f"{PAGE}/imagine/edit/prompt").status_code == 404
    assert client.get("/console/o/other/playground/imagine/edit/image").status_code == 404


def test_a_conversation_has_a_place_of_its_own_and_begins_with_the_examples(client: httpx.Client) -> None:
    talk = client.get(f"{PAGE}/chat/talk").text
    assert 'data-field="messages"' not in talk
    earlier = re.search(r'data-earlier="([^"]*)"', talk)
    assert earlier
    assert json.loads(unescape(earlier[1])) == [{"role": "user", "content": "What is a plugin?"}]


@pytest.mark.parametrize("there", ["chat/nothing", "nothing/talk", "chat"])
def test_what_is_not_offered_is_not_there(client: httpx.Client, there: str) -> None:
    assert client.get(f"{PAGE}/{there}").status_code == 404


def test_a_plugin_that_is_switched_off_says_so(client: httpx.Client) -> None:
    switch(client, "probe", "disable")
    try:
        assert "has switched this plugin off" in client.get(PAGE).text
        assert f"{PAGE}/probe/words" not in client.get(PAGE).text
        page = client.get(f"{PAGE}/probe/words").text
        assert "PLUGIN_DISABLED" in page
        assert re.search(r'<button id="run"[^>]* disabled>', page)
    finally:
        switch(client, "probe", "enable")
    assert not re.search(r'<button id="run"[^>]* disabled>', client.get(f"{PAGE}/probe/words").text)


def test_who_lacks_the_scope_is_told_which_and_cannot_run_it(viewer: httpx.Client) -> None:
    page = viewer.get(f"{PAGE}/probe/words").text
    assert "it needs the scope <code>probe:answer</code>" in page
    assert re.search(r'<button id="run"[^>]* disabled>', page)
    assert not re.search(r'<button id="run"[^>]* disabled>', viewer.get(f"{PAGE}/money/wallets").text)


def test_a_page_runs_no_script_but_the_consoles_own_files(client: httpx.Client) -> None:
    page = client.get(f"{PAGE}/chat/talk")
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", page.text, re.DOTALL)
    assert len(scripts) == 5
    assert all('src="/console/static/' in attributes and not body for attributes, body in scripts)
    assert " style=" not in page.text
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "media-src 'self';" in policy


def run(server: Server, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The last part of an answer, of a stream or of a call."""
    with server.client() as caller:
        answer = caller.post(
            "/graphql",
            json={"query": document, "variables": variables},
            headers={"Accept": "text/event-stream"},
        )
    parts = [json.loads(part) for part in re.findall(r"^data: (.*)$", answer.text, re.MULTILINE)]
    whole: dict[str, Any] = parts[-2]
    return whole


@pytest.mark.parametrize(
    "there",
    [
        "code/run",
        "code/files",
        "voice/speak",
        "voice/voices",
        "money/open",
        "money/wallets",
        "macrohard/tasks",
    ],
)
def test_an_example_gives_a_real_answer_as_it_is(server: Server, there: str) -> None:
    query = "{ plugins { name playground { slug document variables } } }"
    plugins = server.graphql(query)["data"]["plugins"]
    found = {
        f"{plugin['name']}/{example['slug']}": example
        for plugin in plugins
        for example in plugin["playground"]
    }
    part = run(server, found[there]["document"], found[there]["variables"])
    assert "errors" not in part
    assert part["data"]


def test_labels_are_words() -> None:
    assert [label(name) for name in ("maxTokens", "topP", "prompt", "id_2")] == [
        "Max tokens", "Top p", "Prompt", "Id 2",
    ]  # fmt: skip


def test_every_kind_of_variable_has_a_field() -> None:
    def variable(name: str, kind: str, value: object, **more: Any) -> Variable:
        given: dict[str, Any] = {
            "is_list": False,
            "is_leaf": True,
            "is_required": False,
            "description": "",
            "choices": (),
        }
        return Variable(name, kind, value=value, **(given | more))

    read = next(one for ones in load_plugins().examples.values() for one in ones)
    example = Example("x", "X", "X.", "", model="model")
    drawn = inputs_of(
        ReadExample(
            example,
            read.kind,
            (),
            False,
            [
                variable("loud", "Boolean", True),
                variable("quiet", "Boolean", None),
                variable("big", "BigInt", 7),
                variable("tree", "JSON", {"a": 1}),
                variable("none", "JSON", None),
                variable("style", "Style", None, choices=[("PLAIN", "")]),
                variable("model", "String", None),
                variable("prompt", "String", "one\ntwo"),
            ],
        ),
        [],
    )
    assert [(one.kind, one.value) for one in drawn] == [
        ("yes", "yes"),
        ("yes", ""),
        ("digits", "7"),
        ("json", '{\n  "a": 1\n}'),
        ("json", ""),
        ("choice", ""),
        ("text", ""),
        ("long", "one\ntwo"),
    ]
    assert drawn[5].options == [("", "default"), ("PLAIN", "PLAIN")]
