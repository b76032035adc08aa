"""What a server knows of Modal while it does not answer, and a start that does not wait for it."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncGenerator, Sequence

import httpx
import pytest
from compute_helpers import eventually
from modal_server import ModalServer
from tests.serving import Server

from skyhook.compute.modal import watch
from skyhook.compute.modal.deployment import Standing
from skyhook.compute.modal.errors import ModalNotDeployed, ModalUnreachable
from skyhook.compute.modal.watch import Watch

SUBMIT = 'mutation { probeWork(steps: 1, pauseS: 0.1, behaviour: "abroad") { id } }'
JOB = "query ($id: ID!) { job(id: $id) { state runs } }"
ANSWER = 'mutation { probeAnswer(text: "one two") }'


class Modal:
    """Answers as it is told to."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.standings: Sequence[Standing] = ()
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def ask(self) -> Sequence[Standing]:
        """How the functions stand."""
        self.asked += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return self.standings


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "server" not in request.fixturenames:
        monkeypatch.setattr(watch, "START_S", 0.1)
        monkeypatch.setattr(watch, "EVERY_S", 0.02)
        monkeypatch.setattr(watch, "PAUSE_S", (0.02, 0.02))


@pytest.fixture
def modal() -> Modal:
    return Modal()


@pytest.fixture
async def watching() -> AsyncGenerator[Watch, None]:
    made = Watch()
    yield made
    await made.close()


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_start_without_an_answer_goes_on_and_gets_well_by_itself(
    modal: Modal, watching: Watch, caplog: pytest.LogCaptureFixture, hangs: bool
) -> None:
    caplog.set_level(logging.WARNING)
    if hangs:
        modal.answers.clear()
    else:
        modal.error = ModalUnreachable.now()
    await watching.begin(modal.ask)
    assert isinstance(watching.problem, ModalUnreachable)
    with pytest.raises(ModalUnreachable):
        watching.admit()
    waiting = asyncio.create_task(watching.wait())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    modal.error = None
    modal.answers.set()
    await eventually(lambda: watching.problem is None)
    await waiting
    watching.admit()
    assert [record.message for record in caplog.records] == [
        "functions on Modal cannot be called: Modal does not answer. Try again later. (MODAL_UNREACHABLE)",
        "Modal answers, and the functions are deployed: calls are made again",
    ]


async def test_a_first_answer_that_says_what_is_wrong_ends_the_start(modal: Modal, watching: Watch) -> None:
    modal.error = ModalNotDeployed("not there")
    with pytest.raises(ModalNotDeployed):
        await watching.begin(modal.ask)
    asked = modal.asked
    await asyncio.sleep(0.1)
    assert modal.asked == asked


async def test_what_is_wrong_later_is_known_and_keeps_no_call_from_trying(
    modal: Modal, watching: Watch
) -> None:
    await watching.begin(modal.ask)
    assert watching.problem is None
    modal.error = ModalNotDeployed("not there")
    await eventually(lambda: watching.problem is not None)
    watching.admit()
    modal.error = None
    await eventually(lambda: watching.problem is None)


async def test_a_call_that_was_not_answered_makes_it_ask_at_once_and_one_that_was_ends_the_matter(
    modal: Modal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "EVERY_S", 60.0)
    monkeypatch.setattr(watch, "PAUSE_S", (60.0, 60.0))
    watching = Watch()
    await watching.begin(modal.ask)
    modal.error = ModalUnreachable.now()
    watching.missed()
    await eventually(lambda: watching.problem is not None)
    watching.heard()
    assert watching.problem is None
    watching.admit()
    await watching.close()


async def test_what_waits_for_too_long_is_told(
    modal: Modal, watching: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "WAIT_S", 0.05)
    modal.error = ModalUnreachable.now()
    await watching.begin(modal.ask)
    with pytest.raises(ModalUnreachable):
        await watching.wait()


async def test_a_function_that_differs_is_logged_once_for_each_change(
    modal: Modal, watching: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    modal.standings = [Standing("m:A", "changed", None), Standing("m:B", "deployed", None)]
    await watching.begin(modal.ask)
    await eventually(lambda: modal.asked > 3)
    modal.standings = [Standing("m:A", "deployed", None), Standing("m:B", "missing", None)]
    asked = modal.asked
    await eventually(lambda: modal.asked > asked + 3)
    assert [record.message for record in caplog.records] == [
        "m:A is changed on Modal: skyhook functions deploy",
        "m:B is missing on Modal: skyhook functions deploy",
    ]


@pytest.fixture(scope="module")
def server(modal_server: ModalServer, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server of functions that are deployed; it does not run yet."""
    variables = modal_server.variables() | {"SKYHOOK_COMPUTE": "modal"}
    server = Server(tmp_path_factory.mktemp("server"), environment=variables)
    server.data.mkdir(exist_ok=True)
    server.prepare()
    server.command("functions", "deploy")
    return server


def functions_of(server: Server) -> dict[str, str] | None:
    """What `/health/ready` says of functions."""
    return httpx.get(f"{server.address}/health/ready").json()["functions"]  # type: ignore[no-any-return]


def test_a_server_that_starts_while_modal_refuses_connections_serves_and_gets_well(
    server: Server, modal_server: ModalServer
) -> None:
    modal_server.run(modal_server.lose())
    try:
        try:
            server.start()
            assert functions_of(server) == {
                "code": "MODAL_UNREACHABLE",
                "message": "Modal does not answer. Try again later.",
            }
            began = time.monotonic()
            (error,) = server.graphql(ANSWER)["errors"]
            assert time.monotonic() - began < 2
            assert error["extensions"]["code"] == "MODAL_UNREACHABLE"
            assert error["extensions"]["retryAfter"] == 5.0
            job = server.graphql(SUBMIT)["data"]["probeWork"]
        finally:
            modal_server.run(modal_server.find())
        deadline = time.monotonic() + 30
        while functions_of(server) is not None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert server.graphql(ANSWER)["data"] == {"probeAnswer": "one two"}
        while (state := server.graphql(JOB, id=job["id"])["data"]["job"]["state"]) != "COMPLETED":
            assert time.monotonic() < deadline, state
            time.sleep(0.1)
    finally:
        server.stop()
    assert "Modal answers" in server.log()


def test_a_server_that_starts_while_modal_takes_connections_and_is_silent_serves(server: Server) -> None:
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(64)
        address = f"http://127.0.0.1:{hole.getsockname()[1]}"
        silent = Server(server.data, environment=server.environment | {"MODAL_SERVER_URL": address})
        try:
            silent.start()
            told = functions_of(silent)
            assert told is not None
            assert told["code"] == "MODAL_UNREACHABLE"
            began = time.monotonic()
            (error,) = silent.graphql(ANSWER)["errors"]
            assert time.monotonic() - began < 2
            assert error["extensions"]["code"] == "MODAL_UNREACHABLE"
        finally:
            silent.stop()
