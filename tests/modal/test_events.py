"""What detached calls tell while they run."""

from __future__ import annotations

import time
from contextlib import aclosing
from pathlib import Path

import pytest
from compute_helpers import configuration, eventually
from modal_server import ModalServer
from modal_storing import PARTITION_ITEMS
from sample_functions import Kept, Source, Told, Tool

from skyhook.compute.modal import events
from skyhook.compute.modal.app import build
from skyhook.compute.modal.backend import ModalCompute


@pytest.fixture(scope="module", autouse=True)
def deployed(modal_server: ModalServer) -> None:
    build([Tool], {}).deploy(name="skyhook")


@pytest.fixture
def compute(tmp_path: Path) -> ModalCompute:
    return ModalCompute(configuration(tmp_path / "data"), {})


async def spawn(compute: ModalCompute, source: Source) -> str:
    return await compute.spawn(Tool.tells, source, f"token of {time.monotonic_ns()}")


def kept(count: int) -> list[Kept]:
    return [Kept(number) for number in range(9, count, 10)]


async def test_it_is_shown_while_the_call_runs_and_also_to_a_server_that_came_later(
    compute: ModalCompute, tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    call_id = await spawn(compute, Source(str(go_on), count=40, pause_s=0.02))
    async with aclosing(compute.collect(call_id, Tool.tells)) as first:
        assert isinstance(await anext(first), Told)
    other = ModalCompute(configuration(tmp_path / "other"), {})
    async with aclosing(other.collect(call_id, Tool.tells)) as told:
        seen = [await anext(told)]
        assert isinstance(seen[0], Told)
        assert seen[0].number < 20, "the call waits, so this was told while it ran"
        go_on.touch()
        seen += [event async for event in told]
    numbers = [event.number for event in seen if isinstance(event, Told)]
    assert numbers == sorted(numbers)
    assert [event for event in seen if isinstance(event, Kept)] == kept(40)


async def test_more_than_can_be_told_gives_way_and_delays_nothing(
    compute: ModalCompute, modal_server: ModalServer
) -> None:
    began = time.monotonic()
    call_id = await spawn(compute, Source("", count=20_000))
    seen = [event async for event in compute.collect(call_id, Tool.tells)]
    took = time.monotonic() - began
    assert [event for event in seen if isinstance(event, Kept)] == kept(20_000)
    told = sum(isinstance(event, Told) for event in seen)
    assert told <= events.PENDING * (took / events.PAUSE_S + 2)
    (call,) = [call for call in modal_server.state.calls.values() if call.id == call_id]
    assert call.output is not None


async def test_what_nobody_reads_makes_room_for_what_is_newer(
    compute: ModalCompute, modal_server: ModalServer, tmp_path: Path
) -> None:
    go_on = tmp_path / "go on"
    call_id = await spawn(compute, Source(str(go_on), count=40, pause_s=0.02))
    state = modal_server.state
    key = (state.queues["skyhook-events"], call_id.encode())
    await eventually(lambda: bool(state.partitions[key].items))
    modal_server.do(lambda: state.partitions[key].items.extend([b"old"] * (PARTITION_ITEMS - 1)))
    go_on.touch()
    await eventually(lambda: len(state.partitions[key].items) < 100)
    collected = [event async for event in compute.collect(call_id, Tool.tells)]
    assert [event for event in collected if isinstance(event, Kept)] == kept(40)


async def test_a_call_does_not_fail_where_nothing_can_be_told(
    compute: ModalCompute, modal_server: ModalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modal_server.state, "queues_fail", True)
    call_id = await spawn(compute, Source("", count=40, pause_s=0.01))
    assert [event async for event in compute.collect(call_id, Tool.tells)] == kept(40)
