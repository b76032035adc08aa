"""Modal out of reach, containers that die, functions that fail again and again, and too many calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from modal_server import ModalServer
from sample_functions import Number, Serial, Source, Text, Tool

from skyhook.compute import backlog, breaker, errors
from skyhook.compute.modal import questions
from skyhook.compute.modal.app import build
from skyhook.compute.modal.backend import ModalCompute
from skyhook.compute.modal.errors import ModalUnauthorized, ModalUnreachable


@pytest.fixture(scope="module")
def deployed(modal_server: ModalServer) -> ModalServer:
    build([Tool, Serial], {}).deploy(name="skyhook")
    return modal_server


@pytest.fixture
async def compute(compute: ModalCompute) -> ModalCompute:
    await compute.call(Tool.echo, Text("warm"))
    return compute


@asynccontextmanager
async def lost(server: ModalServer) -> AsyncGenerator[None, None]:
    await asyncio.to_thread(server.run, server.lose())
    try:
        yield
    finally:
        await asyncio.to_thread(server.run, server.find())


async def test_a_call_outlives_a_short_loss_of_the_connection(
    compute: ModalCompute, deployed: ModalServer
) -> None:
    call = asyncio.create_task(compute.call(Tool.sleep, Number(0.6)))
    await asyncio.sleep(0.2)
    async with lost(deployed):
        await asyncio.sleep(0.1)
    assert await call == Text("slept")


async def test_a_modal_out_of_reach_is_told_as_such_before_long(
    compute: ModalCompute, deployed: ModalServer
) -> None:
    call = asyncio.create_task(compute.call(Tool.sleep, Number(0.6)))
    await asyncio.sleep(0.2)
    began = time.monotonic()
    async with lost(deployed):
        for one in (call, compute.call(Tool.echo, Text())):
            with pytest.raises(ModalUnreachable) as raised:
                await one
            assert raised.value.retryable
            assert raised.value.retry_after_s
    assert time.monotonic() - began < 10
    assert await compute.call(Tool.echo, Text("again")) == Text("again")


async def test_a_detached_call_is_waited_for_though_modal_is_out_of_reach_for_a_while(
    compute: ModalCompute, deployed: ModalServer
) -> None:
    call_id = await compute.spawn(Tool.sleep, Number(0.5), "a long way")
    collected = asyncio.create_task(anext(compute.collect(call_id, Tool.sleep)))
    async with lost(deployed):
        await asyncio.sleep(2.5)
        assert not collected.done()
    assert await collected == Text("slept")


async def test_what_is_out_of_reach_for_too_long_ends_the_waiting_and_not_the_call(
    compute: ModalCompute, deployed: ModalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "UNREACHABLE_S", 0.0)
    call_id = await compute.spawn(Tool.sleep, Number(0.5), "too long a way")
    async with lost(deployed):
        with pytest.raises(errors.NotAnswered):
            await anext(compute.collect(call_id, Tool.sleep))
    assert await anext(compute.collect(call_id, Tool.sleep)) == Text("slept")


async def test_a_function_that_fails_again_and_again_is_refused_at_once_and_tried_later(
    compute: ModalCompute, deployed: ModalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PAUSE_S", (0.5, 1.0))
    for _ in range(breaker.FAILURES):
        with pytest.raises(errors.FunctionInterrupted):
            await compute.call(Tool.crash, Text())
    began = time.monotonic()
    for begin in (
        compute.call(Tool.echo, Text()),
        anext(compute.stream(Tool.chunks, Text())),
        compute.spawn(Tool.echo, Text(), "refused"),
    ):
        with pytest.raises(errors.FunctionUnavailable, match="several calls in a row") as raised:
            await begin
        assert raised.value.retry_after_s == 1.0
    assert time.monotonic() - began < 0.3
    (status,) = compute.status()
    assert status.state == "failed"
    await asyncio.sleep(0.5)
    assert await compute.call(Tool.echo, Text("well")) == Text("well")
    assert await compute.call(Tool.echo, Text("again")) == Text("again")


async def test_what_a_call_does_to_itself_leaves_the_function_in_use(compute: ModalCompute) -> None:
    for _ in range(breaker.FAILURES + 1):
        with pytest.raises(errors.FunctionFailed):
            await compute.call(Tool.fail, Text())
    assert await compute.call(Tool.echo, Text("well")) == Text("well")


async def test_more_calls_than_may_wait_are_refused(
    compute: ModalCompute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog, "CALLS", 3)
    results = await asyncio.gather(
        *(compute.call(Tool.sleep, Number(0.2)) for _ in range(5)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, errors.FunctionBusy)]
    assert len(refused) == 2
    assert refused[0].retryable
    assert refused[0].retry_after_s == 1.0
    assert await compute.call(Tool.echo, Text("next")) == Text("next")


async def test_calls_that_take_long_keep_no_other_function_waiting(
    compute: ModalCompute, deployed: ModalServer, tmp_path: Path
) -> None:
    quick = Source(str(tmp_path / "trace"))
    await compute.call(Serial.trace, quick)
    slow = [asyncio.create_task(compute.call(Tool.sleep, Number(1.0))) for _ in range(150)]
    await asyncio.sleep(1.0)
    try:
        async with asyncio.timeout(10):
            await compute.call(Serial.trace, quick)
        assert sum(one.done() for one in slow) < 50
    finally:
        functions = deployed.state.functions.values()
        deployed.do(lambda: [function.waiting.clear() for function in functions])
        for one in slow:
            one.cancel()
        await asyncio.gather(*slow, return_exceptions=True)


async def test_a_token_that_is_refused_meanwhile_is_told_as_such_and_leaves_the_function_in_use(
    compute: ModalCompute, deployed: ModalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(deployed.state, "token", ("ak-other", "as-other"))
        for _ in range(breaker.FAILURES + 1):
            with pytest.raises(ModalUnauthorized, match="MODAL_TOKEN_ID"):
                await compute.call(Tool.echo, Text())
    assert await compute.call(Tool.echo, Text("well")) == Text("well")
