"""Installs, upgrades, removes and takes back plugins: proposed and verified first, then applied as a whole.

A change is a new generation beside the one that is used. It is resolved, built and verified while nothing
changes yet; applying it migrates, switches a link, reloads the servers and writes it down, and takes all of
it back where a step fails.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import NotFound
from skyhook.graphql.export import breaking_changes
from skyhook.plugins.description import Description
from skyhook.plugins.errors import PluginRefused
from skyhook.plugins.host import GROUP
from skyhook.plugins.installation import records, resolving
from skyhook.plugins.installation.folders import Folders
from skyhook.plugins.installation.generation import NOTHING, Generation, InstalledPlugin, Package
from skyhook.plugins.installation.records import Records
from skyhook.plugins.installation.resolving import Index
from skyhook.plugins.installation.verifying import Verifier
from skyhook.serving.running import ReloadFailed, reload_all, wait_until_drained

IMPORT_S = 20.0
"""How long the import of one plugin may take."""
RELOAD_S = 180.0
DRAIN_S = 150.0
Tell = Callable[[str], None]
Undo = Callable[[], Awaitable[None]]
_log = logging.getLogger(__name__)


P = ParamSpec("P")
R = TypeVar("R")


def _alone(
    propose: Callable[Concatenate[Installer, P], Awaitable[R]],
) -> Callable[Concatenate[Installer, P], Awaitable[R]]:
    """One proposal is built at a time on a machine; what one leaves that is refused is deleted."""

    @functools.wraps(propose)
    async def alone(self: Installer, /, *args: P.args, **kwargs: P.kwargs) -> R:
        self._verifier.start()
        with self.folders.lock():
            try:
                return await propose(self, *args, **kwargs)
            except BaseException:
                self.folders.prune()
                raise

    return alone


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that is built and verified, and changes nothing before it is applied."""

    change: str
    """Such as `install greeting 0.1.0`."""
    base: int
    """The number of the generation that it begins from."""
    before: Generation
    after: Generation
    changed: Sequence[InstalledPlugin]
    """The plugins that are new, or of another version."""
    removed: Sequence[InstalledPlugin]
    descriptions: Sequence[Description] = ()
    """What the changed ones bring and ask for."""
    warnings: Sequence[str] = ()
    is_recorded: bool = False
    """Whether the database has it already, and only this machine lacks it."""

    @property
    def packages(self) -> Sequence[Package]:
        """The packages that are new, or of another version."""
        return [one for one in self.after.packages if one not in self.before.packages]


class Installer:
    """Changes what is installed; `tell` hears of each step."""

    def __init__(
        self,
        configuration: Configuration,
        database: Database,
        tell: Tell = lambda _step: None,
        index: Index | None = None,
        *,
        verifier: Verifier | None = None,
        import_s: float = IMPORT_S,
    ) -> None:
        self._configuration = configuration
        self._data = configuration.data
        self._database = database
        self._tell = tell
        self._index = index or Index()
        self._import_s = import_s
        self._verifier = verifier or Verifier()
        self.folders = Folders(configuration.data)
        self.records = Records(database)

    @_alone
    async def propose_install(self, source: str) -> Proposal:
        """Installs what `source` names beside what is there. Raises PluginRefused."""
        base, before = await self._begin()
        source = resolving.settled(source)
        self._tell(f"Getting {source}")
        requirement = await resolving.fetch(source, self.folders.wheels, self._index)
        distribution = canonicalize_name(Requirement(requirement).name)
        if known := [one for one in before.plugins if one.distribution == distribution]:
            raise PluginRefused(
                f"{known[0].name} is installed: skyhook plugins upgrade {known[0].name} [SOURCE]"
            )
        return await self._propose("install", base, before, {distribution: (requirement, source)})

    @_alone
    async def propose_upgrade(self, name: str, source: str | None = None) -> Proposal:
        """Another version of a plugin: what its source has now, or what `source` names.

        Raises NotFound, or PluginRefused.
        """
        base, before = await self._begin()
        plugin = _installed(before, name)
        source = resolving.settled(source) if source else plugin.source
        self._tell(f"Getting {source}")
        requirement = await resolving.fetch(source, self.folders.wheels, self._index)
        if canonicalize_name(Requirement(requirement).name) != plugin.distribution:
            raise PluginRefused(f"{source} is not {plugin.distribution}, which brings the plugin {name}.")
        proposal = await self._propose("upgrade", base, before, {plugin.distribution: (requirement, source)})
        if not proposal.packages:
            raise PluginRefused(f"{name} {plugin.version} is what {source} has: there is nothing to upgrade.")
        return proposal

    @_alone
    async def propose_removal(self, name: str) -> Proposal:
        """Everything but this plugin, and what only it needed. Raises NotFound, or PluginRefused."""
        base, before = await self._begin()
        plugin = _installed(before, name)
        return await self._propose("remove", base, before, {}, without=plugin.distribution)

    @_alone
    async def propose_rollback(self, number: int | None = None) -> Proposal:
        """What was installed at a generation, or before the last change. Raises NotFound or PluginRefused."""
        base, before = await self._begin()
        number = base - 1 if number is None else number
        if base == 0 or number < 0:
            raise PluginRefused("Nothing was ever installed: there is nothing to go back to.")
        after = (await self.records.get(number)).generation
        return await self._verified(f"roll back to {number}", base, before, after, is_checked=False)

    @_alone
    async def propose_sync(self) -> Proposal | None:
        """What the database says is installed; None where this machine has it. Raises PluginRefused."""
        recorded = await self.records.current()
        before = self.folders.current_generation
        if before.packages == recorded.generation.packages:
            return None
        proposal = await self._verified(
            "sync", recorded.number, before, recorded.generation, is_checked=False
        )
        return replace(proposal, is_recorded=True)

    async def apply(self, proposal: Proposal, made_by: str) -> None:
        """Migrates, switches, reloads, and writes it down; takes all back where a step fails.

        Raises PluginRefused with the reason, or PluginsBusy.
        """
        with self.folders.lock():
            if not proposal.is_recorded and (await self.records.current()).number != proposal.base:
                raise PluginRefused("Plugins were changed meanwhile: do it again.")
            before, after = self.folders.current, self.folders.of(proposal.after)
            if after is not None and not after.is_dir():
                raise PluginRefused("Plugins were changed meanwhile: do it again.")
            async with _undone_where_it_fails() as undo:
                if after is not None:
                    await self._migrate(proposal, after, undo)
                undo.append(lambda: self._switch_back(before))
                self.folders.switch(after)
                await self._reload(undo)
                if not proposal.is_recorded:
                    number = proposal.base + 1
                    wheels = self.folders.wheels
                    await self.records.add(number, proposal.change[:200], proposal.after, wheels, made_by)
            self.folders.prune()

    def close(self) -> None:
        """Ends the processes that were started for it."""
        self._verifier.close()

    async def purge(self, name: str) -> list[str]:
        """Deletes what a plugin that is not installed has stored; the names of its tables.

        Raises PluginRefused for one that is installed, or whose requests still run.
        """
        if self.folders.current_generation.plugin(name) is not None or is_own(name, self.folders.root):
            raise PluginRefused(f"{name} is installed: skyhook plugins remove {name} --purge")
        self._tell("Waiting until its last requests have ended")
        if not await asyncio.to_thread(wait_until_drained, self._data, DRAIN_S):
            raise PluginRefused(f"Requests to {name} still run: purge it again later.")
        return await records.purge(self._database, name)

    async def _begin(self) -> tuple[int, Generation]:
        recorded = await self.records.current()
        if recorded.generation.packages != self.folders.current_generation.packages:
            raise PluginRefused("This machine lacks what is installed elsewhere: first skyhook plugins sync")
        return recorded.number, recorded.generation

    async def _propose(
        self,
        verb: str,
        base: int,
        before: Generation,
        asked: Mapping[str, tuple[str, str]],
        *,
        without: str | None = None,
    ) -> Proposal:
        """`asked` are requirements and their sources by distribution."""
        own = resolving.own_packages(self.folders.root)
        if taken := asked.keys() & own.keys():
            raise PluginRefused(
                f"{min(taken)} is one of the server's own packages: install it as you did those."
            )
        wanted = {one.distribution: self._pinned(before, one) for one in before.plugins}
        wanted |= {name: requirement for name, (requirement, _) in asked.items()}
        wanted.pop(without or "", None)
        self._tell("Resolving it with the server's packages")
        folder = self.folders.current
        packages = await resolving.resolve(
            list(wanted.values()), own, before, folder, asked.keys(), self._index
        )
        sources = {one.distribution: one.source for one in before.plugins}
        sources |= {name: source for name, (_, source) in asked.items()}
        after = await self._build(packages, sources)
        for name in asked:
            if all(one.distribution != name for one in after.plugins):
                raise PluginRefused(f"{name} brings no plugin: it has no entry point in {GROUP}.")
        if any(one.distribution == without for one in after.plugins):
            raise PluginRefused(f"{without} is needed by another plugin: remove that one first.")
        names = [f"{one.name} {one.version}" for one in after.plugins if one.distribution in asked]
        names += [f"{one.name} {one.version}" for one in before.plugins if one.distribution == without]
        return await self._verified(f"{verb} {', '.join(names)}", base, before, after, is_checked=True)

    def _pinned(self, generation: Generation, plugin: InstalledPlugin) -> str:
        package = generation.package(plugin.distribution)
        if package is None or package.wheel is None:
            return f"{plugin.distribution}=={plugin.version}"
        return f"{package.name} @ {(self.folders.wheels / package.wheel).as_uri()}"

    async def _build(self, packages: tuple[Package, ...], sources: Mapping[str, str]) -> Generation:
        """Installs the packages into the folder of their generation, unless they are there already."""
        if not packages:
            return NOTHING
        folder = self.folders.of(Generation((), packages))
        assert folder is not None
        if not folder.is_dir():
            self._tell(f"Installing {len(packages)} package{'s' if len(packages) > 1 else ''}")
            building = self.folders.building()
            await resolving.install(
                packages, self.folders.current, building, self.folders.wheels, self._index
            )
            folder = self.folders.finish(building, Generation((), packages))
        generation = Generation(tuple(_plugins(folder, sources)), packages)
        self.folders.write_record(folder, generation)
        return generation

    async def _verified(
        self, change: str, base: int, before: Generation, after: Generation, *, is_checked: bool
    ) -> Proposal:
        """Where it is checked, an upgrade may take nothing from the schema."""
        if not is_checked:
            await self.records.bring_wheels(after, self.folders.wheels)
            sources = {one.distribution: one.source for one in after.plugins}
            after = await self._build(after.packages, sources)
        changed = [one for one in after.plugins if _package(after, one) != _package(before, one)]
        removed = [one for one in before.plugins if after.plugin(one.name) is None]
        self._tell("Verifying it in a process of its own")
        folder = self.folders.of(after)
        names = [one.name for one in changed]
        # One that is gone back to need not know the newest revision: it suits the version before.
        upgraded = [one for one in names if is_checked and before.plugin(one)]
        revisions = {one: await records.revision(self._database, one) for one in upgraded}
        found = await self._verifier.verify(folder, names, revisions, self._import_s)
        if upgraded:
            schema = await self._verifier.schema_of(self.folders.current)
            if breaking := breaking_changes(schema, found.schema):
                raise PluginRefused(f"It breaks those who call it: {' '.join(breaking)}")
        return Proposal(
            change, base, before, after, changed, removed, tuple(found.plugins), tuple(found.warnings)
        )

    async def _migrate(self, proposal: Proposal, folder: Path, undo: list[Undo]) -> None:
        names = [one.name for one in proposal.changed]
        with_tables = [one.name for one in proposal.descriptions if one.tables]
        revisions = {name: await records.revision(self._database, name) for name in with_tables}
        if not with_tables:
            return
        self._tell(f"Migrating the database for {', '.join(names)}")
        await self._verifier.migrate(self._configuration, folder, with_tables)
        for name, revision in revisions.items():
            if await records.revision(self._database, name) != revision:
                undo.append(lambda name=name, revision=revision: self._unmigrate(folder, name, revision))  # type: ignore[misc]

    async def _unmigrate(self, folder: Path, name: str, revision: str | None) -> None:
        if revision is None:
            await records.purge(self._database, name)
        else:
            await self._verifier.downgrade(self._configuration, folder, name, revision)

    async def _switch_back(self, folder: Path | None) -> None:
        self.folders.switch(folder)

    async def _reload(self, undo: list[Undo]) -> None:
        """Where a later step fails, servers that did reload do so again after the link is switched back."""
        self._tell("Reloading the servers of this machine")

        async def reload() -> None:
            await asyncio.to_thread(reload_all, self._data, RELOAD_S)

        try:
            await reload()
        except ReloadFailed as error:
            if error.reloaded:
                undo.insert(-1, reload)
            raise PluginRefused(f"A server cannot serve with it: {error}") from error
        undo.insert(-1, reload)


@asynccontextmanager
async def _undone_where_it_fails() -> AsyncIterator[list[Undo]]:
    """Takes back what was done, the last thing first, where the block raises."""
    undo: list[Undo] = []
    try:
        yield undo
    except BaseException:
        for step in reversed(undo):
            try:
                await step()
            except Exception:
                _log.exception("a step of a change of plugins could not be taken back")
        raise


def _installed(generation: Generation, name: str) -> InstalledPlugin:
    plugin = generation.plugin(name)
    if plugin is None:
        raise NotFound(f"No plugin {name!r} was installed by `skyhook plugins install`.")
    return plugin


def _package(generation: Generation, plugin: InstalledPlugin) -> Package | None:
    return generation.package(plugin.distribution) if generation.plugin(plugin.name) else None


def _plugins(folder: Path, sources: Mapping[str, str]) -> list[InstalledPlugin]:
    """Every plugin that the folder's distributions bring."""
    found = []
    for one in metadata.distributions(path=[str(folder)]):
        distribution = canonicalize_name(one.metadata["Name"])
        for entry in one.entry_points.select(group=GROUP):
            source = sources.get(distribution, distribution)
            found.append(InstalledPlugin(entry.name, distribution, one.version, source))
    return sorted(found, key=lambda plugin: plugin.name)


def is_own(name: str, root: Path) -> bool:
    """Whether a plugin came with the server's own packages."""
    own = resolving.own_path(root)
    return any(
        entry.name == name
        for one in metadata.distributions(path=own)
        for entry in one.entry_points.select(group=GROUP)
    )
