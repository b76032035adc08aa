"""A server whose functions run on Modal: the same answers as locally, and jobs that outlive the server."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from compute_helpers import configuration
from modal_server import ModalServer
from modal_state import Call
from tests.serving import Server

from skyhook.catalogue.service import Catalogue
from skyhook.compute.local import LocalCompute
from skyhook.compute.modal.backend import ModalCompute
from skyhook.compute.modal.naming import class_name
from skyhook.database import Database
from skyhook.plugins.host import PluginHost
from skyhook_functions.chat.local import ChatModel
from skyhook_functions.chat.messages import GenerateRequest, Message, Sampling
from skyhook_functions.imagine.image_model import ImageModel
from skyhook_functions.imagine.messages import ImageRequest

SUBMIT = """mutation ($steps: Int!, $pause: Float!) {
  probeWork(steps: $steps, pauseS: $pause, behaviour: "abroad") { id } }"""
READ = "query ($id: ID!) { job(id: $id) { state runs cost error { code } } }"
CHAT = """mutation { chatComplete(input: {messages: [{role: "user", content: "What is 3 + 4?"}],
  model: "skyhook-small", temperature: 0.8, seed: 7, maxTokens: 20}) { text } }"""
PROBE = "probe_functions:Probe"


@pytest.fixture(scope="module")
def server(modal_server: ModalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server after `skyhook functions deploy`."""
    variables = modal_server.variables() | {"SKYHOOK_COMPUTE": "modal"}
    server = Server(tmp_path_factory.mktemp("server"), environment=variables)
    server.command("functions", "deploy")
    server.prepare()
    try:
        server.start()
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


def wait_for_note(server: Server, job_id: str) -> None:
    """Until the server has written down which call it has begun for the job."""
    job = UUID(b64decode(job_id).decode().partition(":")[2])
    deadline = time.monotonic() + 60
    with closing(sqlite3.connect(server.data / "skyhook.db")) as database:
        while time.monotonic() < deadline:
            if database.execute("SELECT 1 FROM job_calls WHERE job_id = ?", [job.hex]).fetchone():
                return
            time.sleep(0.02)
    raise AssertionError("no call was written down")


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


async def test_chat_and_pictures_are_those_of_this_machine_to_the_byte(
    server: Server, modal_server: ModalServer, tmp_path: Path
) -> None:
    catalogue = Catalogue(Database(f"sqlite:///{tmp_path}/empty.db"), _nothing)
    catalogue.bring(PluginHost.discover().loaded)
    places = {place.rpartition("/")[2]: folder for folder, place in catalogue.bundled_folders.items()}
    message = Message("user", "What is 3 + 4?")
    sampling = Sampling(max_tokens=20, temperature=0.9, seed=11)
    chat = GenerateRequest(places["skyhook-small"], [message], [], sampling)
    picture = ImageRequest(places["skyhook-scenes"], "a red ball", width=64, height=64, seed=5, steps=4)
    local = LocalCompute(configuration(tmp_path / "data"))
    remote = ModalCompute(configuration(tmp_path / "data"), catalogue.bundled_folders)
    await local.start()
    said, drawn = [], []
    for backend in (local, remote):
        parts = [part async for part in backend.stream(ChatModel.generate, chat)]
        said.append("".join(part.text for part in parts))
        events = [event async for event in backend.stream(ImageModel.generate, picture)]
        drawn.append(events[-1].content)  # type: ignore[union-attr]
    await local.close()
    await remote.close()
    assert said[0] == said[1] != ""
    assert drawn[0] == drawn[1]
    first, second = (server.graphql(CHAT) for _ in range(2))
    assert first["data"] == second["data"] != {"chatComplete": {"text": ""}}


def test_a_killed_server_goes_on_with_the_call_that_it_had_begun(
    server: Server, modal_server: ModalServer
) -> None:
    before = len(works(modal_server))
    job = server.graphql(SUBMIT, steps=1, pause=2.5)["data"]["probeWork"]
    wait_for_work(modal_server, before)
    wait_for_note(server, job["id"])
    server.kill()
    server.start()
    done = until(server, job["id"], "COMPLETED", within_s=90)
    assert done["runs"] == 2
    assert int(done["cost"]) > 0
    assert len(works(modal_server)) == before + 1, "the call was begun again"


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
        env=server.variables() | wrong,
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
