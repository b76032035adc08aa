"""Strangers' programs on Modal: their answers are those of this machine, and nothing gets out of theirs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from modal_server import ModalServer
from programs import Programs, running_with
from test_escapes import CHECKS, Scene, attack, scene
from test_runs import HELLO
from tests.serving import Server

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make the stand-in's machines")
__all__ = ["scene"]
ATTACKS = {
    "daemon.py": [],
    "descriptors.py": [],
    "disk.py": [],
    "environment.py": [],
    "fork_bomb.py": [],
    "kill.py": [],
    "links.py": [],
    "many_files.py": [],
    "memory_together.py": [],
    "namespaces.py": [],
    "other_calls.c": [],
    "setuid.py": [],
    "tcp.py": [],
    "through_proc.py": [],
    "trace.py": [],
    "typing.py": ["got: open a terminal"],
    "write_files.py": ["got: write in /var/tmp"],
}
"""With what they get that a machine of the program's own may give to it."""
PROGRAMS: dict[str, dict[str, Any]] = {
    **{
        name: {"language": name, "source": source, "arguments": ["big world"], "stdin": "now"}
        for name, source in HELLO.items()
    },
    "several files": {
        "language": "C",
        "files": [
            {"path": "one.c", "text": "int two(void); int main(void) { return two(); }"},
            {"path": "parts/two.c", "text": "int two(void) { return 2; }"},
        ],
    },
    "does not compile": {"language": "C", "source": "int main(void) { return"},
    "a signal": {"language": "C", "source": "int main(void) { return *(volatile int *)0; }"},
    "made files": {
        "source": "import os, sys\n"
        "os.makedirs('out/deep/er'); open('out/deep/er/raw.bin', 'wb').write(bytes(range(256)))\n"
        "open('out/empty', 'w'); os.symlink('/etc/passwd', 'out/link')\n"
        "print('said', file=sys.stderr); sys.exit(3)",
    },
    "too much output": {"source": "print('x' * (2 << 20))"},
    "too much memory": {"source": "bytes(600 << 20)"},
    "too long": {"source": "print('here'); import time; time.sleep(20)", "seconds": 0.6},
}


@pytest.fixture(scope="module")
def server(modal_server: ModalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    variables = modal_server.variables() | {"SKYHOOK_COMPUTE": "modal", "ATTACKED_TOKEN": "a-secret"}
    server = Server(tmp_path_factory.mktemp("server"), environment=variables)
    server.command("functions", "deploy")
    server.prepare()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def programs(server: Server) -> Programs:
    return Programs(server)


def answered(programs: Programs, given: dict[str, Any]) -> dict[str, Any]:
    """A run's answer without what each run has of its own, and with the contents of its files."""
    result = programs.run(**{"source": None, "language": "PYTHON"} | given)
    contents = programs.contents(result)
    kept = {name: result[name] for name in result.keys() - {"durationMs", "cost", "files"}}
    kept["stdout"] = kept["stdout"][:2000], len(kept["stdout"])
    return kept | {"contents": contents}


def test_programs_are_answered_as_on_this_machine(programs: Programs, tmp_path: Path) -> None:
    local = Server(tmp_path / "local")
    local.prepare()
    local.start()
    try:
        here = {name: answered(Programs(local), given) for name, given in PROGRAMS.items()}
    finally:
        local.stop()
    there = {name: answered(programs, given) for name, given in PROGRAMS.items()}
    assert there == here
    assert there["C"]["stdout"] == ("hello big world now\n", 20)
    assert there["too long"]["limit"] == "TIME"


def test_output_comes_as_it_is_printed_and_the_time_is_charged(programs: Programs) -> None:
    source = "import time\nfor number in range(3): print(number, flush=True); time.sleep(0.3)"
    came: list[tuple[float, str]] = []
    for payload in programs.events(source):
        came.append((time.monotonic(), payload["data"]["codeRunStream"]["text"]))
        last = payload["data"]["codeRunStream"]["result"]
    texts = [(at, text) for at, text in came if text]
    assert "".join(text for _, text in texts) == "0\n1\n2\n"
    assert texts[-1][0] - texts[0][0] > 0.4
    assert 900 <= last["durationMs"] < 5000
    assert int(last["cost"]) == 20 * last["durationMs"]


def test_a_client_that_goes_away_ends_the_program_and_its_machine(
    programs: Programs, modal_server: ModalServer
) -> None:
    marker = f"marker-{os.getpid()}-{time.monotonic_ns()}"
    events = programs.events("import time; print(1, flush=True); time.sleep(60)", arguments=[marker])
    next(events)
    assert running_with(marker)
    events.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 10
    while (running_with(marker) or modal_server.machines.running) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert running_with(marker) == []
    assert modal_server.machines.running == []
    assert programs.newest_usage()["outcome"] == "cancelled"


def test_a_spent_quota_is_told_as_such_and_charges_nothing(
    programs: Programs, modal_server: ModalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modal_server.state, "refuses", "the workspace has no more credit")
    assert programs.refused("print(1)") == ("MODAL_QUOTA_EXCEEDED", None)


def test_what_runs_cost_is_written_down(programs: Programs) -> None:
    programs.run("print(1)")
    shown = programs.server.command("functions", "cost", "--by", "function")
    assert "skyhook_functions.code.run:CodeRunner" in shown


def test_its_languages_are_those_of_the_image(programs: Programs) -> None:
    languages = programs.server.graphql("{ codeLanguages { language available } }")["data"]["codeLanguages"]
    assert {one["available"] for one in languages} == {True}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_tried_and_gets_nothing(programs: Programs, scene: Scene, name: str) -> None:
    result = attack(programs, scene, name)
    printed = result["stdout"] + result["stderr"]
    assert "tried: " in printed
    got = [line for line in printed.splitlines() if line.startswith("got: ")]
    assert [line.partition(": ")[0] + ": " + line.split(": ")[1] for line in got] == ATTACKS[name]
    assert "Traceback" not in printed, printed[-2000:]
    assert scene.secret not in json.dumps(result) + str(programs.contents(result))
    CHECKS.get(name, lambda scene, result: None)(scene, result)
    assert scene.was_reached() == []
    assert running_with(scene.marker) == []


def test_a_program_whose_server_is_killed_ends_at_its_time_and_its_machine_when_it_is_idle(
    programs: Programs, server: Server, modal_server: ModalServer
) -> None:
    marker = f"marker-{os.getpid()}-{time.monotonic_ns()}"
    source = "import time; print(1, flush=True); time.sleep(60)"
    events = programs.events(source, arguments=[marker], seconds=2)
    next(events)
    (sandbox,) = modal_server.machines.running
    server.kill()
    try:
        deadline = time.monotonic() + 10
        while sandbox.machine.is_busy and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not sandbox.machine.is_busy
        assert running_with(marker) == []
        sandbox.busy_at -= 20  # as if so many seconds had passed
        while sandbox.result is None and time.monotonic() < deadline:
            time.sleep(0.02)
        assert sandbox.result is not None
        assert sandbox.result.status == sandbox.result.GENERIC_STATUS_IDLE_TIMEOUT
    finally:
        server.start()
