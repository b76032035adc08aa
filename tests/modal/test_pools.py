"""Functions whose calls are kept apart by a field of their argument: containers for each of its values."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from compute_helpers import configuration, eventually
from modal_server import ModalServer
from modal_state import Function
from sample_functions import Answerer, Asked, Number, Text, Tool

from skyhook.compute.errors import FunctionFailed
from skyhook.compute.local import LocalCompute
from skyhook.compute.modal.app import build
from skyhook.compute.modal.backend import ModalCompute
from skyhook.compute.modal.operating import keep_warm, log_of
from skyhook.compute.signature import signature_of
from skyhook.errors import InvalidInput
from skyhook.function import function, spec_of

SPEC = spec_of(Answerer)


@pytest.fixture(scope="module")
def deployed(modal_server: ModalServer) -> ModalServer:
    build([Answerer, Tool], {}).deploy(name="skyhook")
    return modal_server


def asked(tmp_path: Path, model: str, seconds: float = 0.0) -> Asked:
    """What is asked of a model that was pulled."""
    return Asked(str(tmp_path / "data" / "models" / model), seconds)


def pools(server: ModalServer) -> dict[bytes, Function]:
    """The pools of containers that there are, by what they are made with."""
    return {one.parameters: one for one in server.state.functions.values() if one.parameters}


async def test_two_models_are_answered_at_a_time_by_containers_of_their_own(
    compute: ModalCompute, deployed: ModalServer, tmp_path: Path
) -> None:
    models = ("llama", "qwen")
    turns = [await compute.call(Answerer.turn, asked(tmp_path, one)) for one in models * 3]
    assert turns == [1] * 6, "no container took another model than its own"
    asking = [compute.call(Answerer.pid, asked(tmp_path, one, 0.3)) for one in models * 2]
    pids = await asyncio.gather(*asking)
    assert pids[:2] == pids[2:]
    assert pids[0] != pids[1]
    assert sum(b"llama" in one for one in pools(deployed)) == 1


async def test_streams_and_detached_calls_run_in_the_same_containers(
    compute: ModalCompute, tmp_path: Path
) -> None:
    about = asked(tmp_path, "llama")
    pid = await compute.call(Answerer.pid, about)
    assert [one.text async for one in compute.stream(Answerer.words, about)] == [str(pid)]
    call_id = await compute.spawn(Answerer.words, about, "a token of its own")
    assert [one.text async for one in compute.collect(call_id, Answerer.words)] == [str(pid)]


async def test_a_pool_is_kept_warm_and_its_log_is_read_by_itself(
    compute: ModalCompute, deployed: ModalServer, tmp_path: Path
) -> None:
    for model in ("llama", "qwen"):
        assert [one async for one in compute.stream(Answerer.words, asked(tmp_path, model))]
    await eventually(lambda: any("qwen is asked" in batch.items[0].data for batch in deployed.state.logs))
    lines = [line async for line in log_of(SPEC, "llama", 100, follows=False)]
    assert any("llama is asked" in line for line in lines)
    assert not any("qwen" in line for line in lines)
    await keep_warm(SPEC, "llama", 2, None)
    warm = {key: one.scaling[-1].min_containers for key, one in pools(deployed).items() if one.scaling}
    assert [(b"llama" in key, least) for key, least in warm.items()] == [(True, 2)]


async def test_the_pool_must_be_said_where_there_are_several_and_only_there(deployed: ModalServer) -> None:
    with pytest.raises(InvalidInput, match="containers for each model: say which with --pool"):
        await keep_warm(SPEC, None, 1, None)
    with pytest.raises(InvalidInput, match="has one pool"):
        await keep_warm(spec_of(Tool), "llama", 1, None)


async def test_on_this_machine_one_worker_answers_for_all(tmp_path: Path) -> None:
    compute = LocalCompute(configuration(tmp_path / "data"))
    await compute.start()
    try:
        pids = [await compute.call(Answerer.pid, Asked(one)) for one in ("llama", "qwen")]
    finally:
        await compute.close()
    assert pids[0] == pids[1]


def test_marks_that_cannot_be_are_refused() -> None:
    for marks in ({"stateful": True}, {"isolated": True}):
        with pytest.raises(TypeError):
            function(pool="model", **marks)(type("Odd", (), {}))

    @function(pool="model")
    class Odd:
        def wait(self, seconds: Number) -> Text:
            raise FunctionFailed("never")

    with pytest.raises(TypeError, match="takes no 'model'"):
        signature_of(Odd.wait)
