"""The playground in a browser: answers as they come, jobs to their end, snippets that work when pasted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.serving import Server

from .chromium import Chromium
from .test_accessibility import log_in, violations

ENDED = "document.querySelector('#answers').getAttribute('aria-busy') === 'false'"
SHOWN = "document.querySelector('#answers').innerText"
LOADING_S = 120
"""The longest that a model may take to be loaded on a slow machine."""
ANSWERED = f"{ENDED} && document.querySelector('#answers .figures') !== null"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("playground"))
    server.prepare()
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in server.log(), server.log()


@pytest.fixture(scope="module")
def visitor(chromium: Chromium, server: Server) -> Chromium:
    log_in(chromium, server)
    return chromium


def open_example(chromium: Chromium, server: Server, there: str) -> None:
    chromium.open(f"{server.address}/console/o/first/playground/{there}")
    chromium.wait("document.querySelector('#graphiql').href.includes('query=')")


def write(chromium: Chromium, name: str, text: str) -> None:
    """Writes a text in place of what a field holds."""
    chromium.run(f"document.querySelector('[name={name}]').select()")
    chromium.type(text)


def figures(chromium: Chromium) -> dict[str, str]:
    found: dict[str, str] = chromium.run(
        "Object.fromEntries([...document.querySelectorAll('#answers .turn:last-child .figures div, "
        "#answers > .answered .figures div')].map((one) => [...one.children].map((part) => part.innerText)))"
    )
    return found


def snippet(chromium: Chromium, way: str) -> str:
    chromium.run(f"document.querySelector('[data-show={way}]').click()")
    text: str = chromium.run("document.querySelector('#document').textContent")
    return text


def paste(server: Server, *command: str) -> str:
    """What a snippet prints, in a shell that has a key."""
    environment = os.environ | {"SKYHOOK_KEY": server.key}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_conversation_is_streamed_with_its_cost_and_goes_on(visitor: Chromium, server: Server) -> None:
    open_example(visitor, server, "chat/talk")
    visitor.tab_to("#say")
    visitor.press("Enter", control=True)
    visitor.wait(ANSWERED, at_most_s=LOADING_S)
    said = visitor.run("document.querySelector('.turn.assistant .said').innerText")
    assert said.startswith("A plugin is")
    told = figures(visitor)
    assert told["Cost"].startswith("$0.00")
    assert told["First part"].endswith("s")
    assert told["Took"].endswith("s")
    assert len(told["Request"]) == 32
    python = snippet(visitor, "python")
    assert said in paste(server, sys.executable, "-c", python)
    curl = paste(server, "bash", "-c", snippet(visitor, "curl"))
    assert "event: complete" in curl

    visitor.run("document.querySelector('#say').focus()")
    visitor.type("What is a scope?")
    visitor.press("Enter")
    visitor.wait(f"{ENDED} && document.querySelectorAll('#answers .figures').length === 2")
    assert "Scopes say" in visitor.run("document.querySelector('.turn:last-child .said').innerText")
    assert said in snippet(visitor, "graphql") + visitor.run(
        "document.querySelector('#variables').textContent"
    )
    assert violations(visitor) == []
    visitor.run("document.querySelector('#again').click()")
    visitor.wait(f"{ENDED} && document.querySelectorAll('#answers .turn').length === 4")
    visitor.go_offline()
    visitor.type("And a key?")
    visitor.press("Enter")
    visitor.wait(f"{ENDED} && document.querySelector('#answers [role=alert]') !== null")
    visitor.go_offline(False)
    assert visitor.run("document.querySelector('#say').value") == "And a key?"
    visitor.run("document.querySelector('#again').click()")
    visitor.wait(f"{ENDED} && document.querySelectorAll('#answers .figures').length === 2")
    assert visitor.run("document.querySelectorAll('#answers .turn').length") == 4
    visitor.run("document.querySelector('#clear').click()")
    assert "Nothing was said yet." in visitor.run(SHOWN)


def test_a_job_is_watched_and_its_pictures_are_seen(visitor: Chromium, server: Server) -> None:
    open_example(visitor, server, "imagine/generate")
    write(visitor, "count", "1")
    visitor.press("Enter", control=True)
    visitor.wait(ANSWERED, at_most_s=LOADING_S)
    visitor.wait("document.querySelector('#answers .shown img').naturalWidth > 0")
    assert "Completed" in visitor.run(SHOWN)
    assert figures(visitor)["Cost"] == "$0.001"
    assert "/console/o/first/jobs/" in visitor.run("document.querySelector('.job a').href")
    assert violations(visitor) == []
    open_example(visitor, server, "imagine/edit")
    visitor.wait("document.querySelector('[name=image]').selectedOptions[0].text === 'picture-1.png'")


def test_a_sample_is_used_where_there_is_no_file(visitor: Chromium, server: Server) -> None:
    for edge in server.graphql('{ artifacts(first: 99, mediaType: "image/") { edges { node { id } } } }')[
        "data"
    ]["artifacts"]["edges"]:
        server.graphql("mutation ($id: ID!) { artifactDelete(id: $id) }", id=edge["node"]["id"])
    open_example(visitor, server, "imagine/upscale")
    visitor.wait("document.querySelector('[name=image]').selectedOptions[0].text.startsWith('A sample')")
    visitor.run("document.querySelector('#run').click()")
    visitor.wait(ANSWERED)
    visitor.wait("document.querySelector('#answers .shown img').naturalWidth === 192")


def test_a_job_is_cancelled_from_its_page(visitor: Chromium, server: Server) -> None:
    open_example(visitor, server, "probe/work")
    write(visitor, "steps", "200")
    write(visitor, "pauseS", "0.2")
    visitor.run("document.querySelector('#run').click()")
    visitor.wait(f"{SHOWN}.includes('so far')")
    visitor.run("document.querySelector('#stop').click()")
    visitor.wait(f"{ANSWERED} && {SHOWN}.includes('Cancelled')")


def test_the_snippet_of_a_job_waits_for_its_end(visitor: Chromium, server: Server) -> None:
    open_example(visitor, server, "probe/work")
    assert paste(server, sys.executable, "-c", snippet(visitor, "python")).startswith("COMPLETED")
    assert '"id"' in paste(server, "bash", "-c", snippet(visitor, "curl"))


def test_what_is_written_goes_into_the_snippets_whatever_it_is(visitor: Chromium, server: Server) -> None:
    open_example(visitor, server, "probe/words")
    text = """it's "$HOME" \\n \\"\\"\\" `x` {é} """
    write(visitor, "text", text)
    for way, command in (("python", (sys.executable, "-c")), ("curl", ("bash", "-c"))):
        printed = paste(server, *command, snippet(visitor, way))
        assert (text * 3 if way == "python" else "event: complete") in printed


def test_a_stream_is_stopped_and_what_had_come_stays(visitor: Chromium, server: Server) -> None:
    open_example(visitor, server, "probe/words")
    write(visitor, "count", "500")
    write(visitor, "pauseS", "0.05")
    visitor.run("document.querySelector('#run').click()")
    visitor.wait(f"{SHOWN}.includes('word')")
    visitor.run("document.querySelector('#stop').click()")
    visitor.wait(ENDED)
    assert "What had come until then is charged." in visitor.run(SHOWN)
    assert "word" in visitor.run(SHOWN)


def test_an_error_is_told_with_its_code_and_wrong_fields_at_their_place(
    visitor: Chromium, server: Server
) -> None:
    open_example(visitor, server, "probe/words")
    write(visitor, "behaviour", "die")
    visitor.run("document.querySelector('#run').click()")
    visitor.wait(f"{ENDED} && document.querySelector('#answers [role=alert]') !== null")
    assert "FUNCTION_INTERRUPTED" in visitor.run(SHOWN)
    write(visitor, "count", "1.5")
    visitor.run("document.querySelector('#run').click()")
    assert visitor.run("document.querySelector('[name=count]').getAttribute('aria-invalid')") == "true"
    assert "Write a whole number." in visitor.run("document.querySelector('[data-field=count]').innerText")
    assert violations(visitor) == []


def test_without_a_connection_nothing_that_was_written_is_lost(visitor: Chromium, server: Server) -> None:
    open_example(visitor, server, "probe/words")
    write(visitor, "text", "kept")
    visitor.go_offline()
    visitor.press("Enter", control=True)
    visitor.wait(f"{SHOWN}.includes('You are offline.')")
    visitor.go_offline(False)
    visitor.press("Enter", control=True)
    visitor.wait(ANSWERED)
    assert "keptkeptkept" in visitor.run(SHOWN)


def test_who_is_no_longer_logged_in_is_led_back_after_it(visitor: Chromium, server: Server) -> None:
    open_example(visitor, server, "probe/words")
    visitor.forget()
    visitor.press("Enter", control=True)
    visitor.wait(f"{SHOWN}.includes('SESSION_ENDED')")
    back = visitor.run("document.querySelector('#answers [role=alert] a').getAttribute('href')")
    assert back == "/console/login?next=%2Fconsole%2Fo%2Ffirst%2Fplayground%2Fprobe%2Fwords"
