"""A training on Modal: its container is killed, its command is killed, and the run goes on all the same."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from modal_server import ModalServer
from modal_state import Call
from tests.nursery import Command, nursery
from tests.serving import PROBE, Server
from tests.training.bench import Bench, orders, until

from skyhook.compute.modal.app import build
from skyhook.compute.modal.backend import ModalCompute
from skyhook.compute.modal.checkpoints import VolumeCheckpoints
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.training.errors import TrainingStuck


@pytest.fixture(scope="module", autouse=True)
def order(
    modal_server: ModalServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., None]]:
    """Tells the training what to do in its containers, where it is deployed."""
    path = tmp_path_factory.mktemp("orders") / "orders.json"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PROBE_TRAINING", str(path))
        patched.syspath_prepend(str(PROBE))
        from probe_training import LineTraining

        build([LineTraining], {}).deploy(name="skyhook")
        yield orders(path)


@pytest.fixture
async def bench(tmp_path: Path, sqlite_template: Path, order: Callable[..., None]) -> AsyncIterator[Bench]:
    order()
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(sqlite_template, data / "skyhook.db")
    database = Database(f"sqlite:///{data}/skyhook.db")
    compute = ModalCompute(Configuration(data, 8000, "127.0.0.1", "sqlite://", "modal"), {})
    yield Bench(data, database, compute, VolumeCheckpoints(), "modal")
    await compute.close()
    await database.close()


def saved_step(server: ModalServer, bench: Bench) -> int:
    """The last step of the run whose checkpoint is committed; 0 where there is none."""
    if (run := bench.run()) is None:
        return 0
    files = server.state.files.get(server.state.volumes.get("skyhook-checkpoints", ""), {})
    reached = files.get(f"{run['checkpoints']}/reached.json", b'{"step": 0}')
    step: int = json.loads(reached)["step"]
    return step


def trainings(server: ModalServer) -> list[Call]:
    """The detached calls that there were."""
    return [call for call in list(server.state.calls.values()) if call.input.method_name == "work"]


def line_of(folder: str) -> bytes:
    """The weights in a folder."""
    return Path(folder, "line.json").read_bytes()


def kill_container(server: ModalServer) -> None:
    for container in server.containers.running:
        if container.calls:
            server.do(container.kill)


async def test_a_killed_container_is_followed_by_one_that_goes_on(
    bench: Bench, modal_server: ModalServer, order: Callable[..., None]
) -> None:
    before = len(trainings(modal_server))
    order(pause_s=0.02)
    training = asyncio.create_task(bench.train())
    await until(lambda: saved_step(modal_server, bench) >= 20)
    kill_container(modal_server)
    order()
    outcome = await training
    assert (outcome.reasons, outcome.version) == ([], 1)
    assert bench.told.count("Interrupted (FUNCTION_INTERRUPTED); going on from step") == 1
    assert len(trainings(modal_server)) == before + 2
    steps = [int(line.split()[1]) for line in bench.lines if line.startswith("step ")]
    assert steps == sorted(steps), "it began anew"
    assert steps[-1] == 60


async def test_what_was_trained_is_where_servers_and_containers_find_it_and_is_compared_with(
    bench: Bench, modal_server: ModalServer
) -> None:
    outcome = await bench.train()
    volume = modal_server.state.files[modal_server.state.volumes["skyhook-models"]]
    assert volume["probe-line@1/line.json"] == line_of(outcome.candidate)
    again = await bench.train(steps=14)  # by a container that began before there was that version
    assert [score.compared is None for score in again.scores] == [False, False]
    assert any("worse than what is published" in reason for reason in again.reasons)
    assert again.candidate.endswith("/candidate on the volume skyhook-checkpoints")
    assert (await bench.catalogue.get("probe", "probe-line")).version == 1


async def test_checkpoints_of_a_published_run_are_deleted_and_those_of_a_refused_one_kept(
    bench: Bench, modal_server: ModalServer
) -> None:
    files = modal_server.state.files[modal_server.state.volumes["skyhook-checkpoints"]]
    before = set(files)
    await bench.train(steps=3)
    run = bench.run()
    assert run is not None
    kept = {name.removeprefix(run["checkpoints"]) for name in files.keys() - before}
    assert kept == {"/line.json", "/reached.json", "/candidate/line.json"}
    await bench.train()
    assert set(files) == before


async def test_what_gets_no_further_is_given_up(
    bench: Bench, modal_server: ModalServer, order: Callable[..., None]
) -> None:
    order(kill_always=15)
    with pytest.raises(TrainingStuck, match="3 times without getting beyond step 10"):
        await bench.train()
    order()
    assert (await bench.train()).version == 1


async def test_a_call_is_stopped_and_its_checkpoints_stay(
    bench: Bench, modal_server: ModalServer, order: Callable[..., None]
) -> None:
    order(pause_s=0.05)
    training = asyncio.create_task(bench.train())
    await until(lambda: saved_step(modal_server, bench) >= 10)
    training.cancel()
    await asyncio.wait([training])
    call = trainings(modal_server)[-1]
    assert not call.is_cancelled
    assert await bench.trainings.stop("probe-line")
    assert call.is_cancelled
    assert not await bench.trainings.stop("probe-line")
    await until(lambda: call.output is not None)
    reached = saved_step(modal_server, bench)
    assert 10 <= reached < 60
    order()
    bench.lines.clear()
    assert (await bench.train()).version == 1
    assert f"step {reached} of 60" in bench.told
    assert "step 10 of" not in bench.told or reached == 10


def test_a_killed_command_finds_its_call_again(
    bench: Bench, modal_server: ModalServer, order: Callable[..., None]
) -> None:
    server = Server(bench.data, environment=modal_server.variables() | {"SKYHOOK_COMPUTE": "modal"})
    order(pause_s=0.5)
    before = len(trainings(modal_server))
    first, second = bench.data / "first", bench.data / "second"
    command = begin(server, first)
    while "Begun as the call" not in first.read_text():
        assert command.poll() is None
        time.sleep(0.02)
    command.send_signal(signal.SIGKILL)
    command.wait()
    order(pause_s=0.01)
    assert begin(server, second).wait(timeout=60) == 0
    printed = second.read_text()
    assert "Watching the call" in printed
    assert "near: 100.0%" in printed
    assert "Published as probe-line@1" in printed
    assert len(trainings(modal_server)) == before + 1, "the call was begun again"
    assert "probe-line " in server.command("models", "list")


def begin(server: Server, printed: Path) -> Command:
    """The command, running."""
    printed.touch()
    environment = server.variables() | {"PROBE_TRAINING": os.environ["PROBE_TRAINING"]}
    return nursery().start(["train", "probe-line"], environment, printed, printed)
