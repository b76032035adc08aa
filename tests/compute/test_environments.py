"""Requirements: used where they are, installed where they are not."""

from __future__ import annotations

import asyncio
import sys
from importlib import metadata
from pathlib import Path

import pytest
from compute_helpers import eventually, is_gone, number_in
from sample_functions import NeedsNewerSix, NeedsSix, Text, Uninstallable

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


async def test_two_functions_have_two_versions_of_a_library_at_once(compute: LocalCompute) -> None:
    older, newer = await asyncio.gather(
        compute.call(NeedsSix.describe, Text()), compute.call(NeedsNewerSix.describe, Text())
    )
    assert (older[0], newer[0]) == ("1.15.0", "1.16.0")


async def test_one_builder_at_a_time_builds_an_environment_once(tmp_path: Path) -> None:
    folder = tmp_path / "environments"
    builders = [Environments(folder, tmp_path / "logs") for _ in range(3)]
    found = await asyncio.gather(*(builder.provide("skyhook", ["six==1.15.0"]) for builder in builders))
    assert len({one.python for one in found}) == 1
    assert sorted(path.name for path in folder.iterdir()) == sorted(["lock", found[0].python.parts[-3]])


async def test_without_uv_an_environment_is_built_by_pip_and_its_commands_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "uv", list)
    found = await Environments(tmp_path / "environments", tmp_path / "logs").provide(
        "skyhook", ["six==1.15.0"]
    )
    pip = await asyncio.create_subprocess_exec(
        found.python.with_name("pip"), "show", "--files", "six", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await pip.communicate()
    assert "Version: 1.15.0" in output.decode()
    assert str(found.python.parents[1]) in output.decode()


async def test_a_build_that_is_cancelled_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, pid = tmp_path / "environments", tmp_path / "pid"
    script = "echo $$ > $0; mkdir $1; sleep 600"

    def commands(building: Path, requirements: list[str]) -> list[list[str]]:
        return [["sh", "-c", script, str(pid), str(building)]]

    monkeypatch.setattr(environment, "_commands", commands)
    environments = Environments(folder, tmp_path / "logs")
    build = asyncio.create_task(environments.provide("skyhook", ["six==1.15.0"]))
    await eventually(lambda: any(folder.glob("building-*")))
    build.cancel()
    await asyncio.wait([build])
    assert build.cancelled()
    assert is_gone(number_in(pid))
    assert [path.name for path in folder.iterdir()] == ["lock"]


async def test_what_a_killed_build_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "environments"
    (folder / "building-0").mkdir(parents=True)
    found = await Environments(folder, tmp_path / "logs").provide("skyhook", ["six==1.15.0"])
    assert sorted(path.name for path in folder.iterdir()) == sorted(["lock", found.python.parts[-3]])


def test_torch_is_always_installed_with_pip(tmp_path: Path) -> None:
    assert environment._commands(tmp_path, ["Torch>=2"])[1][1:3] == ["-m", "pip"]


async def test_what_cannot_be_installed_makes_the_function_unavailable(
    compute: LocalCompute, tmp_path: Path
) -> None:
    with pytest.raises(errors.FunctionUnavailable):
        await compute.call(Uninstallable.echo, Text())
    last_error = compute.status()[0].last_error
    assert last_error is not None
    assert "six==0.0.0" in last_error
    assert not [path for path in (tmp_path / "data" / "environments").iterdir() if path.name != "lock"]
