"""A new plugin: what is written where. `tests/docs/test_tutorial.py` serves, tests and installs one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.serving import ROOT

from skyhook.errors import InvalidInput
from skyhook.plugins.scaffold import write_plugin


def test_a_new_plugin_is_named_throughout(tmp_path: Path) -> None:
    written = write_plugin("weather", tmp_path / "weather")
    assert {path.name for path in written} >= {"pyproject.toml", ".gitignore", "test.yml", "test_weather.py"}
    assert not [path for path in written if "plugname" in path.read_text().lower()]


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
