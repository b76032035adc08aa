"""`skyhook up`, as `make up` runs it: a first start, a real answer, and a second start with the same data."""

from __future__ import annotations

import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from tests.serving import Server

START_S = 120


def start_up(server: Server, until: str) -> tuple[subprocess.Popen[str], str]:
    """Starts `skyhook up` and reads what it prints up to a line with `until`."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "skyhook", "up"],
        env=server.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watchdog = threading.Timer(START_S, process.kill)
    watchdog.start()
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if until in line:
            break
    watchdog.cancel()
    return process, printed


def stop(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Presses Ctrl-C; the exit status and what was printed then."""
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    return process.returncode, rest


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_a_first_start_answers_a_real_question_and_a_second_one_goes_on(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    process, printed = start_up(server, "Serving until")
    try:
        assert "Made the administrator" in printed
        assert "Skyhook is an open-source" in printed, printed
        assert "of skyhook-small and cost 0.00" in printed
        assert f"GraphiQL: {server.address}/graphql" in printed
        for name in ("first-key", "first-password", "secret"):
            assert mode(server.data / name) == "0o600"
        key = server.key
        answer = server.graphql("{ viewer { organization { balance { balance } } } }")
        balance = int(answer["data"]["viewer"]["organization"]["balance"]["balance"])
        assert 0 < 5_000_000_000 - balance < 1_000_000
    finally:
        status, rest = stop(process)
    assert (status, "Stopped" in rest, "Traceback" in rest) == (0, True, False), rest

    process, printed = start_up(server, "Serving until")
    status, _ = stop(process)
    assert status == 0
    assert "Made" not in printed
    assert server.key == key


def test_a_taken_port_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = Server(tmp_path, port=taken.getsockname()[1])
        with pytest.raises(RuntimeError, match="is taken: stop what uses it, or set SKYHOOK_PORT"):
            server.command("up")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SKYHOOK_PORT", "eighty"),
        ("SKYHOOK_DATABASE_URL", "mysql://somewhere"),
        ("SKYHOOK_SECRET", "short"),
        ("SKYHOOK_PUBLIC_URL", "api.example.com"),
        ("SKYHOOK_ARTIFACTS_URL", "files"),
        ("SKYHOOK_ARTIFACT_MAX_MIB", "0"),
        ("SKYHOOK_ARTIFACTS_MAX_GIB", "many"),
    ],
)
def test_a_malformed_variable_is_named_in_a_sentence(tmp_path: Path, variable: str, value: str) -> None:
    server = Server(tmp_path, environment={variable: value})
    with pytest.raises(RuntimeError, match=f"Error: {variable} must be") as caught:
        server.command("migrate")
    assert "Traceback" not in str(caught.value)


def test_serving_without_migrations_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="lacks migrations of core, chat"):
        Server(tmp_path).command("serve")


def test_two_first_starts_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from skyhook.configuration import Configuration

    configuration = Configuration(tmp_path / "data", 8000, "127.0.0.1", "sqlite://")
    with ThreadPoolExecutor(8) as pool:
        secrets = list(pool.map(lambda _: configuration.secret(), range(32)))
    assert len(set(secrets)) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret"]
