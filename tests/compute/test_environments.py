"""Requirements: used where they are, installed where they are not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from sample_functions import NeedsSix, Text, Uninstallable

from skyhook.compute import environment, errors
from skyhook.compute.environment import EnvironmentFailed, Environments, satisfied
from skyhook.compute.local import LocalCompute

MSGSPEC = metadata.version("msgspec")


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("msgspec", True),
        (f"MsgSpec=={MSGSPEC}", True),
        ("msgspec<0.1", False),
        ("no-such-distribution", False),
        ("no-such-distribution; python_version < '3'", True),
        ("SQLAlchemy[asyncio]", True),
        ("SQLAlchemy[oracle]", False),
        ("msgspec @ https://example.org/msgspec.whl", False),
    ],
)
def test_a_requirement_is_looked_up_in_the_servers_environment(requirement: str, expected: bool) -> None:
    assert satisfied([requirement]) is expected


def test_a_malformed_requirement_is_an_error() -> None:
    with pytest.raises(EnvironmentFailed, match="malformed"):
        satisfied(["=== what"])


async def test_a_satisfied_function_runs_in_the_servers_environment(tmp_path: Path) -> None:
    found = await Environments(tmp_path / "environments", tmp_path / "logs").provide("skyhook", ["msgspec"])
    assert found.python == Path(sys.executable)
    assert not (tmp_path / "environments").exists()


async def test_a_function_runs_with_the_version_that_it_asks_for(
    compute: LocalCompute, tmp_path: Path
) -> None:
    version, prefix, *heavy = await compute.call(NeedsSix.describe, Text())
    assert version == "1.15.0"
    assert Path(prefix).parent == tmp_path / "data" / "environments"
    assert heavy == [], "the server's own packages can be imported"


async def test_one_builder_at_a_time_builds_an_environment_once(tmp_path: Path) -> None:
    folder = tmp_path / "environments"
    builders = [Environments(folder, tmp_path / "logs") for _ in range(3)]
    found = await asyncio.gather(*(builder.provide("skyhook", ["six==1.15.0"]) for builder in builders))
    assert len({one.python for one in found}) == 1
    assert sorted(path.name for path in folder.iterdir()) == sorted(["lock", found[0].python.parts[-3]])


async def test_pip_is_used_where_there_is_no_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    commands = environment._commands(tmp_path, ["six"])
    assert [command[1:3] for command in commands] == [["-m", "venv"], ["-m", "pip"]]


def test_torch_is_always_installed_with_pip(tmp_path: Path) -> None:
    assert environment._commands(tmp_path, ["Torch>=2"])[1][1:3] == ["-m", "pip"]


async def test_commands_of_an_environment_work_where_it_ends_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def venv_with_pip(folder: Path, requirements: list[str]) -> list[list[str]]:
        return [[sys.executable, "-m", "venv", str(folder)]]

    monkeypatch.setattr(environment, "_commands", venv_with_pip)
    found = await Environments(tmp_path / "environments", tmp_path / "logs").provide(
        "skyhook", ["six==1.15.0"]
    )
    pip = await asyncio.to_thread(
        subprocess.run,
        [found.python.with_name("pip"), "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(found.python.parents[1]) in pip.stdout


async def test_what_cannot_be_installed_makes_the_function_unavailable(
    compute: LocalCompute, tmp_path: Path
) -> None:
    with pytest.raises(errors.FunctionUnavailable):
        await compute.call(Uninstallable.echo, Text())
    last_error = compute.status()[0].last_error
    assert last_error is not None
    assert "six==0.0.0" in last_error
    assert not [path for path in (tmp_path / "data" / "environments").iterdir() if path.name != "lock"]
