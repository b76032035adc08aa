"""Runs in a real browser: a job followed until it ends, before and after compared, the file found again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.console.test_jobs import WORK, uuid_of
from tests.serving import Server

from .chromium import Chromium
from .test_accessibility import log_in, violations

HOME = "/console/o/first"
SEEN = "document.querySelector('{}')?.textContent.includes({})"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("runs"))
    server.prepare()
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in server.log(), server.log()


@pytest.fixture(scope="module")
def visitor(chromium: Chromium, server: Server) -> Chromium:
    """A browser that is logged in."""
    log_in(chromium, server)
    return chromium


def ask(server: Server, query: str, **variables: Any) -> str:
    """Submits a job; its id in the API."""
    answer = server.graphql(query, **variables)
    assert "errors" not in answer, answer
    return str(next(iter(answer["data"].values()))["id"])


def follow(visitor: Chromium, server: Server, job_id: str, state: str) -> None:
    """Opens a job's page, and waits on it, without loading it again, until the job is in a state."""
    visitor.open(f"{server.address}{HOME}/jobs/{uuid_of(job_id)}")
    visitor.run("window.opened = true")
    visitor.wait(SEEN.format("#job .state", json.dumps(state)))
    assert visitor.run("window.opened")


def all_shown(visitor: Chromium, selector: str, number: int) -> bool:
    """Whether so many pictures, and no others, are there and have loaded."""
    return bool(
        visitor.run(
            f"(() => {{ const all = [...document.querySelectorAll('{selector}')];"
            f" return all.length === {number} && all.every((one) => one.naturalWidth > 0); }})()"
        )
    )


def make(visitor: Chromium, server: Server) -> tuple[str, str]:
    """A picture, and a picture made of it, each seen on its job's page; their jobs."""
    query = "mutation ($input: ImagineGenerateInput!) { imagineGenerate(input: $input) { id } }"
    first = ask(server, query, input={"prompt": "a red circle", "seed": 7})
    follow(visitor, server, first, "completed")
    visitor.wait("document.querySelector('.files .picture img').naturalWidth > 0")
    job = server.graphql("query ($id: ID!) { job(id: $id) { artifacts { id } } }", id=first)
    asked = {"image": job["data"]["job"]["artifacts"][0]["id"], "prompt": "a blue circle", "strength": 0.7}
    query = "mutation ($input: ImagineEditInput!) { imagineEdit(input: $input) { id } }"
    second = ask(server, query, input=asked)
    follow(visitor, server, second, "completed")
    return first, second


def test_a_picture_is_made_changed_compared_by_keyboard_and_found_in_the_gallery(
    visitor: Chromium, server: Server
) -> None:
    first, second = make(visitor, server)
    visitor.wait("[...document.querySelectorAll('.compare img')].every((one) => one.naturalWidth > 0)")
    assert all_shown(visitor, ".compare img", 2)
    visitor.tab_to(".compare input")
    assert visitor.run("getComputedStyle(document.querySelector('.compare .sides')).outlineStyle") == "solid"
    clip = "getComputedStyle(document.querySelectorAll('.compare img')[1]).clipPath"
    assert visitor.run(clip) == "inset(0px 0px 0px 50%)"
    for _ in range(3):
        visitor.press("ArrowRight")
    assert visitor.run(clip) == "inset(0px 0px 0px 53%)"
    assert visitor.run("document.activeElement.ariaValueText") == "53 percent of the picture before"
    for dark in (False, True):
        visitor.appear(dark=dark)
        visitor.open(f"{server.address}{HOME}/jobs/{uuid_of(second)}")
        assert violations(visitor) == []

    visitor.appear(width=390)
    visitor.open(f"{server.address}{HOME}/files")
    visitor.wait("[...document.querySelectorAll('.files img')].every((one) => one.naturalWidth > 0)")
    assert all_shown(visitor, ".files img", 2)
    assert visitor.run("document.documentElement.scrollWidth <= innerWidth")
    links = visitor.run("[...document.querySelectorAll('.files .picture')].map((one) => one.pathname)")
    assert links == [f"{HOME}/jobs/{uuid_of(job_id)}" for job_id in (second, first)]
    assert violations(visitor) == []

    visitor.tab_to(".files .name")
    visitor.press("Enter")
    visitor.wait(
        "location.pathname.startsWith('/console/o/first/files/') && document.readyState === 'complete'"
    )
    visitor.wait("document.querySelector('.whole img').naturalWidth > 0")
    assert visitor.run(SEEN.format("main", json.dumps("Signed by this platform, and unchanged since.")))
    assert violations(visitor) == []
    visitor.appear()


def test_a_running_job_is_followed_with_the_focus_kept_and_cancelled_where_it_is(
    visitor: Chromium, server: Server
) -> None:
    job_id = ask(server, WORK, steps=60, pause=0.5)
    follow(visitor, server, job_id, "running")
    visitor.tab_to("#cancel")
    told = "document.querySelector('.under-way p').textContent"
    before = visitor.run(told)
    visitor.wait(f"{told} !== {json.dumps(before)}")
    assert visitor.run("document.activeElement.id") == "cancel"
    visitor.wait("document.querySelector('#told').textContent.startsWith('running')")
    assert violations(visitor) == []
    visitor.press("Enter")
    visitor.wait(SEEN.format("#job .state", json.dumps("cancelled")))
    assert not visitor.run("document.querySelector('#job').hasAttribute('hx-get')")


def test_the_list_follows_what_runs_until_it_has_ended(visitor: Chromium, server: Server) -> None:
    job_id = ask(server, WORK, steps=4, pause=1.0)
    visitor.appear(width=390)
    visitor.open(f"{server.address}{HOME}/jobs")
    row = f"tr:has(#job-{uuid_of(job_id)}) .state"
    visitor.run("window.opened = true")
    assert visitor.run("document.documentElement.scrollWidth <= innerWidth")
    visitor.wait(SEEN.format(row, json.dumps("completed")))
    assert visitor.run("window.opened")
    assert not visitor.run("document.querySelector('#jobs').hasAttribute('hx-get')")
    assert re.match(r"\d+ running, \d+ waiting", visitor.run("document.querySelector('#told').textContent"))
    visitor.appear()
