"""Looks at generations of plugins before they are used, each in a process that may come to harm.

`python -m skyhook.conformance.candidate` imports the core once, and forks for each `Order` that it reads as a
line of JSON; when that process has ended it writes its exit status as a line. The answer is a `Report` in the
folder that the order names, since plugins may print. One that hangs when it is imported ends by SIGALRM.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Literal

import msgspec
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from msgspec import Struct

from skyhook.app import compose_schema
from skyhook.configuration import Configuration
from skyhook.conformance.running import judge
from skyhook.conformance.subject import Subject
from skyhook.conformance.tables import goes_on_from
from skyhook.database import Database
from skyhook.graphql.export import export_schema
from skyhook.migrations.environment import downgrade, upgrade
from skyhook.plugins.description import Description, describe
from skyhook.plugins.host import GROUP, PluginHost
from skyhook.plugins.installation.folders import RECORD, import_from

REPORT = "report.json"
PRINTED = "printed"
ADVISED = frozenset({"meters", "descriptions", "documentation", "reversals", "imports"})
"""The checks that a plugin may fail and be installed: they are shown."""


class Order(Struct, frozen=True):
    """What to do with the generation in `folder`."""

    task: Literal["verify", "look", "migrate", "downgrade"]
    place: str
    """The folder for the report, and for what the process prints."""
    folder: str | None
    environment: dict[str, str] = {}
    """What the process gets beside the environment that this program has."""
    changed: tuple[str, ...] = ()
    """The plugins that are new or of another version; of other tasks than `verify` those to do it for."""
    import_s: float = 0.0
    """How long the import of one plugin may take."""
    revisions: dict[str, str] = {}
    """Of `verify`: the newest revisions that the database has, of plugins that are upgraded."""
    revision: str = "base"
    """Of `downgrade`: the revision to go back to."""


class Report(Struct):
    """What was found; without problems the generation may be used."""

    importing: str | None = None
    """What was being imported when this was written."""
    problems: list[str] = []
    warnings: list[str] = []
    plugins: list[Description] = []
    schema: str = ""


class Candidate:
    """The work on one order."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._report = Report()
        self._own_path = list(sys.path)
        self._folder = Path(order.folder) if order.folder else None
        import_from(self._folder)

    def work(self) -> None:
        """Does what is ordered and writes the report."""
        match self._order.task:
            case "verify":
                self._verify()
            case "look":
                host = PluginHost.discover()
                self._report.schema = export_schema(compose_schema(host))
                self._report.plugins = [
                    describe(one) for one in host.loaded if one.name in self._order.changed
                ]
            case "migrate" | "downgrade":
                asyncio.run(self._migrate())
        self._write()

    def _verify(self) -> None:
        if self._folder is not None:
            self._report.problems += _shadowed(self._folder, self._own_path)
        if self._report.problems:
            return
        entries = list(metadata.entry_points(group=GROUP))
        for entry in entries:
            if entry.name in self._order.changed:
                self._import(entry)
        if self._report.problems:
            return
        host = PluginHost.discover(entries)
        self._report.schema = export_schema(compose_schema(host))
        if host.broken:
            before = PluginHost.discover([one for one in entries if one.name not in self._order.changed])
            compose_schema(before)
            known = {broken.name for broken in before.broken}
            for broken in host.broken:
                if broken.name in self._order.changed:
                    self._report.problems.append(f"plugin {broken.name}: {broken.reason}")
                elif broken.name not in known:
                    self._report.problems.append(f"with it the plugin {broken.name} breaks: {broken.reason}")
        for plugin in host.loaded:
            if plugin.name in self._order.changed:
                self._report.plugins.append(describe(plugin))
                self._judge(host, plugin.name, entries)

    def _import(self, entry: EntryPoint) -> None:
        """Imports a plugin with a time limit that holds in native code as well: the process ends by it."""
        self._report.importing = f"plugin {entry.name} ({entry.value})"
        self._write()
        signal.setitimer(signal.ITIMER_REAL, self._order.import_s)
        try:
            importlib.import_module(entry.module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reason = f"it cannot be imported: {type(error).__name__}: {error}"
            self._report.problems.append(f"plugin {entry.name}: {reason}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._report.importing = None
            self._write()

    def _judge(self, host: PluginHost, name: str, entries: Sequence[EntryPoint]) -> None:
        plugin = next(one for one in host.loaded if one.name == name)
        entry = next(one for one in entries if one.name == name)
        others = [other for other in host.loaded if other is not plugin]
        packages = {one.name: one.module.partition(".")[0] for one in entries if one.name != name}
        subject = Subject(plugin, entry.module.partition(".")[0], others, packages, entry.dist)
        for verdict in judge(subject):
            found = [f"plugin {name}: {problem} (check {verdict.check})" for problem in verdict.problems]
            (self._report.warnings if verdict.check in ADVISED else self._report.problems).extend(found)
        if (current := self._order.revisions.get(name)) is None:
            return
        try:
            goes_on_from(plugin, current)
        except (CommandError, RevisionError) as error:
            self._report.problems.append(
                f"plugin {name}: its migrations do not go on from {current}: {error}"
            )

    async def _migrate(self) -> None:
        database = Database(Configuration.from_environment().database_url)
        entries = [one for one in metadata.entry_points(group=GROUP) if one.name in self._order.changed]
        plugins = PluginHost.discover(entries).loaded
        try:
            if self._order.task == "migrate":
                await upgrade(database, plugins)
            else:
                for plugin in plugins:
                    await downgrade(database, plugin, self._order.revision)
        except Exception as error:
            self._report.problems.append(f"the migration failed: {type(error).__name__}: {error}")
        finally:
            await database.close()

    def _write(self) -> None:
        (Path(self._order.place) / REPORT).write_bytes(msgspec.json.encode(self._report))


def _shadowed(folder: Path, own_path: Sequence[str]) -> Iterator[str]:
    """The modules of the folder that the server has, and those that two of its distributions bring."""
    for name in sorted(_modules(folder)):
        own = PathFinder.find_spec(name, list(own_path))
        if name in sys.stdlib_module_names or name in sys.builtin_module_names:
            yield f"it brings the module {name!r}, which is Python's own"
        elif own is not None and own.origin is not None:
            yield f"it brings the module {name!r}, which the server has at {own.origin}"
    owners: dict[str, str] = {}
    for distribution in metadata.distributions(path=[str(folder)]):
        for file in distribution.files or ():
            owner = owners.setdefault(str(file), distribution.name)
            if owner != distribution.name and not str(file).startswith(("..", "bin/")):
                yield f"{owner} and {distribution.name} both bring the file {file}"


def _modules(folder: Path) -> Iterable[str]:
    for path in folder.iterdir():
        if path.is_dir() and path.name.isidentifier() and path.name not in ("bin", "__pycache__"):
            yield path.name
        elif path.is_file() and path.name != RECORD and path.suffix in (".py", ".so"):
            yield path.name.partition(".")[0]


def _work_in_a_fork(order: Order) -> int:
    """The exit status of a process that does what is ordered; negative where a signal ended it."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with open(os.devnull, "r+b") as nothing, (Path(order.place) / PRINTED).open("wb") as printed:
                os.dup2(nothing.fileno(), 0)
                os.dup2(nothing.fileno(), 1)
                os.dup2(printed.fileno(), 2)
            os.environ.update(order.environment)
            Candidate(order).work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    """Does what is ordered until nobody orders any more."""
    gc.disable()  # each fork ends soon, and shares what is there now
    gc.freeze()
    for line in sys.stdin:
        print(_work_in_a_fork(msgspec.json.decode(line, type=Order)), flush=True)


if __name__ == "__main__":
    main()
