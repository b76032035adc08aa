"""Commands of plugins: mounted under the plugin's name, imported late, harmless where they are broken."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from skyhook.cli import main
from skyhook.plugins.checks import RESERVED, check
from skyhook.plugins.errors import PluginBroken
from skyhook.plugins.manifest import Plugin

PLUGIN = """
from skyhook.plugin import Plugin
plugin = Plugin(name={name!r}, version="1", title="x", commands="{name}_commands:{group}")
"""
COMMANDS = """
import click
from skyhook.plugin import InvalidInput

not_a_group = 7

@click.group()
def commands():
    "Rain and sun."

@commands.command()
@click.pass_obj
def tables(with_services):
    async def work(services):
        return services.database.is_sqlite
    click.echo(f"sqlite: {with_services(work)}")

@commands.command()
@click.pass_obj
def refuse(with_services):
    async def work(services):
        raise InvalidInput("It rains too much.")
    with_services(work)
"""


class Shell:
    """Runs `skyhook` with plugins that are installed in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, commands: str, group: str = "commands") -> None:
        (self.folder / f"{name}_plugin.py").write_text(PLUGIN.format(name=name, group=group))
        (self.folder / f"{name}_commands.py").write_text(commands)
        info = self.folder / f"{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text(f"[skyhook.plugins]\n{name} = {name}_plugin:plugin\n")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(filter(None, (str(self.folder), os.environ.get("PYTHONPATH"))))
        return subprocess.run(
            [sys.executable, "-m", "skyhook", *arguments],
            env=os.environ | {"PYTHONPATH": path, "SKYHOOK_DATA": str(self.folder / "data")},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_plugins_command_runs_with_the_services_and_its_errors_are_sentences(shell: Shell) -> None:
    shell.install("rain", COMMANDS)
    assert shell.run("rain", "tables").stdout == "sqlite: True\n"
    refused = shell.run("rain", "refuse")
    assert refused.returncode == 1
    assert refused.stderr == "Error: It rains too much. (INVALID_INPUT)\n"


def test_commands_that_cannot_be_imported_harm_no_other(shell: Shell) -> None:
    shell.install("rain", COMMANDS)
    shell.install("snow", "raise SystemExit(3)")
    shell.install("hail", COMMANDS, group="not_a_group")
    helped = shell.run("--help")
    assert helped.returncode == 0
    assert "Rain and sun." in helped.stdout
    assert "Broken: its commands cannot be imported" in helped.stdout
    assert shell.run("rain", "tables").returncode == 0
    broken = shell.run("snow", "melt", "--now")
    assert broken.returncode == 1
    assert "plugin snow: its commands cannot be imported: SystemExit: 3" in broken.stderr
    assert "must be a click.Group, not 7" in shell.run("hail").stderr


def test_commands_are_not_imported_before_they_are_asked_for(shell: Shell) -> None:
    shell.install("rain", "raise SystemExit(3)")
    listed = shell.run("plugins", "list")
    assert listed.returncode == 0
    assert "rain" in listed.stdout


def test_no_plugin_can_be_named_like_a_command_of_the_core() -> None:
    assert main.commands.keys() <= RESERVED


@pytest.mark.parametrize("commands", ["rain", "rain.commands:", ":rain", "rain commands:rain", "rain:a.b"])
def test_commands_are_named_by_module_and_group(commands: str) -> None:
    manifest = Plugin(name="rain", version="1", title="Rain", commands="rain.commands:rain")
    check(manifest)
    with pytest.raises(PluginBroken, match="are not written as"):
        check(replace(manifest, commands=commands))
