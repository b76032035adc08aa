"""The life of a worker: its start, its limits, its end, and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from compute_helpers import eventually, is_gone
from sample_functions import BrokenLoad, GreedyLoad, Number, ShortLived, Text, Tool

from skyhook.compute import errors, log, process, runner
from skyhook.compute.local import LocalCompute
from skyhook.function import function, spec_of


async def test_a_function_that_cannot_load_is_unavailable_and_started_again_with_a_wait(
    compute: LocalCompute, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "trace"
    broken = tmp_path / "trace.broken"
    broken.touch()
    monkeypatch.setenv("SAMPLE_TRACE", str(trace))
    monkeypatch.setattr(runner, "BACKOFF_S", (0.5, 0.5))
    first = await asyncio.gather(
        *(compute.call(BrokenLoad.echo, Text()) for _ in range(3)), return_exceptions=True
    )
    assert all(isinstance(error, errors.FunctionUnavailable) for error in first)
    with pytest.raises(errors.FunctionUnavailable) as raised:
        await compute.call(BrokenLoad.echo, Text())
    assert "weights" not in raised.value.message
    assert raised.value.retry_after_s is not None
    assert trace.read_text().split() == ["load"]
    (status,) = compute.status()
    assert (status.state, status.last_error) == ("failed", "RuntimeError: no weights")
    broken.unlink()
    await asyncio.sleep(0.5)
    assert await compute.call(BrokenLoad.echo, Text("back")) == Text("back")
    assert compute.status()[0].state == "warm"


async def test_a_function_that_cannot_be_imported_is_unavailable(compute: LocalCompute) -> None:
    class Absent:
        def echo(self, argument: Text) -> Text:
            return argument

    Absent.__module__, Absent.__qualname__ = "no_such_module", "Absent"
    function()(Absent)
    with pytest.raises(errors.FunctionUnavailable):
        await compute.call(Absent.echo, Text())
    assert compute.status()[0].last_error == "ModuleNotFoundError: No module named 'no_such_module'"


async def test_a_function_that_loads_too_much_is_unavailable(compute: LocalCompute) -> None:
    with pytest.raises(errors.FunctionUnavailable):
        await compute.call(GreedyLoad.echo, Text())
    assert compute.status()[0].last_error == "the worker used more memory than it may and was killed"


async def test_a_worker_beyond_its_memory_is_killed(compute: LocalCompute) -> None:
    pid = await compute.call(Tool.pid, Text())
    with pytest.raises(errors.FunctionOutOfMemory, match=r"0\.5 GiB"):
        await compute.call(Tool.allocate, Number(800))
    assert await compute.call(Tool.pid, Text()) != pid


async def test_a_body_that_finds_no_memory_says_so_and_its_worker_lives_on(compute: LocalCompute) -> None:
    pid = await compute.call(Tool.pid, Text())
    with pytest.raises(errors.FunctionOutOfMemory):
        await compute.call(Tool.forget, Text())
    assert await compute.call(Tool.pid, Text()) == pid


async def test_a_single_allocation_far_beyond_the_limit_is_refused(compute: LocalCompute) -> None:
    pid = await compute.call(Tool.pid, Text())
    with pytest.raises(errors.FunctionOutOfMemory):
        await compute.call(Tool.reserve, Number(64))
    assert await compute.call(Tool.pid, Text()) == pid


async def test_the_kernels_out_of_memory_kill_is_told_apart(
    compute: LocalCompute, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = await compute.call(Tool.pid, Text())
    call = asyncio.create_task(compute.call(Tool.sleep, Number(60)))
    await eventually(lambda: compute.status()[0].in_flight == 1)
    monkeypatch.setattr(process, "oom_kills", lambda: 1 << 40)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(errors.FunctionOutOfMemory):
        await call


async def test_a_worker_killed_during_a_call_interrupts_it_and_is_started_again(
    compute: LocalCompute,
) -> None:
    pid = await compute.call(Tool.pid, Text())
    call = asyncio.create_task(compute.call(Tool.sleep, Number(60)))
    await eventually(lambda: compute.status()[0].state == "busy")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(errors.FunctionInterrupted) as raised:
        await call
    assert raised.value.retryable
    assert await compute.call(Tool.pid, Text()) != pid
    (status,) = compute.status()
    assert (status.state, status.restarts) == ("warm", 1)
    assert status.last_error == "the worker ended with exit code -9"


async def test_a_body_that_ends_its_process_leaves_the_waiting_calls_alone(compute: LocalCompute) -> None:
    calls = [compute.call(Tool.crash, Text()) for _ in range(4)]
    results = await asyncio.gather(*calls, compute.call(Tool.echo, Text("x")), return_exceptions=True)
    assert all(isinstance(error, errors.FunctionInterrupted) for error in results[:4])
    assert results[4] == Text("x")


@pytest.mark.parametrize("method", [Tool.child, Tool.fork])
async def test_a_crash_leaves_no_process_that_the_worker_started(
    compute: LocalCompute, method: Callable[[Tool, Text], int]
) -> None:
    child = await compute.call(method, Text())
    with pytest.raises(errors.FunctionInterrupted):
        await compute.call(Tool.crash, Text())
    await eventually(lambda: is_gone(child))


async def test_an_idle_worker_is_ended_and_the_next_call_starts_another(compute: LocalCompute) -> None:
    pid = await compute.call(ShortLived.pid, Text())
    assert compute.status()[0].state == "warm"
    await eventually(lambda: compute.status()[0].state == "stopped")
    assert is_gone(pid)
    assert compute.status()[0].pid is None
    assert await compute.call(ShortLived.pid, Text()) != pid
    (status,) = compute.status()
    assert (status.restarts, status.last_error) == (0, None)


async def test_a_call_that_comes_while_an_idle_worker_ends_gets_the_next_one(
    compute: LocalCompute, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill = process.WorkerProcess.kill
    killed: list[process.WorkerProcess] = []

    def kill_late(worker: process.WorkerProcess) -> None:
        if worker not in killed:
            asyncio.get_running_loop().call_later(0.2, kill, worker)
        killed.append(worker)

    pid = await compute.call(ShortLived.pid, Text())
    monkeypatch.setattr(process.WorkerProcess, "kill", kill_late)
    await eventually(lambda: bool(killed))
    assert not is_gone(pid)
    assert await compute.call(ShortLived.pid, Text()) != pid
    monkeypatch.undo()


async def test_closing_ends_calls_workers_and_what_workers_started(compute: LocalCompute) -> None:
    child = await compute.call(Tool.child, Text())
    pid = await compute.call(Tool.pid, Text())
    calls = [asyncio.create_task(compute.call(Tool.sleep, Number(60))) for _ in range(6)]
    await eventually(lambda: compute.status()[0].queued == 2)
    await compute.close()
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(error, errors.FunctionInterrupted) for error in results)
    assert is_gone(pid)
    await eventually(lambda: is_gone(child))
    with pytest.raises(errors.FunctionInterrupted):
        await compute.call(Tool.pid, Text())


async def test_closing_during_a_start_leaves_nothing(compute: LocalCompute) -> None:
    call = asyncio.create_task(compute.call(GreedyLoad.echo, Text()))
    await eventually(lambda: bool(compute.status()) and compute.status()[0].pid is not None)
    pid = compute.status()[0].pid
    await compute.close()
    with pytest.raises(errors.FunctionInterrupted):
        await call
    assert pid is not None
    assert is_gone(pid)


async def test_no_worker_outlives_a_server_killed_with_9(tmp_path: Path) -> None:
    server = textwrap.dedent("""
        import asyncio, sys
        from pathlib import Path
        from compute_helpers import configuration
        from sample_functions import Text, Tool
        from skyhook.compute.local import LocalCompute

        async def main():
            compute = LocalCompute(configuration(Path(sys.argv[1])))
            await compute.start()
            print(await compute.call(Tool.pid, Text()), await compute.call(Tool.child, Text()), flush=True)
            await compute.call(Tool.hold, Text(sys.argv[1] + "/held"))

        asyncio.run(main())
    """)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", server, str(tmp_path), env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    worker, child = map(int, (await parent.stdout.readline()).split())
    await eventually((tmp_path / "held").exists)
    assert not is_gone(worker)
    parent.kill()
    await parent.wait()
    await eventually(lambda: is_gone(worker) and is_gone(child), within_s=3)


async def test_what_a_worker_prints_goes_to_its_log(compute: LocalCompute, tmp_path: Path) -> None:
    await compute.call(Tool.talk, Text("hello"))
    path = tmp_path / "data" / "logs" / "function-sample_functions.Tool.log"
    tool = spec_of(Tool)
    assert path.read_text() == await compute.log(tool, 10) == "hello\nHELLO\n"
    assert await compute.log(tool, 1) == "HELLO\n"
    assert await compute.log(spec_of(ShortLived), 10) == ""


async def test_how_long_a_cold_start_took_is_known_once_there_was_one(compute: LocalCompute) -> None:
    with pytest.raises(errors.FunctionUnavailable):
        await compute.call(BrokenLoad.echo, Text())
    await compute.call(Tool.talk, Text("hello"))
    broken, tool = compute.status()
    assert broken.load_s is None
    assert tool.load_s is not None
    assert 0 < tool.load_s < 60


def test_of_a_long_log_whole_lines_of_its_end_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "END_BYTES", 12)
    path = tmp_path / "function.log"
    path.write_bytes("begins long ago\nßhort\nlast\n".encode())
    assert log.end_of_log(path) == "last\n"


def test_a_log_is_moved_aside_once_it_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LOG_BYTES", 10)
    path = tmp_path / "function.log"
    descriptor = log.open_log(path)
    os.write(descriptor, b"0123456789-")
    log.limit_log(path)
    os.write(descriptor, b"next")
    log.limit_log(path)
    os.close(descriptor)
    assert path.read_bytes() == b"next"
    assert (tmp_path / "function.log.1").read_bytes() == b"0123456789-"


async def test_a_worker_does_not_get_the_servers_secrets(
    compute: LocalCompute, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYHOOK_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_secret")
    monkeypatch.setenv("HF_HOME", "/weights")
    names = ["SKYHOOK_DATABASE_URL", "STRIPE_SECRET_KEY", "HF_HOME", "SKYHOOK_DATA"]
    found = [await compute.call(Tool.variable, Text(name)) for name in names]
    assert found == [None, None, "/weights", str(tmp_path / "data")]
