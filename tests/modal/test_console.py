"""The console's pages of functions that run on Modal: what is deployed, what it printed and cost."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx
import pytest
from modal_server import ModalServer
from tests.console.conftest import ADMINISTRATOR, browser, log_in, password
from tests.serving import Server

from skyhook.compute.modal.naming import class_name

PAGE = "/console/instance/functions"
PROBE = "probe_functions:Probe"
ANSWER = 'mutation { probeAnswer(text: "one two", behaviour: "speak") }'
DEPLOY = "skyhook functions deploy"


@pytest.fixture(scope="module")
def server(modal_server: ModalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of functions that are deployed, which has answered a call."""
    data = tmp_path_factory.mktemp("server")
    (data / "functions.toml").write_text('[Probe]\nmax_containers = 7\nregions = ["eu"]\n')
    variables = modal_server.variables() | {"SKYHOOK_COMPUTE": "modal"}
    server = Server(data, environment=variables)
    server.command("functions", "deploy")
    server.prepare()
    try:
        server.start()
        assert server.graphql(ANSWER)["data"] == {"probeAnswer": "one two"}
        yield server
    finally:
        server.stop()


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """Logged in as the administrator."""
    with browser(server) as client:
        assert log_in(client, ADMINISTRATOR, password(server)).status_code == 303
        yield client


def opened(client: httpx.Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.text


def seconds(client: httpx.Client, address: str) -> float:
    """How long a page takes, the best of three times: other tests keep the machine busy."""
    return min(client.get(address).elapsed.total_seconds() for _ in range(3))


def row(page: str, title: str) -> str:
    found = re.search(rf'<tr>\s*<th scope="row">(?:<a [^>]+>)?{title}\b.*?</tr>', page, re.S)
    assert found, page
    return found[0]


def test_what_is_deployed_is_shown_with_what_it_cost_and_what_was_charged(client: httpx.Client) -> None:
    page = opened(client, PAGE)
    assert DEPLOY not in page
    probe = row(page, "Probe")
    assert ">deployed</span>" in probe
    assert re.search(r'data-name="Cost">\$0\.0+[1-9]', probe)
    operation = row(page, "probeAnswer")
    assert re.search(r'data-name="Charged">\$0\.\d', operation)
    assert re.search(r'data-name="Margin">−?\$0\.\d', operation)


def test_a_function_is_shown_with_its_settings_and_what_its_containers_printed(client: httpx.Client) -> None:
    page = opened(client, f"{PAGE}/{PROBE}")
    assert "the probe speaks: one two" in page
    assert re.search(r"Containers at most</dt><dd>7<", page)
    assert re.search(r"Regions</dt><dd>eu<", page)
    here = opened(client, f"/console/o/first/functions/{PROBE}")
    assert "the probe speaks: one two" in here
    assert f'href="{PAGE}"' in opened(client, "/console/o/first/functions")


def test_what_differs_is_shown_with_the_command_that_deploys_it(
    client: httpx.Client, modal_server: ModalServer
) -> None:
    app = modal_server.state.deployed("skyhook")
    assert app is not None
    tags = dict(app.tags)
    app.tags[class_name(PROBE)] = "another"
    app.tags["Gone_00000000"] = app.tags.pop(class_name("skyhook_functions.voice.speaker:Speaker"))
    try:
        page, probe = opened(client, PAGE), opened(client, f"{PAGE}/{PROBE}")
    finally:
        app.tags = tags
    states = {"Probe": "changed", "Speaker": "missing", "Gone_00000000": "removed", "ChatModel": "deployed"}
    for title, state in states.items():
        assert f">{state}</span>" in row(page, title)
    assert DEPLOY in page
    assert "Modal has another version" in probe
    assert DEPLOY in probe
    assert DEPLOY not in opened(client, PAGE)


def test_a_slow_modal_keeps_no_page_waiting(client: httpx.Client, modal_server: ModalServer) -> None:
    opened(client, PAGE)
    modal_server.state.pause_s = 2.0
    try:
        assert seconds(client, PAGE) < 1
        assert seconds(client, f"{PAGE}/{PROBE}") < 1
        page, probe = opened(client, PAGE), opened(client, f"{PAGE}/{PROBE}")
    finally:
        modal_server.state.pause_s = 0.0
    assert "Modal did not answer in time. This is what it said" in page
    assert ">deployed</span>" in row(page, "Probe")
    assert "The log could not be read: Modal did not give the log in time." in probe


def test_a_modal_out_of_reach_is_told_and_what_it_said_before(
    client: httpx.Client, modal_server: ModalServer
) -> None:
    modal_server.run(modal_server.lose())
    try:
        deadline = time.monotonic() + 20
        while "(MODAL_UNREACHABLE)" not in (page := opened(client, PAGE)):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        probe = opened(client, f"{PAGE}/{PROBE}")
    finally:
        modal_server.run(modal_server.find())
    assert ">deployed</span>" in row(page, "Probe")
    assert "The log could not be read: Modal does not answer." in probe
    deadline = time.monotonic() + 20
    while "(MODAL_UNREACHABLE)" in opened(client, PAGE):
        assert time.monotonic() < deadline
        time.sleep(0.2)
