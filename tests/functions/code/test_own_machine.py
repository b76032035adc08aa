"""The function on a machine of the call's own: programs beside the worker, which they cannot reach."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import msgspec
import pytest
from tests.machines import Machine

from skyhook.compute import protocol
from skyhook.function import FunctionError
from skyhook_functions.code import isolation, languages, run
from skyhook_functions.code.messages import Ended, File, Part, RunEvent, RunRequest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make such a machine")
FILL = """
import errno
try:
    for number in range(40):
        with open(f"part-{number}", "wb") as file:
            file.write(bytes(4 << 20))
        print(number, flush=True)
except OSError as error:
    print(errno.errorcode[error.errno])
import time; time.sleep(20)
"""


def program(source: str, *, language: languages.LanguageName = "python", seconds: float = 10) -> RunRequest:
    """A program of one file."""
    main = languages.LANGUAGES[language].main
    return RunRequest(language=language, files=[File(main, source.encode())], seconds=seconds)


async def replies(request: RunRequest, *, without: Sequence[str] = ()) -> list[protocol.Reply]:
    """What one call on a new machine answers; `without` has the powers that the worker lacks."""
    machine = Machine({"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}, without=without)
    await machine.start("sleep", "infinity")
    words = ["python", "-P", "-m", "skyhook.compute.once", "skyhook_functions.code.run:CodeRunner"]
    try:
        await machine.begin("once", [*words, "--seconds", "30"], {"PYTHONPATH": "/root"})
        process = machine.processes["once"]
        await process.write(0, protocol.frame(protocol.Call(0, "run", request)), is_end=True)
        code = await process.wait()
        output, found = memoryview(process.output[1]), []
        while output:
            size = protocol.PREFIX_BYTES + int.from_bytes(output[: protocol.PREFIX_BYTES], "little")
            found.append(protocol.reply_decoder.decode(output[protocol.PREFIX_BYTES : size]))
            output = output[size:]
    finally:
        await machine.stop()
    assert code == 0, process.output[2].decode()
    return found


async def ran(request: RunRequest, *, without: Sequence[str] = ()) -> tuple[str, Ended]:
    """What a program printed, and how it ended."""
    chunks = [one for one in await replies(request, without=without) if isinstance(one, protocol.RawChunk)]
    events = [msgspec.msgpack.decode(one.value, type=RunEvent) for one in chunks]
    (ended,) = [event for event in events if isinstance(event, Ended)]
    return b"".join(event.content for event in events if isinstance(event, Part)).decode(), ended


async def test_a_program_runs_as_nobody_without_any_power() -> None:
    source = """
import os
print(os.getuid(), os.getgid(), os.getgroups(), os.getcwd(), sorted(os.environ))
for line in open("/proc/self/status"):
    if line.startswith(("Cap", "NoNewPrivs", "Seccomp:")):
        print(*line.split())
print(os.listdir("/proc/self/fd"))
"""
    printed, ended = await ran(program(source))
    who, *powers, descriptors = printed.splitlines()
    assert who.startswith("65534 65534 [] /home/code")
    assert "SKYHOOK" not in who
    assert "MODAL" not in who
    none = "0" * 16
    assert powers == [
        *(f"{name}: {none}" for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")),
        "NoNewPrivs: 1",
        "Seccomp: 2",
    ]
    assert len(descriptors.split()) == 4  # the last is that of the listing
    assert ended.exit_code == 0


async def test_a_program_cannot_reach_its_worker() -> None:
    source = """
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "mem", "fd/1", "root/etc/passwd"):
        try:
            if os.stat(f"/proc/{pid}").st_uid == 0:
                open(f"/proc/{pid}/{name}", "rb")
                print("opened", pid, name)
        except OSError:
            pass
    try:
        if os.stat(f"/proc/{pid}").st_uid == 0:
            os.kill(int(pid), 9)
            print("killed", pid)
    except (PermissionError, FileNotFoundError) as error:
        print(type(error).__name__)
"""
    printed, ended = await ran(program(source))
    assert "PermissionError" in printed
    assert "killed" not in printed
    assert "opened" not in printed
    assert ended.exit_code == 0


async def test_processes_that_leave_and_multiply_end_with_the_program() -> None:
    source = """
for n in 1 2 3; do setsid bash -c 'trap "" TERM HUP; while :; do (sleep 60 &) ; sleep 0.01; done' & done
sleep 0.3
echo leaving
"""
    printed, ended = await ran(program(source, language="shell"))
    assert "leaving" in printed
    assert ended.limit is None
    assert ended.duration_ms < 5000


async def test_the_disk_ends_where_the_machine_lets_the_worker_make_one() -> None:
    printed, _ = await ran(program(FILL, seconds=2))
    assert "ENOSPC" in printed


async def test_files_are_counted_where_it_cannot() -> None:
    printed, ended = await ran(program(FILL), without=["sys_admin"])
    assert "ENOSPC" not in printed
    assert ended.limit == "files"


def test_a_worker_that_is_not_root_runs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "has_own_machine", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    runner = run.CodeRunner()
    runner.load()
    with pytest.raises(FunctionError, match="not root") as refused:
        next(runner.run(program("print(1)")))
    assert refused.value.code == "SANDBOX_UNAVAILABLE"
