"""Isolated functions against the stand-in: each call has a machine of its own, which ends with it."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from uuid import uuid4

import modal
import msgspec
import pytest
from compute_helpers import configuration, eventually, read_into
from modal_server import ModalServer
from sample_functions import Alone, AloneBroken, Blob, Number, Text

from skyhook.compute import breaker, errors
from skyhook.compute.expenses import Expenses
from skyhook.compute.modal import sandboxes
from skyhook.compute.modal.app import build
from skyhook.compute.modal.backend import ModalCompute
from skyhook.compute.modal.deployment import publish
from skyhook.compute.modal.errors import ModalNotDeployed, ModalQuotaExceeded, ModalUnauthorized
from skyhook.compute.modal.prices import RESERVED_CORES
from skyhook.compute.signature import signature_of
from skyhook.function import WeightsFolder, function, spec_of
from skyhook.jobs.run import JobRun

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the stand-in's machines")


class Weights(msgspec.Struct):
    folder: WeightsFolder


@pytest.fixture(scope="module")
def deployed(modal_server: ModalServer) -> ModalServer:
    build([Alone, AloneBroken], {}).deploy(name="skyhook")

    async def images() -> None:
        app = await modal.App.lookup.aio("skyhook")
        await publish([spec_of(Alone), spec_of(AloneBroken)], app)

    asyncio.run(images())
    return modal_server


@pytest.fixture
async def compute(deployed: ModalServer, tmp_path: Path) -> AsyncGenerator[ModalCompute, None]:
    backend = ModalCompute(configuration(tmp_path / "data"), {})
    yield backend
    await backend.close()
    assert deployed.machines.running == []


async def test_each_call_has_a_machine_of_its_own_without_a_network(
    compute: ModalCompute, deployed: ModalServer
) -> None:
    before = len(deployed.machines.all)
    said = [await compute.call(Alone.where, Text(text)) for text in ("one", "two")]
    assert [text.text.split()[0] for text in said] == ["True", "True"]
    assert {text.text.split()[2] for text in said} == {"lo"}
    one, other = deployed.machines.all[before:]
    assert one.is_blocked
    assert other.is_blocked
    assert one.definition.timeout_secs == 20 + 60
    assert one.definition.idle_timeout_secs == 20
    resources = one.definition.resources
    assert (resources.memory_mb, resources.memory_mb_max) == (128, 512)
    assert (resources.milli_cpu, resources.milli_cpu_max) == (125, 2000)
    assert not one.definition.secret_ids
    assert not one.definition.volume_mounts


async def test_large_arguments_and_results_pass(compute: ModalCompute) -> None:
    data = os.urandom(5 << 20)
    assert (await compute.call(Alone.reverse, Blob(data))).data == data[::-1]


async def test_a_stream_comes_while_it_runs_and_ends_its_machine_where_nobody_reads_on(
    compute: ModalCompute, deployed: ModalServer
) -> None:
    numbers = compute.stream(Alone.count, Number(0.02))
    assert [int((await anext(numbers)).value) for _ in range(5)] == [0, 1, 2, 3, 4]
    (sandbox,) = deployed.machines.running
    assert is_there(sandbox.machine.pid)
    await numbers.aclose()
    await eventually(lambda: not is_there(sandbox.machine.pid))


async def test_a_call_that_is_given_up_while_its_machine_is_made_leaves_none(
    compute: ModalCompute, deployed: ModalServer
) -> None:
    before = len(deployed.machines.all)
    call = asyncio.create_task(compute.call(Alone.spin, Number(60)))
    await asyncio.sleep(0.02)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await compute.close()
    assert deployed.machines.running == []
    assert len(deployed.machines.all) <= before + 1


async def test_a_body_ends_in_the_errors_of_any_other_backend(
    compute: ModalCompute, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(errors.FunctionReported) as reported:
        await compute.call(Alone.refuse, Text())
    assert (reported.value.code, reported.value.message) == ("ALONE_REFUSED", "Ask otherwise.")
    with pytest.raises(errors.FunctionFailed) as failed:
        await compute.call(Alone.fail, Text("tomb"))
    assert "tomb" not in failed.value.message
    assert "ValueError: the secret of tomb" in caplog.text
    with pytest.raises(errors.FunctionBadArgument):
        await compute.call(Alone.reverse, Text())  # type: ignore[arg-type]
    with pytest.raises(errors.FunctionTimeout):
        await compute.call(Alone.spin, Number(0.5), timeout_s=0.2)
    with pytest.raises(errors.FunctionUnavailable):
        await compute.call(AloneBroken.echo, Text())
    assert "no weights here" in caplog.text


async def test_a_command_that_ends_early_says_why(
    compute: ModalCompute, deployed: ModalServer, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(errors.FunctionInterrupted):
        await compute.call(Alone.end, Number(0))
    assert "exit code 3" in caplog.text
    with pytest.raises(errors.FunctionOutOfMemory):  # who else would kill it on its own machine
        await compute.call(Alone.end, Number(signal.SIGKILL))
    numbers = compute.stream(Alone.count, Number(0.05))
    await anext(numbers)
    os.kill(deployed.machines.all[-1].machine.pid, signal.SIGKILL)
    with pytest.raises((errors.FunctionInterrupted, errors.FunctionOutOfMemory)):
        await read_into([], numbers)


async def test_programs_that_end_their_machines_keep_nobody_from_theirs(compute: ModalCompute) -> None:
    for _ in range(breaker.FAILURES):
        with pytest.raises(errors.FunctionInterrupted):
            await compute.call(Alone.end, Number(0))
    assert (await compute.call(Alone.where, Text("well"))).text.endswith("well")


async def test_a_machine_whose_server_has_died_ends_by_itself(
    compute: ModalCompute, deployed: ModalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandboxes, "IDLE_S", 1)
    monkeypatch.setattr(compute, "_terminate", lambda creating: None)
    await compute.call(Alone.where, Text())
    (sandbox,) = deployed.machines.running
    await eventually(lambda: not deployed.machines.running)
    assert sandbox.result is not None
    assert sandbox.result.status == sandbox.result.GENERIC_STATUS_IDLE_TIMEOUT


async def test_a_call_costs_what_its_machine_reserved_by_the_prices_of_sandboxes(
    compute: ModalCompute,
) -> None:
    expenses = Expenses()
    await compute.call(Alone.spin, Number(0.2), expenses=expenses)
    ((microseconds, nano_dollars),) = expenses.by_function.values()
    assert microseconds >= 0.2e6
    prices = compute._prices
    least = microseconds / 1e6 * (prices.sandbox_core * RESERVED_CORES + prices.sandbox_memory_gib * 0.5 / 4)
    assert nano_dollars >= int(least)
    left = Expenses()
    numbers = compute.stream(Alone.count, Number(0.01), expenses=left)
    await anext(numbers)
    await numbers.aclose()
    assert left.known


async def test_what_modal_refuses_is_told_as_for_any_other_function(
    compute: ModalCompute, deployed: ModalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(deployed.state, "refuses", "the workspace has no more credit")
        with pytest.raises(ModalQuotaExceeded):
            await compute.call(Alone.where, Text())
    with monkeypatch.context() as patch:
        patch.setattr(deployed.state, "token", ("ak-other", "as-other"))
        with pytest.raises(ModalUnauthorized):
            await compute.call(Alone.where, Text())
    with monkeypatch.context() as patch:
        patch.setattr(deployed.state, "image_names", {})
        with pytest.raises(ModalNotDeployed, match="skyhook functions deploy"):
            await compute.call(Alone.where, Text())


async def test_a_job_waits_for_its_isolated_calls_itself(
    compute: ModalCompute, deployed: ModalServer, tmp_path: Path
) -> None:
    rest = inspect.signature(JobRun).parameters.keys() - {"compute", "job_id", "folder"}
    run = JobRun(compute=compute, job_id=uuid4(), folder=tmp_path, **dict.fromkeys(rest))
    assert (await run.compute(Alone.where, Text("of a job"))).text.startswith("True")
    async with aclosing(run.stream(Alone.count, Number(0.01))) as numbers:
        assert (await anext(numbers)).value == 0
    assert run.expenses.known
    with pytest.raises(TypeError, match="isolated"):
        await compute.spawn(Alone.where, Text(), "a token")


def test_marks_that_a_machine_of_its_own_cannot_have_are_refused() -> None:
    for marks in ({"gpu": "L4"}, {"stateful": True}):
        with pytest.raises(TypeError, match="isolated"):
            function(isolated=True, **marks)

    @function(isolated=True)
    class Weighing:
        def weigh(self, weights: Weights) -> Text:
            return Text()

    with pytest.raises(TypeError, match="isolated"):
        signature_of(Weighing.weigh)


def is_there(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()
