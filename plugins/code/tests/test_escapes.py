"""Attacks on the sandbox, each a real program that says what it tries; none of them gets anything.

Those that harm nobody are run outside as well, where they succeed: so it is the sandbox that stops them.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from programs import Programs, running_with

ATTACKS = Path(__file__).parent / "attacks"
NAMES = sorted(
    path.name for path in ATTACKS.iterdir() if path.name != "report.py" and path.suffix in (".py", ".c")
)
SECONDS = {
    "memory_together.py": 8,
    "many_files.py": 20,
    "output.py": 20,
    "disk.py": 20,
    "cpu.py": 1,
    "wait.py": 1,
}
"""How long an attack may run; 5 seconds where nothing is said."""
OUTSIDE = (
    "abstract.py",
    "climb.py",
    "daemon.py",
    "descriptors.py",
    "environment.py",
    "include.c",
    "io_uring.py",
    "namespaces.py",
    "read_files.py",
    "tcp.py",
    "through_proc.py",
    "trace.py",
    "udp.py",
)
"""The attacks that are run without a sandbox too."""


@dataclass
class Scene:
    """What there is to reach on this machine."""

    tcp: socket.socket
    udp: socket.socket
    abstract: socket.socket
    secret: str
    folder: Path
    data: Path
    """The server's."""
    pids: list[int]
    """Of the server, its workers, and these tests."""
    marker: str = field(default_factory=lambda: f"attack-{secrets.token_hex(8)}")

    def told(self) -> str:
        """What an attack is told of it."""
        device = os.stat("/").st_dev
        return json.dumps(
            {
                "addresses": ["127.0.0.1", "localhost", own_address()],
                "tcp": self.tcp.getsockname()[1],
                "udp": self.udp.getsockname()[1],
                "abstract": self.abstract.getsockname().decode().lstrip("\0"),
                "secret_files": [str(self.folder / "secret.txt"), str(self.data / "secret")],
                "open_folder": str(self.folder / "open"),
                "variable": "ATTACKED_TOKEN",
                "pids": self.pids,
                "disk": [os.major(device), os.minor(device)],
                "marker": self.marker,
            }
        )

    def was_reached(self) -> list[str]:
        """The sockets that somebody has reached."""
        reached = []
        for name, listener in (("tcp", self.tcp), ("abstract", self.abstract)):
            try:
                listener.accept()[0].close()
                reached.append(name)
            except BlockingIOError:
                continue
        try:
            self.udp.recv(100)
            reached.append("udp")
        except BlockingIOError:
            pass
        return reached


@pytest.fixture
def scene(programs: Programs, tmp_path: Path) -> Iterator[Scene]:
    server = programs.server
    assert server.process is not None
    pids = [os.getpid(), server.process.pid, *programs.workers()]
    secret = secrets.token_hex(16)
    (tmp_path / "secret.txt").write_text(secret)
    (tmp_path / "open").mkdir()
    for folder in (tmp_path, *tmp_path.parents[:3], tmp_path / "open"):
        folder.chmod(0o777 if folder.name == "open" else 0o755)
    with (
        socket.socket() as tcp,
        socket.socket(type=socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        tcp.bind(("0.0.0.0", 0))
        udp.bind(("0.0.0.0", 0))
        abstract.bind(f"\0skyhook-{secrets.token_hex(8)}")
        tcp.listen()
        abstract.listen()
        for one in (tcp, udp, abstract):
            one.setblocking(False)
        yield Scene(tcp, udp, abstract, secret, tmp_path, server.data, pids)


def own_address() -> str:
    """An address of this machine that is not the loopback's, where it has one."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.2"
        return str(probe.getsockname()[0])


def source(name: str, scene: Scene) -> str:
    """An attack's program."""
    return (ATTACKS / name).read_text().replace("@SECRET@", str(scene.folder / "secret.txt"))


def attack(programs: Programs, scene: Scene, name: str) -> dict[str, Any]:
    """Runs an attack in the sandbox."""
    report = {"path": "report.py", "text": (ATTACKS / "report.py").read_text()}
    return programs.run(
        source(name, scene),
        "C" if name.endswith(".c") else "PYTHON",
        files=[report],
        arguments=[scene.told()],
        seconds=SECONDS.get(name, 5),
    )


def check_limit(*limits: str) -> Callable[[Scene, dict[str, Any]], None]:
    """That one of these limits ended the attack."""

    def check(_: Scene, result: dict[str, Any]) -> None:
        assert result["limit"] in limits, result

    return check


def check_fork_bomb(_: Scene, result: dict[str, Any]) -> None:
    assert "refused: fork" in result["stdout"]
    started = int(result["stdout"].rpartition("processes: ")[2])
    assert 10 < started <= 64


def check_output(_: Scene, result: dict[str, Any]) -> None:
    assert result["limit"] == "OUTPUT"
    assert len(result["stdout"]) == 1 << 20


def check_links(scene: Scene, result: dict[str, Any]) -> None:
    assert [one["path"] for one in result["files"]] == ["good.txt"]
    left_out = {one["path"]: one["reason"] for one in result["filesLeftOut"]}
    links = {"link.txt", "folder", "parents.txt", "root"}
    assert {left_out.get(name) for name in links} == {"it is a link"}
    assert left_out["pipe"] == "it is no regular file"
    assert any("deeper" in reason for reason in left_out.values())


def check_swapped(scene: Scene, result: dict[str, Any]) -> None:
    assert (result["exitCode"], result["files"]) == (0, [])


def check_sparse(scene: Scene, result: dict[str, Any]) -> None:
    assert result["files"] == []
    left_out = {one["path"]: one["reason"] for one in result["filesLeftOut"]}
    assert "MiB" in left_out["largest"]


def check_planted(scene: Scene, _: dict[str, Any]) -> None:
    assert list((scene.folder / "open").iterdir()) == []
    assert not Path("/usr/bin/planted-by-attack").exists()


def check_compiler(_: Scene, result: dict[str, Any]) -> None:
    assert not result["compiled"]
    assert "file not found" in result["stderr"]


def check_other_calls(_: Scene, result: dict[str, Any]) -> None:
    assert result["signal"] == "SIGSYS"


CHECKS: dict[str, Callable[[Scene, dict[str, Any]], None]] = {
    "cpu.py": check_limit("TIME", "CPU"),
    "wait.py": check_limit("TIME"),
    "memory_together.py": check_limit("MEMORY"),
    "many_files.py": check_limit("FILES"),
    "fork_bomb.py": check_fork_bomb,
    "output.py": check_output,
    "links.py": check_links,
    "swapped_folder.py": check_swapped,
    "sparse.py": check_sparse,
    "write_files.py": check_planted,
    "include.c": check_compiler,
    "other_calls.c": check_other_calls,
}
"""What must hold after an attack, beside that it got nothing."""


@pytest.mark.parametrize("name", NAMES)
def test_an_attack_is_tried_and_gets_nothing(programs: Programs, scene: Scene, name: str) -> None:
    if name == "other_calls.c" and platform.machine() != "x86_64":
        pytest.skip("this machine has no calls by other numbers")
    before = programs.workers()
    result = attack(programs, scene, name)
    printed = result["stdout"] + result["stderr"]
    assert "tried: " in printed or not result["compiled"], result
    assert "got: " not in printed, [line for line in printed.splitlines() if line.startswith("got")]
    assert "Traceback" not in printed, printed[-2000:]
    assert scene.secret not in json.dumps(result) + str(programs.contents(result))
    CHECKS.get(name, lambda scene, result: None)(scene, result)
    assert scene.was_reached() == []
    assert running_with(scene.marker) == []
    if before:
        assert programs.workers() == before
    assert programs.run("print('still here')")["stdout"] == "still here\n"


@pytest.mark.parametrize("name", OUTSIDE)
def test_the_same_attack_succeeds_outside(scene: Scene, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "outside"
    folder.mkdir()
    shutil.copy(ATTACKS / "report.py", folder)
    (folder / name).write_text(source(name, scene))
    words = [sys.executable, name, scene.told()]
    if name.endswith(".c"):
        subprocess.run(["gcc", "-o", "attack", name], cwd=folder, check=True)
        words = ["./attack"]
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env={"ATTACKED_TOKEN": "a-secret", "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            pass_fds=[reading],
        )
    finally:
        os.close(reading)
        os.close(writing)
    left = running_with(scene.marker)
    for pid in left:
        os.kill(pid, 9)
    printed = done.stdout + done.stderr
    assert "got: " in printed or scene.secret in printed or left or scene.was_reached(), printed
