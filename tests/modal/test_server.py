"""A server whose functions run on Modal: the same answers as locally, and jobs that outlive the server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from imagining import Studio, unsigned
from modal_server import ModalServer
from modal_state import Call
from tests.serving import Server, free_port

from skyhook.compute.modal.naming import class_name

SUBMIT = """mutation ($steps: Int!, $pause: Float!) {
  probeWork(steps: $steps, pauseS: $pause, behaviour: "abroad") { id } }"""
READ = "query ($id: ID!) { job(id: $id) { state runs cost error { code } } }"
ASKED = """(input: {messages: [{role: "user", content: "What is 3 + 4?"}],
  model: "skyhook-small", temperature: 0.9, seed: 11, maxTokens: 20})"""
ANSWER = "text model finishReason usage { promptTokens completionTokens cost }"
CHAT = f"mutation {{ chatComplete{ASKED} {{ {ANSWER} }} }}"
CHAT_STREAM = f"subscription {{ chatStream{ASKED} {{ text completion {{ {ANSWER} }} }} }}"
PICTURE = {"prompt": "a red ball", "width": 64, "height": 64, "seed": 5, "steps": 4}
PROBE = "probe_functions:Probe"


@pytest.fixture(scope="module")
def server(modal_server: ModalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as `make up` makes it where nothing was deployed."""
    variables = modal_server.variables() | {"SKYHOOK_COMPUTE": "modal"}
    server = Server(tmp_path_factory.mktemp("server"), environment=variables)
    modal_server.do(modal_server.state.apps.clear)
    try:
        server.start("up")
        yield server
    finally:
        server.stop()


def until(server: Server, job_id: str, *states: str, within_s: float = 60) -> dict[str, Any]:
    """The job once it is in one of the states."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        job: dict[str, Any] = server.graphql(READ, id=job_id)["data"]["job"]
        if job["state"] in states:
            return job
        time.sleep(0.1)
    raise AssertionError(f"the job is {job}: {server.log()}")


def works(modal_server: ModalServer) -> list[Call]:
    """The detached calls that there were."""
    return [call for call in list(modal_server.state.calls.values()) if call.input.method_name == "work"]


def wait_for_work(modal_server: ModalServer, before: int) -> Call:
    """The first detached call after so many, once its container runs it."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (begun := works(modal_server)[before:]) and begun[0].is_running:
            return begun[0]
        time.sleep(0.02)
    raise AssertionError("no call was begun")


def test_the_first_start_deploys_and_makes_a_first_call(server: Server) -> None:
    deadline = time.monotonic() + 60
    while "Serving until" not in server.log() and time.monotonic() < deadline:
        time.sleep(0.05)
    log = server.log()
    assert log.index("Deploying the functions to Modal") < log.index("Asking the bundled model")
    assert "tokens of skyhook-small" in log
    assert "Traceback" not in log


def test_every_installed_function_is_deployed(server: Server) -> None:
    lines = server.command("functions", "list").splitlines()
    assert {line.split()[-1] for line in lines} == {"deployed"}
    assert any(PROBE in line for line in lines)
    assert any("ImageModel" in line and "L4" in line for line in lines)


def test_the_marks_of_functions_are_those_on_modal(server: Server, modal_server: ModalServer) -> None:
    made = {
        function.definition.function_name.partition("_")[0]: function.definition
        for function in modal_server.state.functions.values()
    }
    image, browser, chat = made["ImageModel"], made["Browser"], made["ChatModel"]
    assert image.resources.gpu_config.gpu_type == "L4"
    assert image.resources.memory_mb_max == 16 * 1024
    assert image.volume_mounts[0].mount_path == "/models"
    assert (image.checkpointing_enabled, chat.checkpointing_enabled) == (False, True)
    assert chat.max_concurrent_inputs == 64
    assert chat.timeout_secs == 300 + 10
    assert browser.autoscaler_settings.max_containers == 1
    built = "\n".join(line for one in modal_server.state.images.values() for line in one.dockerfile_commands)
    assert "espeak-ng" in built
    assert "torch" in built
    files = [file for mount in modal_server.state.mounts.values() for file in mount]
    assert "/root/skyhook/compute/modal/app.py" in files
    assert not [file for file in files if "graphql" in file or "skyhook_chat" in file]


def test_a_call_is_answered_and_charged_as_locally(server: Server) -> None:
    answer = server.graphql('mutation { probeAnswer(text: "one two") }')
    assert answer["data"] == {"probeAnswer": "one two"}
    assert answer["extensions"]["cost"]["credit"]["charged"] > 0


def test_what_a_body_reports_reaches_the_client(server: Server) -> None:
    answer = server.graphql('mutation { probeAnswer(text: "x", behaviour: "refuse") }')
    assert answer["errors"][0]["extensions"]["code"] == "PROBE_REFUSED"


def test_chat_and_pictures_are_those_of_a_server_on_this_machine_to_the_byte(
    server: Server, tmp_path: Path
) -> None:
    local = Server(tmp_path / "local")
    local.data.mkdir()
    local.prepare()
    local.start()
    try:
        said, streamed, drawn = [], [], []
        for studio in (Studio(local), Studio(server)):
            said.append(studio.server.graphql(CHAT)["data"])
            events = [event["data"]["chatStream"] for event in studio.events(CHAT_STREAM)]
            streamed.append(("".join(event["text"] for event in events), events[-1]["completion"]))
            (image,) = studio.made("imagineGenerate", **PICTURE)["images"]
            drawn.append((unsigned(studio.download(image.pop("artifact"))), image))
    finally:
        local.stop()
    assert said[0] == said[1]
    assert said[0]["chatComplete"]["text"]
    assert streamed[0] == streamed[1]
    assert streamed[0][0]
    assert drawn[0] == drawn[1]
    assert drawn[0][0].startswith(b"\x89PNG")


def test_a_job_shows_its_progress_and_previews_while_its_call_runs_on_modal(server: Server) -> None:
    studio = Studio(server)
    job = studio.submit("imagineGenerate", **PICTURE | {"steps": 200, "width": 128, "height": 128})
    seen = list(studio.watch(job["id"]))
    running = [one for one in seen if one["state"] == "RUNNING"]
    assert any(0 < one["progress"] < 1 and one["preview"] for one in running), seen
    assert seen[-1]["state"] == "COMPLETED"


def test_a_job_whose_container_dies_is_tried_again_and_charged_once(
    server: Server, modal_server: ModalServer
) -> None:
    before = len(works(modal_server))
    job = server.graphql(SUBMIT, steps=1, pause=0.8)["data"]["probeWork"]
    call = wait_for_work(modal_server, before)
    (container,) = [one for one in modal_server.containers.running if call.input_id in one.calls]
    container.kill()
    done = until(server, job["id"], "COMPLETED")
    assert len(works(modal_server)) == before + 2
    assert (done["runs"], int(done["cost"])) == (1, 1_000_000)


def test_a_cancelled_job_stops_its_call(server: Server, modal_server: ModalServer) -> None:
    before = len(works(modal_server))
    job = server.graphql(SUBMIT, steps=1, pause=2.9)["data"]["probeWork"]
    call = wait_for_work(modal_server, before)
    server.graphql("mutation ($id: ID!) { jobCancel(id: $id) { state } }", id=job["id"])
    until(server, job["id"], "CANCELLED")
    deadline = time.monotonic() + 20
    while not call.is_cancelled and time.monotonic() < deadline:
        time.sleep(0.05)
    assert call.is_cancelled


def test_what_differs_from_what_is_installed_is_shown(server: Server, modal_server: ModalServer) -> None:
    app = modal_server.state.deployed("skyhook")
    assert app is not None
    tags = dict(app.tags)
    app.tags[class_name(PROBE)] = "another"
    app.tags["Gone_00000000"] = app.tags.pop(class_name("skyhook_functions.voice.speaker:Speaker"))
    try:
        with pytest.raises(RuntimeError) as raised:
            server.command("functions", "list")
    finally:
        app.tags = tags
    shown = {line.split()[0]: line.split()[-1] for line in str(raised.value).splitlines() if "  " in line}
    assert shown[PROBE] == "changed"
    assert shown["skyhook_functions.voice.speaker:Speaker"] == "missing"
    assert shown["Gone_00000000"] == "removed"
    assert shown["skyhook_functions.chat.local:ChatModel"] == "deployed"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"MODAL_TOKEN_SECRET": "as-wrong"}, "MODAL_UNAUTHORIZED"),
        ({"MODAL_TOKEN_ID": "", "MODAL_TOKEN_SECRET": ""}, "MODAL_UNAUTHORIZED"),
    ],
)
def test_a_server_without_a_right_token_says_what_to_do(
    server: Server, wrong: dict[str, str], code: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "skyhook", "serve"],
        env=server.variables() | {"SKYHOOK_PORT": str(free_port())} | wrong,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert code in done.stderr
    assert "MODAL_TOKEN_ID" in done.stderr
    assert "Traceback" not in done.stderr


def test_modal_is_not_imported_where_functions_run_on_this_machine() -> None:
    code = (
        "import sys; from skyhook.cli.run import build_services; import skyhook.cli; build_services();"
        "print([name for name in sys.modules if name.partition('.')[0] in ('modal', 'grpclib')])"
    )
    environment = {name: text for name, text in os.environ.items() if not name.startswith("MODAL_")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


async def _nothing() -> None:
    pass
