"""The life of a plugin: installed, upgraded, taken back, removed; and refused without a trace."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from tests.plugins.wheels import pack, revision, wheel

from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.plugins.errors import PluginRefused, PluginsBusy
from skyhook.plugins.installation.folders import Folders
from skyhook.plugins.installation.generation import NOTHING
from skyhook.plugins.installation.proposing import Proposal
from skyhook.plugins.installation.resolving import Index
from skyhook.plugins.installation.service import Installer
from skyhook.plugins.installation.verifying import Verifier

CREATE = 'op.create_table("rain_drops", sa.Column("id", sa.Integer(), primary_key=True))'
FIRST = revision(1, CREATE)
ADD = 'op.add_column("rain_drops", sa.Column("size", sa.Integer()))'
DROP = 'op.drop_column("rain_drops", "size")'
SIZE = ', Column("size", Integer)'
OFFLINE = Index(offline=True)


@dataclass
class Place:
    """A data folder, a database, and an installer over them."""

    data: Path
    database: Database
    installer: Installer
    steps: list[str]

    async def install(self, path: Path) -> Proposal:
        proposal = await self.installer.propose.install(str(path))
        await self.installer.apply(proposal, "a test")
        return proposal

    async def state(self) -> dict[str, object]:
        """Everything that a change could leave a trace in."""
        folders = Folders(self.data)

        def shape(connection: object) -> dict[str, list[str]]:
            inspector = inspect(connection)
            return {
                name: sorted(column["name"] for column in inspector.get_columns(name))
                for name in inspector.get_table_names()
            }

        async with self.database.read() as session:
            tables = await (await session.connection()).run_sync(shape)
            rows = (await session.execute(text("SELECT number FROM plugin_generations"))).all()
        return {
            "tables": tables,
            "generations": rows,
            "current": folders.current,
            "folders": sorted(path.name for path in folders.root.glob("*/*")),
        }


def configuration(data: Path, database_url: str) -> Configuration:
    return Configuration(data, 8000, "127.0.0.1", database_url)


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    verifier = Verifier()
    yield verifier
    verifier.close()


@pytest.fixture
def make(tmp_path: Path, verifier: Verifier) -> Callable[[str, str], Place]:
    """Makes a place over a database."""

    def make(name: str, url: str) -> Place:
        steps: list[str] = []
        database = Database(url)
        data = tmp_path / name
        installer = Installer(
            configuration(data, url), database, steps.append, OFFLINE, verifier=verifier, import_s=3
        )
        return Place(data, database, installer, steps)

    return make


@pytest.fixture
async def place(make: Callable[[str, str], Place], sqlite_url: Callable[[], str]) -> AsyncIterator[Place]:
    place = make("data", sqlite_url())
    yield place
    await place.database.close()


async def test_a_plugin_lives_from_its_installation_to_its_purge(
    make: Callable[[str, str], Place], new_database_url: Callable[[], str], tmp_path: Path
) -> None:
    place = make("data", new_database_url())
    empty = await place.state()
    first = wheel(tmp_path / "first", columns="", revisions=[FIRST])
    proposal = await place.installer.propose.install(str(first))
    assert proposal.change == "install rain 1.0"
    shown = dict(proposal.descriptions[0].lines())
    assert shown["price"] == "rain.drops: 7 nano-dollars for each drop"
    assert (shown["tables"], shown["network"], shown["scope"]) == (
        "rain_drops",
        "rain.example.com (by its own word: nothing holds it to that)",
        "rain:read: Read rain",
    )
    assert (await place.state())["current"] is None
    await place.installer.apply(proposal, "ada@example.com")
    installed = await place.state()
    assert installed["tables"]["rain_drops"] == ["id"]
    digest = hashlib.sha256(first.read_bytes()).hexdigest()
    assert place.installer.folders.current_generation.packages[0].hashes == (f"sha256:{digest}",)

    second = wheel(
        tmp_path / "second", version="1.1", fields=["rain_more"], columns=SIZE,
        revisions=[FIRST, revision(2, ADD, DROP)],
    )  # fmt: skip
    upgrade = await place.installer.propose.upgrade("rain", str(second))
    assert (upgrade.change, upgrade.warnings) == ("upgrade rain 1.1", ())
    await place.installer.apply(upgrade, "ada@example.com")
    assert (await place.state())["tables"]["rain_drops"] == ["id", "size"]

    await place.installer.apply(await place.installer.propose.rollback(), "ada@example.com")
    rolled_back = await place.state()
    assert rolled_back["current"] == installed["current"]
    assert rolled_back["tables"]["rain_drops"] == ["id", "size"]

    await place.installer.apply(await place.installer.propose.removal("rain"), "ada@example.com")
    assert place.installer.folders.current_generation == NOTHING
    assert "rain_drops" in (await place.state())["tables"]
    assert await place.installer.purge("rain") == ["alembic_version_rain", "rain_drops"]
    assert (await place.state())["tables"] == empty["tables"]
    history = await place.installer.records.history()
    assert [row.change for row in history] == [
        "remove rain 1.0", "roll back to 1", "upgrade rain 1.1", "install rain 1.0",
    ]  # fmt: skip
    await place.database.close()


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"module": "raise SystemExit(3)"}, "it cannot be imported: SystemExit: 3"),
        ({"module": "import time\ntime.sleep(60)"}, "was not imported within 3 s"),
        ({"module": "import os\nos._exit(0)"}, "ended the process that imported it"),
        ({"manifest": "api=2,"}, "it speaks plugin API 2, this Skyhook 1: install a version made for 1"),
        ({"fields": ["chat_models"]}, "its query field 'chatModels' is already that of plugin 'chat'"),
        ({"name": "chat", "distribution": "taken"}, "another plugin of this name is loaded"),
        ({"files": {"yaml/__init__.py": ""}}, "the module 'yaml', which the server has at"),
        ({"files": {"json.py": ""}}, "the module 'json', which is Python's own"),
        (
            {"columns": "", "revisions": [revision(1, CREATE.replace("create_table", "no_such_thing"))]},
            "no_such_thing",
        ),
        ({"columns": SIZE, "revisions": [FIRST]}, "leave a difference from its tables"),
        (
            {"columns": SIZE, "revisions": [FIRST, revision(2, ADD, "pass")]},
            "the downgrade of its revision 0002 does not lead back",
        ),
    ],
    ids=[
        "raises",
        "hangs",
        "exits",
        "api",
        "field",
        "name",
        "module",
        "python",
        "migration",
        "tables",
        "down",
    ],
)
async def test_what_cannot_be_used_is_refused_without_a_trace(
    place: Place, tmp_path: Path, parts: dict[str, object], reason: str
) -> None:
    before = await place.state()
    with pytest.raises(PluginRefused) as caught:
        await place.install(wheel(tmp_path / "wheels", **parts))  # type: ignore[arg-type]
    assert reason in caught.value.message
    assert await place.state() == before


async def test_what_conflicts_with_the_servers_packages_is_refused_with_both_named(
    place: Place, tmp_path: Path
) -> None:
    before = await place.state()
    for requires, told in [
        ("msgspec<0.10", ["skyhook-rain==1.0 depends on msgspec<0.10", "msgspec=="]),
        ("skyhook-platform>=99", ["skyhook-rain==1.0 depends on skyhook-platform>=99", "skyhook-platform=="]),
    ]:
        path = wheel(tmp_path / requires, requires=[requires])
        with pytest.raises(PluginRefused) as caught:
            await place.installer.propose.install(str(path))
        assert all(one in caught.value.message for one in told), caught.value.message
    own = pack(tmp_path, "skyhook-chat", "9.0", {"x.py": ""})
    with pytest.raises(PluginRefused, match="skyhook-chat is one of the server's own packages"):
        await place.installer.propose.install(str(own))
    empty = pack(tmp_path, "skyhook-nothing", "1.0", {"nothing_at_all.py": ""})
    with pytest.raises(PluginRefused, match="brings no plugin"):
        await place.installer.propose.install(str(empty))
    for source, reason in [
        ("./nowhere", "There is nothing at"),
        ("not a name", "is neither a package's name"),
    ]:
        with pytest.raises(PluginRefused, match=reason):
            await place.installer.propose.install(source)
    assert await place.state() == before


async def test_two_plugins_whose_servers_side_needs_two_versions_are_refused_with_both_named(
    place: Place, tmp_path: Path, verifier: Verifier
) -> None:
    for version in ("1.0", "2.0"):
        pack(tmp_path / "links", "raindrop-sizes", version, {"raindrop_sizes.py": ""})
    place.installer = Installer(
        configuration(place.data, place.database.url.render_as_string()),
        place.database,
        index=Index(tmp_path / "links", offline=True),
        verifier=verifier,
    )
    await place.install(wheel(tmp_path / "first", requires=["raindrop-sizes==1.0"]))
    before = await place.state()
    with pytest.raises(PluginRefused) as caught:
        await place.install(wheel(tmp_path / "second", "snow", requires=["raindrop-sizes>=2"]))
    assert "skyhook-rain==1.0 depends on raindrop-sizes==1.0" in caught.value.message
    assert "skyhook-snow==1.0 depends on raindrop-sizes>=2" in caught.value.message
    assert await place.state() == before


async def test_an_upgrade_that_takes_a_field_away_or_changes_it_is_refused(
    place: Place, tmp_path: Path
) -> None:
    await place.install(wheel(tmp_path / "first", fields=["rain_more"]))
    before = await place.state()
    second = wheel(tmp_path / "second", version="2.0")
    with pytest.raises(PluginRefused, match=r"It breaks those who call it: Field Query.rainMore was removed"):
        await place.installer.propose.upgrade("rain", str(second))
    assert await place.state() == before


async def test_an_upgrade_that_cannot_be_taken_back_is_warned_of_and_one_that_leads_nowhere_is_refused(
    place: Place, tmp_path: Path
) -> None:
    await place.install(wheel(tmp_path / "first", columns="", revisions=[FIRST]))
    lasting = wheel(tmp_path / "second", version="1.1", columns=SIZE, revisions=[FIRST, revision(2, ADD)])
    (warning,) = (await place.installer.propose.upgrade("rain", str(lasting))).warnings
    assert "its revision 0002 has no downgrade: where an upgrade fails after it" in warning
    other = FIRST.replace('revision = "0001"', 'revision = "first"')
    elsewhere = wheel(tmp_path / "third", version="1.2", columns="", revisions=[other])
    with pytest.raises(PluginRefused, match="its migrations do not go on from 0001"):
        await place.installer.propose.upgrade("rain", str(elsewhere))


async def test_a_failure_after_the_migration_takes_everything_back(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await place.state()

    async def fail(*_: object) -> None:
        raise OSError("the disk is full")

    first = wheel(tmp_path / "first", columns="", revisions=[FIRST])
    proposal = await place.installer.propose.install(str(first))
    monkeypatch.setattr(place.installer.records, "add", fail)
    with pytest.raises(OSError, match="the disk is full"):
        await place.installer.apply(proposal, "a test")
    assert (await place.state())["tables"] == before["tables"]
    assert (await place.state())["current"] is None
    monkeypatch.undo()
    await place.install(first)
    installed = await place.state()
    second = wheel(
        tmp_path / "second", version="1.1", columns=SIZE, revisions=[FIRST, revision(2, ADD, DROP)]
    )
    proposal = await place.installer.propose.upgrade("rain", str(second))
    monkeypatch.setattr(place.installer.records, "add", fail)
    with pytest.raises(OSError, match="the disk is full"):
        await place.installer.apply(proposal, "a test")
    assert (await place.state())["tables"] == installed["tables"]
    assert (await place.state())["current"] == installed["current"]


async def test_a_fresh_machine_gets_what_is_installed_from_the_database_alone(
    place: Place, make: Callable[[str, str], Place], tmp_path: Path, verifier: Verifier
) -> None:
    links = tmp_path / "links"
    pack(links, "raindrop-sizes", "2.5", {"raindrop_sizes.py": "SIZE = 3\n"})
    first = wheel(tmp_path / "first", requires=["raindrop-sizes>=2"], head="import raindrop_sizes")
    url = place.database.url.render_as_string()
    place.installer = Installer(
        configuration(place.data, url), place.database, index=Index(links, offline=True), verifier=verifier
    )
    proposal = await place.install(first)
    assert [package.name for package in proposal.packages] == ["raindrop-sizes", "skyhook-rain"]
    first.unlink()
    fresh = make("fresh", url)
    fresh.installer = Installer(
        configuration(fresh.data, url), fresh.database, index=Index(links, offline=True), verifier=verifier
    )
    with pytest.raises(PluginRefused, match="first skyhook plugins sync"):
        await fresh.installer.propose.removal("rain")
    sync = await fresh.installer.propose.sync()
    assert sync is not None
    await fresh.installer.apply(sync, "a test")
    assert fresh.installer.folders.current_generation == place.installer.folders.current_generation
    assert await fresh.installer.propose.sync() is None
    assert len(await fresh.installer.records.history()) == 1
    await fresh.database.close()


async def test_a_wheel_with_another_hash_is_not_installed(
    place: Place, make: Callable[[str, str], Place], tmp_path: Path
) -> None:
    await place.install(wheel(tmp_path / "first"))
    async with place.database.write() as session:
        forged = wheel(tmp_path / "forged", fields=["rain_forged"]).read_bytes()
        await session.execute(text("UPDATE plugin_wheels SET content = :content"), {"content": forged})
    fresh = make("fresh", place.database.url.render_as_string())
    with pytest.raises(PluginRefused, match=r"[Hh]ash mismatch"):
        await fresh.installer.propose.sync()
    assert Folders(fresh.data).current is None
    await fresh.database.close()


async def test_of_two_changes_that_begin_alike_one_is_refused(place: Place, tmp_path: Path) -> None:
    rain = await place.installer.propose.install(str(wheel(tmp_path, "rain")))
    snow = await place.installer.propose.install(str(wheel(tmp_path, "snow")))
    await place.installer.apply(rain, "a test")
    with pytest.raises(PluginRefused, match="Plugins were changed meanwhile"):
        await place.installer.apply(replace(snow), "a test")
    with place.installer.folders.lock(), pytest.raises(PluginsBusy):
        await place.installer.propose.install(str(wheel(tmp_path, "snow")))
    await place.install(wheel(tmp_path, "snow"))
    assert [one.name for one in place.installer.folders.current_generation.plugins] == ["rain", "snow"]


async def test_an_uploaded_wheel_is_known_by_its_name_and_not_by_where_it_lay(
    place: Place, tmp_path: Path
) -> None:
    path = wheel(tmp_path)
    await place.installer.apply(await place.installer.propose.install(path.name, path), "a test")
    path.unlink()
    assert [one.source for one in place.installer.folders.current_generation.plugins] == [path.name]
    with pytest.raises(PluginRefused, match=f"rain was uploaded as {path.name}: say where"):
        await place.installer.propose.upgrade("rain")
    second = wheel(tmp_path, version="1.1")
    upgrade = await place.installer.propose.upgrade("rain", second.name, second)
    assert [(one.name, one.version) for one in upgrade.replaced] == [("rain", "1.0")]
    await place.installer.apply(upgrade, "a test")
    assert [one.source for one in place.installer.folders.current_generation.plugins] == [second.name]


async def test_a_folder_and_a_git_repository_are_built(place: Place, tmp_path: Path) -> None:
    project = tmp_path / "project"
    built = wheel(tmp_path / "built")
    project.mkdir()
    (project / "built.whl").write_bytes(built.read_bytes())
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (project / "backend.py").write_text(
        "import shutil\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        f"    shutil.copy('built.whl', folder + '/{built.name}')\n    return '{built.name}'\n"
    )
    proposal = await place.installer.propose.install(str(project))
    assert proposal.after.plugins[0].source == str(project)
    for command in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", "x"],
    ):
        process = await asyncio.create_subprocess_exec("git", "-C", str(project), *command)
        assert await process.wait() == 0
    proposal = await place.installer.propose.install(f"git+file://{project}@main")
    assert json.loads(f'"{proposal.after.plugins[0].version}"') == "1.0"
