"""The function that runs programs: on hosts that cannot isolate, for readers that are slow, and by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from skyhook.function import FunctionError
from skyhook_functions.code import languages
from skyhook_functions.code.messages import MOST_INPUT_BYTES, Ended, File, Part, RunEvent, RunRequest
from skyhook_functions.code.run import CodeRunner

ROOT = Path(__file__).parents[3]
HOST = ("bwrap", "--dev-bind", "/", "/", "--unshare-user", "--uid", "1000", "--gid", "1000")
"""Runs a command as an ordinary user."""
SCRIPT = """
from skyhook.function import FunctionError
from skyhook_functions.code.messages import File, RunRequest
from skyhook_functions.code.run import CodeRunner
runner = CodeRunner()
runner.load()
request = RunRequest(language="shell", files=[File("main.sh", b"echo ran; id -u; echo 1 > out/a")])
try:
    for event in runner.run(request):
        print(event)
except FunctionError as error:
    print(error.code, error.message)
"""


@pytest.fixture
def runner() -> CodeRunner:
    runner = CodeRunner()
    runner.load()
    return runner


def program(source: str, *, language: languages.LanguageName = "python", seconds: float = 10) -> RunRequest:
    """A program of one file."""
    main = languages.LANGUAGES[language].main
    return RunRequest(language=language, files=[File(main, source.encode())], seconds=seconds)


def on_host(*host: str) -> str:
    """What a run prints in a worker that is started by `host`."""
    done = subprocess.run(
        [*host, sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def refusal(events: Iterator[RunEvent]) -> tuple[str, str]:
    """The code and the text that a run is refused with."""
    with pytest.raises(FunctionError) as refused:
        next(events)
    return refused.value.code, refused.value.message


def test_without_bubblewrap_nothing_runs(
    runner: CodeRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, message = refusal(runner.run(program("print(1)")))
    assert code == "SANDBOX_UNAVAILABLE"
    assert "bwrap" in message


def test_without_a_filter_of_system_calls_nothing_runs(
    runner: CodeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyseccomp", None)
    code, message = refusal(runner.run(program("print(1)")))
    assert code == "SANDBOX_UNAVAILABLE"
    assert "system calls" in message


def test_where_namespaces_are_forbidden_nothing_runs_and_the_cause_is_told() -> None:
    said = on_host(*HOST, "--disable-userns")
    assert said.startswith("SANDBOX_UNAVAILABLE")
    assert "namespace" in said
    assert "ran" not in said.split()


def test_a_server_that_is_not_root_isolates_as_well() -> None:
    said = on_host(*HOST)
    assert "ran\\n" in said
    assert "1000\\n" in said
    assert "exit_code=0" in said


def test_a_program_never_has_the_id_of_root_on_the_machine(runner: CodeRunner) -> None:
    events = runner.run(program("import time; print('here', flush=True); time.sleep(20)", seconds=20))
    assert printed(events).startswith(b"here")
    (child,) = [pid for pid in children(os.getpid()) if "bwrap" in name_of(pid)]
    users = {user for pid in descendants(child) for user in users_of(pid)}
    events.close()  # type: ignore[attr-defined]
    assert users
    assert 0 not in users


def test_a_reader_that_stops_reading_does_not_keep_a_program_alive(runner: CodeRunner) -> None:
    events = runner.run(program("print('here', flush=True)\nwhile True: pass", seconds=1))
    assert printed(events).startswith(b"here")
    (child,) = [pid for pid in children(os.getpid()) if "bwrap" in name_of(pid)]
    inside = descendants(child)
    assert len(inside) >= 3
    deadline = time.monotonic() + 15
    while any(map(is_alive, inside[1:])) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_alive, inside[1:]))
    ended = list(events)[-1]
    assert isinstance(ended, Ended)
    assert ended.limit in ("time", "cpu")


def test_nothing_is_left_open_after_many_runs(runner: CodeRunner) -> None:
    list(runner.run(program("true", language="shell")))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        list(runner.run(program("echo a > out/a; exit 1", language="shell")))
        runner.run(program("sleep 5", language="shell")).close()  # type: ignore[attr-defined]
    assert len(os.listdir("/proc/self/fd")) == before
    assert [pid for pid in children(os.getpid()) if "bwrap" in name_of(pid)] == []


def test_a_language_that_is_not_installed_is_named_with_its_package(
    runner: CodeRunner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(languages, "SEARCH_PATH", str(tmp_path))
    code, message = refusal(runner.run(program("1", language="javascript")))
    assert code == "LANGUAGE_UNAVAILABLE"
    assert "nodejs" in message


@pytest.mark.parametrize(
    "files",
    [
        [File("../main.py", b"1")],
        [File("main.py", b"1"), File("/etc/passwd", b"")],
        [File("main.py", b"1"), File("main.py", b"2")],
        [File("a", b"1"), File("a/b", b"2")],
        [File("main.py", b"x" * (MOST_INPUT_BYTES + 1))],
    ],
)
def test_files_that_cannot_be_are_refused_here_too(runner: CodeRunner, files: list[File]) -> None:
    code, _ = refusal(runner.run(RunRequest(language="python", files=files)))
    assert code == "PROGRAM_INVALID"


def printed(events: Iterator[RunEvent]) -> bytes:
    """The first that a program prints."""
    return next(event.content for event in events if isinstance(event, Part) and event.content)


def children(pid: int) -> list[int]:
    """The processes that a process has started, and that it has not waited for."""
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(one for child in children(pid) for one in descendants(child))]


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text()


def users_of(pid: int) -> list[int]:
    """The user ids of a process, as this machine counts."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next([int(user) for user in line.split()[1:]] for line in lines if line.startswith("Uid:"))


def is_alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
