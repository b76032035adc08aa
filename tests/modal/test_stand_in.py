"""The stand-in itself: the real client deploys to it, and its containers run the real entry point."""

from __future__ import annotations

from pathlib import Path

import modal
import pytest
from compute_helpers import eventually
from modal_sample import Sample, app
from modal_server import ModalServer


@pytest.fixture(scope="module")
def sample(modal_server: ModalServer) -> object:
    app.deploy()
    return modal.Cls.from_name("sample", "Sample")()


async def test_a_deployed_function_runs_in_a_container(sample: Sample) -> None:
    assert await sample.add.remote.aio(1, 2) == 3


async def test_a_generator_streams(sample: Sample) -> None:
    assert [number async for number in sample.count.remote_gen.aio(100)] == list(range(100))


async def test_what_a_body_raises_reaches_the_caller(sample: Sample) -> None:
    with pytest.raises(ValueError, match="as told"):
        await sample.fail.remote.aio()


async def test_what_is_too_large_for_a_message_goes_through_a_blob(sample: Sample) -> None:
    data = bytes(range(256)) * 20_000
    assert await sample.reverse.remote.aio(data) == data[::-1]


async def test_a_spawned_call_is_found_by_its_id(sample: Sample) -> None:
    call = await sample.add.spawn.aio(3, 4)
    assert await modal.FunctionCall.from_id(call.object_id).get.aio() == 7


async def test_a_cancelled_call_is_stopped_in_its_container(sample: Sample, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    call = await sample.hang.spawn.aio(str(trace))
    await eventually(trace.exists)
    await call.cancel.aio()
    with pytest.raises(modal.exception.RemoteError):
        await call.get.aio()
    await eventually(lambda: trace.read_text() == "cancelled")


async def test_a_crashed_container_ends_its_calls_and_the_next_one_gets_another(sample: Sample) -> None:
    with pytest.raises(modal.exception.InternalFailure):
        await sample.crash.remote.aio()
    assert await sample.add.remote.aio(1, 2) == 3


async def test_a_wrong_token_is_refused(modal_server: ModalServer) -> None:
    async with modal.Client(modal_server.address, 1, ("ak-wrong", "as-wrong")) as client:
        with pytest.raises(modal.exception.AuthError):
            await client.hello.aio()
