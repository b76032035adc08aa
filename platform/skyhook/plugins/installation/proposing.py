"""Proposes changes of what is installed: each is resolved, built and verified while nothing changes yet."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from skyhook.billing.prices import PriceList
from skyhook.clock import now
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

IMPORT_S = 20.0
"""How long the import of one plugin may take."""
Tell = Callable[[str], None]


P = ParamSpec("P")
R = TypeVar("R")


def _alone(
    propose: Callable[Concatenate[Proposer, P], Awaitable[R]],
) -> Callable[Concatenate[Proposer, P], Awaitable[R]]:
    """One proposal is built at a time on a machine; what one leaves that is refused is deleted."""

    @functools.wraps(propose)
    async def alone(self: Proposer, /, *args: P.args, **kwargs: P.kwargs) -> R:
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
    replaced: Sequence[Description] = ()
    """What those of them that are there bring now."""
    warnings: Sequence[str] = ()
    is_recorded: bool = False
    """Whether the database has it already, and only this machine lacks it."""

    @property
    def packages(self) -> Sequence[Package]:
        """The packages that are new, or of another version."""
        return [one for one in self.after.packages if one not in self.before.packages]


class Proposer:
    """Builds proposals; `tell` hears of each step."""

    def __init__(
        self,
        database: Database,
        folders: Folders,
        verifier: Verifier,
        tell: Tell,
        index: Index,
        import_s: float,
    ) -> None:
        self.folders = folders
        self._verifier = verifier
        self._database = database
        self._records = Records(database)
        self._tell = tell
        self._index = index
        self._import_s = import_s

    @_alone
    async def install(self, source: str, uploaded: Path | None = None) -> Proposal:
        """Installs what `source` names beside what is there, or the wheel that was uploaded by this name.

        Raises PluginRefused.
        """
        base, before = await self._begin()
        source, requirement = await self._fetch(source, uploaded)
        distribution = canonicalize_name(Requirement(requirement).name)
        if known := next((one for one in before.plugins if one.distribution == distribution), None):
            raise PluginRefused(f"{known.name} {known.version} is installed: upgrade it instead.")
        return await self._propose("install", base, before, {distribution: (requirement, source)})

    @_alone
    async def upgrade(self, name: str, source: str | None = None, uploaded: Path | None = None) -> Proposal:
        """Another version of a plugin: what its source has now, what `source` names, or was uploaded so.

        Raises NotFound, or PluginRefused.
        """
        base, before = await self._begin()
        plugin = _installed(before, name)
        if source is None and resolving.was_uploaded(plugin.source):
            raise PluginRefused(f"{name} was uploaded as {plugin.source}: say where another version is.")
        source, requirement = await self._fetch(source or plugin.source, uploaded)
        if canonicalize_name(Requirement(requirement).name) != plugin.distribution:
            raise PluginRefused(f"{source} is not {plugin.distribution}, which brings the plugin {name}.")
        proposal = await self._propose("upgrade", base, before, {plugin.distribution: (requirement, source)})
        if not proposal.packages:
            raise PluginRefused(f"{name} {plugin.version} is what {source} has: there is nothing to upgrade.")
        return proposal

    @_alone
    async def removal(self, name: str) -> Proposal:
        """Everything but this plugin, and what only it needed. Raises NotFound, or PluginRefused."""
        base, before = await self._begin()
        plugin = _installed(before, name)
        return await self._propose("remove", base, before, {}, without=plugin.distribution)

    @_alone
    async def rollback(self, number: int | None = None) -> Proposal:
        """What was installed at a generation, or before the last change. Raises NotFound or PluginRefused."""
        base, before = await self._begin()
        number = base - 1 if number is None else number
        if base == 0 or number < 0:
            raise PluginRefused("Nothing was ever installed: there is nothing to go back to.")
        after = (await self._records.get(number)).generation
        return await self._verified(f"roll back to {number}", base, before, after, is_checked=False)

    @_alone
    async def sync(self) -> Proposal | None:
        """What the database says is installed; None where this machine has it. Raises PluginRefused."""
        recorded = await self._records.current()
        before = self.folders.current_generation
        if before.packages == recorded.generation.packages:
            return None
        proposal = await self._verified(
            "sync", recorded.number, before, recorded.generation, is_checked=False
        )
        return replace(proposal, is_recorded=True)

    async def _fetch(self, source: str, uploaded: Path | None) -> tuple[str, str]:
        """What is written down as the source, and the requirement that it makes."""
        if uploaded is None:
            source = resolving.settled(source)
        self._tell(f"Getting {source}")
        place = source if uploaded is None else str(uploaded)
        return source, await resolving.fetch(place, self.folders.wheels, self._index)

    async def _begin(self) -> tuple[int, Generation]:
        recorded = await self._records.current()
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
            fresh = len(set(packages) - set(self.folders.current_generation.packages))
            self._tell(f"Installing {fresh} package{'' if fresh == 1 else 's'}")
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
            await self._records.bring_wheels(after, self.folders.wheels)
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
        replaced: Sequence[Description] = ()
        if others := [one for one in names if before.plugin(one)]:
            used = await self._verifier.look(self.folders.current, others)
            replaced = used.plugins
            if upgraded and (breaking := breaking_changes(used.schema, found.schema)):
                raise PluginRefused(f"It breaks those who call it: {' '.join(breaking)}")
        return Proposal(
            change,
            base,
            before,
            after,
            changed,
            removed,
            tuple(found.plugins),
            tuple(replaced),
            (*found.warnings, *await self._kept_prices(found.plugins)),
        )

    async def _kept_prices(self, plugins: Sequence[Description]) -> list[str]:
        """What is told of prices that a manifest names otherwise than the list, which stays as it is."""
        prices = PriceList(now)
        async with self._database.read() as session:
            await prices.load(session)
        rates = prices.current(None)
        return [
            f"{meter} goes on to cost {rates[meter, None].price:,} nano-dollars, as the price list says; "
            f"to change that: skyhook prices set {meter} {price}"
            for plugin in plugins
            for meter, price in plugin.prices.items()
            if (meter, None) in rates and rates[meter, None].price != price
        ]


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
