"""Streams: their order, their end, their reader's pace."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from compute_helpers import eventually, number_in, read_into
from sample_functions import Number, Source, Text, Tool

from skyhook.compute import errors
from skyhook.compute.local import LocalCompute
from skyhook.compute.protocol import STREAM_WINDOW_BYTES


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace"


def end_of(trace: Path) -> list[str]:
    path = trace.with_name("trace.end")
    return path.read_text().split() if path.exists() else []


async def test_chunks_come_in_order_and_the_stream_ends(compute: LocalCompute, trace: Path) -> None:
    source = Source(str(trace), count=5000, size=100)
    chunks = [chunk async for chunk in compute.stream(Tool.chunks, source)]
    assert [int.from_bytes(chunk.data[:4], "big") for chunk in chunks] == list(range(5000))
    assert end_of(trace) == ["ended"]


async def test_chunks_arrive_while_the_generator_still_runs(compute: LocalCompute, trace: Path) -> None:
    stream = compute.stream(Tool.chunks, Source(str(trace), count=3, pause_s=0.5))
    await anext(stream)
    assert number_in(trace) == 1
    await stream.aclose()


async def test_chunks_larger_than_the_window_pass(compute: LocalCompute, trace: Path) -> None:
    source = Source(str(trace), count=10, size=5 * STREAM_WINDOW_BYTES)
    assert [len(chunk.data) async for chunk in compute.stream(Tool.chunks, source)] == [source.size] * 10


async def test_an_error_comes_after_the_chunks_before_it(compute: LocalCompute) -> None:
    chunks: list[Text] = []
    with pytest.raises(errors.FunctionFailed):
        await read_into(chunks, compute.stream(Tool.fail_late, Text("x")))
    assert chunks == [Text("x"), Text("x")]


async def test_a_slow_reader_holds_the_generator_back(compute: LocalCompute, trace: Path) -> None:
    size = 1000
    ahead = STREAM_WINDOW_BYTES // size + 2
    stream = compute.stream(Tool.chunks, Source(str(trace), count=1000, size=size))
    await anext(stream)
    await eventually(lambda: number_in(trace) >= ahead - 4)
    await asyncio.sleep(0.2)
    assert number_in(trace) <= ahead
    assert len([chunk async for chunk in stream]) == 999


@pytest.mark.parametrize("pause_s", [0.0, 0.01], ids=["held back", "between chunks"])
async def test_closing_a_stream_closes_its_generator(
    compute: LocalCompute, trace: Path, pause_s: float
) -> None:
    stream = compute.stream(Tool.chunks, Source(str(trace), size=1000, pause_s=pause_s))
    await anext(stream)
    await stream.aclose()
    await eventually(lambda: end_of(trace) == ["closed", "ended"])
    await eventually(lambda: compute.status()[0].in_flight == 0)
    assert await compute.call(Tool.echo, Text()) == Text()


async def test_cancelling_the_reader_closes_the_generator(compute: LocalCompute, trace: Path) -> None:
    reader = asyncio.create_task(read_into([], compute.stream(Tool.chunks, Source(str(trace), pause_s=0.01))))
    await eventually(trace.exists)
    reader.cancel()
    await eventually(lambda: end_of(trace) == ["closed", "ended"])


async def test_a_stream_that_is_never_read_runs_nothing(compute: LocalCompute, trace: Path) -> None:
    await compute.stream(Tool.chunks, Source(str(trace))).aclose()
    assert compute.status() == []


async def test_a_stream_that_runs_too_long_is_stopped(compute: LocalCompute) -> None:
    chunks: list[Text] = []
    with pytest.raises(errors.FunctionTimeout):
        await read_into(chunks, compute.stream(Tool.spin_late, Number(60), timeout_s=0.2))
    assert chunks == [Text("first")]
    await eventually(lambda: compute.status()[0].in_flight == 0)
    assert compute.status()[0].state == "warm"


async def test_a_reader_that_holds_a_stream_back_too_long_loses_it(
    compute: LocalCompute, trace: Path
) -> None:
    stream = compute.stream(Tool.chunks, Source(str(trace), size=1000), timeout_s=0.3)
    await anext(stream)
    await eventually(lambda: end_of(trace) == ["closed", "ended"])
    with pytest.raises(errors.FunctionTimeout):
        await read_into([], stream)


async def test_a_worker_killed_in_the_middle_of_a_stream_interrupts_it(
    compute: LocalCompute, trace: Path
) -> None:
    pid = await compute.call(Tool.pid, Text())
    stream = compute.stream(Tool.chunks, Source(str(trace), pause_s=0.01))
    await anext(stream)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(errors.FunctionInterrupted):
        await read_into([], stream)
    assert await compute.call(Tool.pid, Text()) != pid
