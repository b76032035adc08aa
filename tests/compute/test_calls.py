"""Calls with one result: what comes back, what goes wrong, what they share."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
import sample_functions as sample
import uvloop
from compute_helpers import configuration, eventually, is_gone
from sample_functions import Number, Positive, Serial, Source, Text, Tool

from skyhook.compute import backlog, errors
from skyhook.compute.local import LocalCompute


async def test_a_call_returns_what_the_method_returns(compute: LocalCompute) -> None:
    assert await compute.call(Tool.echo, Text("hello")) == Text("hello")


async def test_large_arguments_and_results_pass(compute: LocalCompute) -> None:
    data = os.urandom(20 << 20)
    assert (await compute.call(Tool.reverse, sample.Blob(data))).data == data[::-1]


def test_the_backend_runs_on_uvloop(tmp_path: Path) -> None:
    async def run() -> None:
        compute = LocalCompute(configuration(tmp_path))
        await compute.start()
        assert await compute.call(Tool.echo, Text("hello")) == Text("hello")
        source = Source(str(tmp_path / "trace"), count=100)
        assert len([chunk async for chunk in compute.stream(Tool.chunks, source)]) == 100
        await compute.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def test_concurrent_first_calls_start_one_worker(compute: LocalCompute) -> None:
    pids = await asyncio.gather(*(compute.call(Tool.pid, Text()) for _ in range(20)))
    assert len(set(pids)) == 1
    assert pids[0] != os.getpid()


async def test_a_body_that_raises_is_reported_without_its_text(
    compute: LocalCompute, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(errors.FunctionFailed) as raised:
        await compute.call(Tool.fail, Text("tomb"))
    assert "tomb" not in raised.value.message
    assert raised.value.reference in raised.value.message
    (record,) = [
        entry.getMessage() for entry in caplog.records if raised.value.reference in entry.getMessage()
    ]
    assert "ValueError: the secret of tomb" in record
    assert "sample_functions.py" in record


async def test_what_a_body_reports_reaches_the_caller(compute: LocalCompute) -> None:
    with pytest.raises(errors.FunctionReported) as raised:
        await compute.call(Tool.report, Text())
    assert (raised.value.code, raised.value.message) == ("PICTURE_TOO_LARGE", "Send a smaller picture.")


@pytest.mark.parametrize("method", [Tool.leave, Tool.mistype, Tool.unencodable, Tool.fail_oddly])
async def test_a_body_cannot_end_its_worker_or_break_its_contract(
    method: object, compute: LocalCompute
) -> None:
    pid = await compute.call(Tool.pid, Text())
    with pytest.raises(errors.FunctionFailed):
        await compute.call(method, Text("x"))  # type: ignore[arg-type]
    assert await compute.call(Tool.pid, Text()) == pid


async def test_an_argument_that_does_not_fit_is_refused(compute: LocalCompute) -> None:
    with pytest.raises(errors.FunctionBadArgument, match=">= 1"):
        await compute.call(Tool.double, Positive(-1))
    with pytest.raises(errors.FunctionBadArgument, match="cannot be sent"):
        await compute.call(Tool.echo, Text(object()))  # type: ignore[arg-type]
    assert await compute.call(Tool.double, Positive(2)) == Positive(4)


async def test_the_two_kinds_of_method_are_not_mixed_up(compute: LocalCompute) -> None:
    with pytest.raises(TypeError, match="use `stream`"):
        await compute.call(Tool.chunks, Source(""))
    with pytest.raises(TypeError, match="use `call`"):
        await anext(compute.stream(Tool.echo, Text()))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not marked"):
        await compute.call(str.upper, "x")  # type: ignore[arg-type]


async def test_at_most_concurrency_calls_run_at_once(compute: LocalCompute) -> None:
    counts = await asyncio.gather(*(compute.call(Tool.together, Number(0.02)) for _ in range(20)))
    assert max(counts) == 4


async def test_waiting_calls_run_in_the_order_they_came(compute: LocalCompute, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    await asyncio.gather(*(compute.call(Serial.trace, Source(str(trace), number)) for number in range(50)))
    assert trace.read_text().split() == [str(number) for number in range(50)]


async def test_more_waiting_calls_than_may_wait_are_refused(
    compute: LocalCompute, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "CALLS", 3)
    slow = Source(str(tmp_path / "trace"), pause_s=0.05)
    results = await asyncio.gather(
        *(compute.call(Serial.trace, slow) for _ in range(5)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, errors.FunctionBusy)]
    assert len(refused) == 2
    assert refused[0].retryable
    assert refused[0].retry_after_s == 1.0


async def test_a_cancelled_call_frees_its_place_and_nothing_else(
    compute: LocalCompute, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    running = asyncio.create_task(compute.call(Serial.trace, Source(str(trace), 1, pause_s=0.3)))
    await eventually(trace.exists)
    waiting = asyncio.create_task(compute.call(Serial.trace, Source(str(trace), 2)))
    last = asyncio.create_task(compute.call(Serial.trace, Source(str(trace), 3)))
    await asyncio.sleep(0)
    running.cancel()
    waiting.cancel()
    assert await last == Text()
    assert trace.read_text().split() == ["1", "3"]
    assert running.cancelled()
    assert waiting.cancelled()


async def test_a_body_that_runs_too_long_is_stopped(compute: LocalCompute) -> None:
    pid = await compute.call(Tool.pid, Text())
    with pytest.raises(errors.FunctionTimeout, match=r"longer than 0\.2 seconds"):
        await compute.call(Tool.spin, Number(60), timeout_s=0.2)
    await eventually(lambda: compute.status()[0].in_flight == 0)
    assert await compute.call(Tool.pid, Text()) == pid


async def test_a_body_that_lets_no_other_thread_run_is_killed_and_takes_no_later_call_along(
    compute: LocalCompute, tmp_path: Path
) -> None:
    with pytest.raises(errors.FunctionTimeout):
        await compute.call(Tool.hold, Text(str(tmp_path / "trace")), timeout_s=0.2)
    assert await compute.call(Tool.echo, Text()) == Text()


async def test_a_body_that_cannot_be_stopped_is_killed_with_its_worker(compute: LocalCompute) -> None:
    pid = await compute.call(Tool.pid, Text())
    beside = asyncio.create_task(compute.call(Tool.sleep, Number(61)))
    with pytest.raises(errors.FunctionTimeout):
        await compute.call(Tool.sleep, Number(60), timeout_s=0.2)
    with pytest.raises(errors.FunctionInterrupted) as raised:
        await beside
    assert raised.value.retryable
    assert await compute.call(Tool.pid, Text()) != pid
    assert is_gone(pid)
    assert compute.status()[0].restarts == 1


async def test_ctrl_c_is_left_to_the_server(compute: LocalCompute) -> None:
    pid = await compute.call(Tool.pid, Text())
    os.kill(pid, signal.SIGINT)
    assert await compute.call(Tool.sleep, Number(0.05)) == Text("slept")
    assert await compute.call(Tool.pid, Text()) == pid
