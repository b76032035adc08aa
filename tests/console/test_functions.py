"""The pages of functions: cold and warm, and what only the operator may see."""

from __future__ import annotations

import re
import time

import httpx
from tests.serving import Server

FUNCTIONS = "/console/o/first/functions"
PROBE = "probe_functions:Probe"


def row(client: httpx.Client) -> str:
    found = re.search(
        r'<tr>\s*<th scope="row">(?:<a [^>]+>)?Probe\b.*?</tr>', client.get(FUNCTIONS).text, re.S
    )
    assert found
    return found[0]


def call(server: Server, behaviour: str = "answer") -> None:
    server.graphql(f'mutation {{ probeAnswer(behaviour: "{behaviour}", text: "yes") }}')


def test_a_function_that_was_called_is_warm_and_says_how_long_its_cold_start_took(
    server: Server, client: httpx.Client
) -> None:
    call(server)
    shown = row(client)
    assert '<span class="state warm">warm</span>' in shown
    assert "0.5 GiB of memory at most, 3.0 s a call, 64 calls at a time" in shown
    assert re.search(r'data-name="Last cold start">\d+\.\d s<', shown)
    assert re.search(r'data-name="Memory in use">\d+\.\d MB<', shown)
    assert 'href="/console/o/first/plugins/probe"' in shown


def test_why_a_worker_ended_is_told_with_its_log_to_the_operator(
    server: Server, client: httpx.Client
) -> None:
    call(server, "die")
    deadline = time.monotonic() + 30
    while "the worker ended with exit code -9" not in row(client):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    log = server.data / "logs" / "function-probe_functions.Probe.log"
    with log.open("a") as file:
        file.write("<b>printed by a body</b>\n")
    page = client.get(f"{FUNCTIONS}/{PROBE}").text
    assert "&lt;b&gt;printed by a body&lt;/b&gt;" in page
    assert "The worker last failed: the worker ended with exit code -9" in page


def test_members_see_what_is_warm_and_nothing_of_what_others_do(server: Server, viewer: httpx.Client) -> None:
    call(server)
    page = viewer.get(FUNCTIONS).text
    assert '<span class="state warm">warm</span>' in row(viewer)
    for hidden in ("Calls now", "Memory in use", "exit code", f"{FUNCTIONS}/{PROBE}"):
        assert hidden not in page
    assert viewer.get(f"{FUNCTIONS}/{PROBE}").status_code == 403


def test_a_function_that_nobody_brings_has_no_page(client: httpx.Client) -> None:
    for name in ("nothing:Nothing", "..:Probe", "%2e%2e%2fserver"):
        assert client.get(f"{FUNCTIONS}/{name}").status_code == 404
