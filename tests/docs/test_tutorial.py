"""The tutorial of docs/plugins.md is followed: each block as it stands, in order, in a fresh folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.docs.blocks import ROOT, TUTORIAL, Block, blocks
from tests.serving import Server, free_port

from skyhook.conformance.console import Console
from skyhook.plugins.installation.folders import Folders

ADDRESS = "127.0.0.1:8000"
WAIT_S = 240
DEV = "skyhook plugins dev "


class Terminal:
    """A reader's terminals in one folder: one in which the server runs, and one for all else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        (folder / ".venv").symlink_to(sys.prefix)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST", "SKYHOOK", "PYTHONPATH"))
        }
        programs = os.pathsep.join([str(Path(sys.prefix, "bin")), os.environ["PATH"]])
        self._environment = kept | {"PATH": programs, "SKYHOOK_PORT": str(self.port), "PYTHONUNBUFFERED": "1"}
        self._log = folder / "dev.log"
        self._dev: subprocess.Popen[bytes] | None = None

    @property
    def here(self) -> str:
        """Where the server listens, instead of where it does for the reader."""
        return f"127.0.0.1:{self.port}"

    def run(self, block: Block) -> str:
        """Types a block's commands; what they print. One that goes on serving gets a terminal of its own."""
        assert block.language == "bash", block.place
        lines = [line for line in block.text.splitlines() if not line.startswith(DEV)]
        printed = self._run("\n".join(lines), block.place) if lines else ""
        for line in block.text.splitlines():
            if line.startswith(DEV):
                self._serve(line)
        return printed

    def _run(self, script: str, place: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script.replace(ADDRESS, self.here)],
            cwd=self.folder,
            env=self._environment,
            input="y\n" * 5,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert done.returncode == 0, f"{place}: {done.stdout}{done.stderr}"
        return done.stdout

    def _serve(self, line: str) -> None:
        with self._log.open("wb") as log:
            self._dev = subprocess.Popen(
                line.split(), cwd=self.folder, env=self._environment, stdout=log, stderr=log
            )
        self.wait(self.is_served)

    def is_served(self) -> bool:
        """Whether a server answers."""
        try:
            return httpx.get(f"http://{self.here}/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def wait(self, condition: Callable[[], bool]) -> None:
        """Looks until something is so."""
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.2)

    def log(self) -> str:
        """What the server's terminal shows."""
        return self._log.read_text()

    def stop(self) -> int:
        """Closes the server's terminal; its exit status."""
        if self._dev is None or self._dev.poll() is not None:
            return -1
        self._dev.terminate()
        return self._dev.wait(WAIT_S)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.stop()


def test_the_first_plugin_is_written_served_changed_tested_and_installed(terminal: Terminal) -> None:
    page = blocks(ROOT / "docs" / "plugins.md")
    new_and_dev, ask, test_and_install = [block for block in page if block.heading == TUTORIAL]
    assert "weather/tests/test_weather.py" in terminal.run(new_and_dev)
    assert f"Serving at http://localhost:{terminal.port}," in terminal.log()

    answer = json.loads(terminal.run(ask))
    assert answer["data"] == {"weatherSay": "Hello, Ada!"}
    assert answer["extensions"]["cost"]["credit"]["charged"] == 50_000
    password = (terminal.folder / "weather" / ".skyhook" / "first-password").read_text().strip()
    console = Console(f"http://{terminal.here}", password)
    assert "Greetings" in console.get("plugins")
    assert "Hello, Ada!" in console.get("plugins/weather/pages/greetings")

    functions = terminal.folder / "weather" / "weather_functions.py"
    written = functions.read_text()
    functions.write_text(written.replace("Hello, {}!", "Good morning, {}."))
    terminal.wait(lambda: "Good morning, Ada." in terminal.run(ask))
    assert terminal.stop() == 0
    assert not terminal.is_served()
    functions.write_text(written)

    own = Server(terminal.folder / ".skyhook")
    own.command("migrate")
    printed = terminal.run(test_and_install)
    assert "5 passed" in printed
    assert "page       Greetings of the console, for weather:use" in printed
    assert "price      weather.calls: 50,000 nano-dollars for each greeting" in printed
    assert Folders(own.data).current_generation.plugin("weather") is not None
