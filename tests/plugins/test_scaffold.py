"""A new plugin: its own tests pass at once, and it is served from its sources with reload."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from tests.serving import ROOT, Server, free_port

from skyhook.errors import InvalidInput
from skyhook.plugins.scaffold import write_plugin

WAIT_S = 240
SAY = 'mutation { weatherSay(name: "Ada") }'


def test_a_new_plugin_passes_its_own_tests_as_it_is(tmp_path: Path) -> None:
    written = write_plugin("weather", tmp_path / "weather")
    assert {path.name for path in written} >= {"pyproject.toml", ".gitignore", "test.yml", "test_weather.py"}
    assert not [path for path in written if "plugname" in path.read_text().lower()]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "weather",
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_a_new_plugin_is_formatted_as_this_project_is(tmp_path: Path) -> None:
    folder = tmp_path / "weather"
    write_plugin("weather", folder)
    for command in (["check", "--ignore", "S,PT,I"], ["format", "--check"]):
        subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", ROOT / "pyproject.toml", folder], check=True
        )


@pytest.mark.parametrize(("name", "reason"), [("Weather", "lower-case"), ("billing", "reserved")])
def test_a_name_that_no_plugin_can_have_is_refused(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        write_plugin(name, tmp_path / "new")


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(InvalidInput, match="has something in it"):
        write_plugin("weather", tmp_path)


def test_a_plugin_is_served_from_its_sources_and_reloaded_at_a_change(tmp_path: Path) -> None:
    folder = tmp_path / "weather"
    write_plugin("weather", folder)
    server = Server(folder / ".skyhook", port=free_port())
    variables = server.variables()
    del variables["SKYHOOK_DATA"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "skyhook", "plugins", "dev", str(folder)],
            env=variables,
            stdout=log,
            stderr=log,
        )
    try:
        wait_for(server, "Hello, Ada!", tmp_path / "log")
        functions = folder / "weather_functions.py"
        functions.write_text(functions.read_text().replace("Hello, {}!", "Good morning, {}."))
        wait_for(server, "Good morning, Ada.", tmp_path / "log")
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_S) == 0


def wait_for(server: Server, said: str, log: Path) -> None:
    deadline = time.monotonic() + WAIT_S
    answer: object = None
    while time.monotonic() < deadline:
        try:
            answer = server.graphql(SAY)
            if answer["data"] == {"weatherSay": said}:
                return
        except (OSError, httpx.HTTPError, KeyError) as error:
            answer = repr(error)
        time.sleep(0.2)
    raise AssertionError(f"{answer}\n{log.read_text()}")
