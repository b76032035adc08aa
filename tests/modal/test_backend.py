"""The backend on Modal against the stand-in: the same functions, errors and streams as on this machine."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
import sample_functions as sample
from compute_helpers import configuration, eventually, number_in, read_into
from modal_server import ModalServer
from sample_functions import BrokenLoad, Number, Positive, Source, Text, Tool

from skyhook.compute import errors
from skyhook.compute.expenses import Expenses
from skyhook.compute.modal import app as deployed_app
from skyhook.compute.modal.backend import ModalCompute
from skyhook.compute.modal.errors import ModalNotDeployed, ModalQuotaExceeded


@pytest.fixture(scope="module")
def deployed(modal_server: ModalServer) -> ModalServer:
    deployed_app.build([Tool, BrokenLoad], {}).deploy(name="skyhook")
    return modal_server


async def test_a_call_returns_what_the_method_returns(compute: ModalCompute) -> None:
    assert await compute.call(Tool.echo, Text("hello")) == Text("hello")


async def test_calls_run_in_another_process_that_has_loaded_once(compute: ModalCompute) -> None:
    pids = await asyncio.gather(*(compute.call(Tool.pid, Text()) for _ in range(8)))
    assert len(set(pids)) == 1
    assert pids[0] != os.getpid()


async def test_at_most_concurrency_calls_run_at_once(compute: ModalCompute) -> None:
    counts = await asyncio.gather(*(compute.call(Tool.together, Number(0.05)) for _ in range(12)))
    assert 1 < max(counts) <= 4


async def test_large_arguments_and_results_pass(compute: ModalCompute) -> None:
    data = os.urandom(6 << 20)
    assert (await compute.call(Tool.reverse, sample.Blob(data))).data == data[::-1]


async def test_a_body_that_raises_is_reported_without_its_text(
    compute: ModalCompute, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(errors.FunctionFailed) as raised:
        await compute.call(Tool.fail, Text("tomb"))
    assert "tomb" not in raised.value.message
    assert raised.value.reference in caplog.text
    assert "ValueError: the secret of tomb" in caplog.text


async def test_what_a_body_reports_reaches_the_caller(compute: ModalCompute) -> None:
    with pytest.raises(errors.FunctionReported) as raised:
        await compute.call(Tool.report, Text())
    assert (raised.value.code, raised.value.message) == ("PICTURE_TOO_LARGE", "Send a smaller picture.")


@pytest.mark.parametrize("method", [Tool.leave, Tool.mistype, Tool.unencodable, Tool.fail_oddly])
async def test_a_body_cannot_end_its_container_or_break_its_contract(
    method: object, compute: ModalCompute
) -> None:
    pid = await compute.call(Tool.pid, Text())
    with pytest.raises(errors.FunctionFailed):
        await compute.call(method, Text("x"))  # type: ignore[arg-type]
    assert await compute.call(Tool.pid, Text()) == pid


async def test_an_argument_that_does_not_fit_is_refused(compute: ModalCompute) -> None:
    with pytest.raises(errors.FunctionBadArgument, match=">= 1"):
        await compute.call(Tool.double, Positive(-1))
    with pytest.raises(errors.FunctionBadArgument, match="cannot be sent"):
        await compute.call(Tool.echo, Text(object()))  # type: ignore[arg-type]


async def test_a_body_that_runs_out_of_memory_says_so(compute: ModalCompute) -> None:
    with pytest.raises(errors.FunctionOutOfMemory):
        await compute.call(Tool.forget, Text())


async def test_a_body_that_runs_too_long_is_stopped(compute: ModalCompute) -> None:
    pid = await compute.call(Tool.pid, Text())
    with pytest.raises(errors.FunctionTimeout):
        await compute.call(Tool.spin, Number(60), timeout_s=0.2)
    assert await compute.call(Tool.pid, Text()) == pid


async def test_a_crash_interrupts_the_call_and_the_next_one_gets_another_container(
    compute: ModalCompute,
) -> None:
    with pytest.raises(errors.FunctionInterrupted):
        await compute.call(Tool.crash, Text())
    assert await compute.call(Tool.echo, Text("again")) == Text("again")


async def test_a_stream_yields_what_the_method_yields(compute: ModalCompute, tmp_path: Path) -> None:
    source = Source(str(tmp_path / "trace"), count=300)
    chunks = [chunk async for chunk in compute.stream(Tool.chunks, source)]
    assert [int.from_bytes(chunk.data[:4], "big") for chunk in chunks] == list(range(300))


async def test_an_error_comes_after_what_was_yielded_before_it(compute: ModalCompute) -> None:
    chunks: list[Text] = []
    with pytest.raises(errors.FunctionFailed):
        await read_into(chunks, compute.stream(Tool.fail_late, Text("x")))
    assert chunks == [Text("x"), Text("x")]


async def test_closing_a_stream_closes_its_generator(compute: ModalCompute, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    stream = compute.stream(Tool.chunks, Source(str(trace), pause_s=0.01))
    await anext(stream)
    await stream.aclose()
    await eventually((tmp_path / "trace.end").exists)
    assert (tmp_path / "trace.end").read_text().split() == ["closed", "ended"]
    reached = number_in(trace)
    assert reached < 1000


async def test_a_call_tells_what_it_cost_also_where_its_body_raises(compute: ModalCompute) -> None:
    expenses = Expenses()
    await compute.call(Tool.together, Number(0.01), expenses=expenses)
    ((function, (microseconds, nano_dollars)),) = expenses.by_function.items()
    assert function == "sample_functions:Tool"
    assert microseconds >= 10_000
    assert nano_dollars > 0
    with pytest.raises(errors.FunctionFailed):
        await compute.call(Tool.fail, Text("tomb"), expenses=expenses)
    assert expenses.known == expenses.by_function
    assert expenses.by_function[function] > (microseconds, nano_dollars)


async def test_calls_at_a_time_pay_for_their_container_once(compute: ModalCompute) -> None:
    expenses = [Expenses() for _ in range(4)]
    await asyncio.gather(*(compute.call(Tool.together, Number(0.4), expenses=one) for one in expenses))
    microseconds = sum(us for one in expenses for us, _ in one.by_function.values())
    assert 0.4e6 <= microseconds < 4 * 0.4e6


async def test_a_stream_that_is_left_and_a_detached_call_tell_what_they_cost(
    compute: ModalCompute, tmp_path: Path
) -> None:
    left, collected = Expenses(), Expenses()
    stream = compute.stream(Tool.chunks, Source(str(tmp_path / "left"), pause_s=0.05), expenses=left)
    for _ in range(3):
        await anext(stream)
    await stream.aclose()
    call_id = await compute.spawn(Tool.chunks, Source(str(tmp_path / "trace"), count=3, pause_s=0.05), "a")
    chunks = [chunk async for chunk in compute.collect(call_id, Tool.chunks, expenses=collected)]
    assert len(chunks) == 3
    for expenses in (left, collected):
        ((microseconds, _),) = expenses.by_function.values()
        assert microseconds > 0.05e6


async def test_a_spawned_call_is_collected_by_another_backend(
    compute: ModalCompute, deployed: ModalServer, tmp_path: Path
) -> None:
    call_id = await compute.spawn(Tool.chunks, Source(str(tmp_path / "trace"), count=3), "a-token")
    other = ModalCompute(configuration(tmp_path / "other"), {})
    chunks = [chunk async for chunk in other.collect(call_id, Tool.chunks)]
    assert len(chunks) == 3


async def test_a_spawned_call_is_cancelled(compute: ModalCompute) -> None:
    call_id = await compute.spawn(Tool.spin, Number(600), "to-be-cancelled")
    await asyncio.sleep(0.3)
    await compute.cancel("to-be-cancelled", call_id)
    with pytest.raises(errors.FunctionInterrupted):
        await anext(compute.collect(call_id, Tool.spin))


async def test_of_the_calls_of_one_token_one_runs_and_its_result_is_theirs(compute: ModalCompute) -> None:
    first, second = [await compute.spawn(Tool.nonce, Text(), "twice") for _ in range(2)]
    results = [await anext(compute.collect(one, Tool.nonce)) for one in (second, first)]
    assert first != second
    assert results[0] == results[1]
    assert await compute.find("twice") == first
    assert await compute.find("never") is None


async def test_a_call_whose_token_was_cancelled_before_it_began_does_not_begin(
    compute: ModalCompute, tmp_path: Path
) -> None:
    await compute.cancel("revoked", None)
    trace = tmp_path / "trace"
    call_id = await compute.spawn(Tool.chunks, Source(str(trace), count=3), "revoked")
    with pytest.raises(errors.FunctionInterrupted):
        await anext(compute.collect(call_id, Tool.chunks))
    assert not trace.exists()


async def test_a_function_that_cannot_load_is_unavailable(
    compute: ModalCompute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SAMPLE_TRACE", raising=False)
    with pytest.raises(errors.FunctionUnavailable):
        await compute.call(BrokenLoad.echo, Text())
    (status,) = [one for one in compute.status() if "BrokenLoad" in one.function]
    assert status.last_error is not None
    assert "SAMPLE_TRACE" in status.last_error


async def test_a_function_that_is_not_deployed_says_what_to_do(compute: ModalCompute) -> None:
    with pytest.raises(ModalNotDeployed, match="skyhook functions deploy"):
        await compute.call(sample.Serial.trace, Source(""))


async def test_a_spent_quota_is_told_as_such(
    compute: ModalCompute, deployed: ModalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployed.state, "refuses", "the workspace has no more credit")
    with pytest.raises(ModalQuotaExceeded) as raised:
        await compute.call(Tool.echo, Text())
    assert raised.value.retryable
