"""Installs, upgrades, removes and takes back plugins: proposed and verified first, then applied as a whole.

A change is a new generation beside the one that is used. Applying it migrates, switches a link, reloads the
servers and writes it down, and takes all of it back where a step fails.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import metadata
from pathlib import Path

from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.plugins.errors import PluginRefused
from skyhook.plugins.host import GROUP
from skyhook.plugins.installation import records, resolving
from skyhook.plugins.installation.folders import Folders
from skyhook.plugins.installation.proposing import IMPORT_S, Proposal, Proposer, Tell
from skyhook.plugins.installation.records import Records
from skyhook.plugins.installation.resolving import Index
from skyhook.plugins.installation.verifying import Verifier
from skyhook.serving.running import ReloadFailed, reload_all, wait_until_drained

RELOAD_S = 180.0
DRAIN_S = 150.0
Undo = Callable[[], Awaitable[None]]
_log = logging.getLogger(__name__)


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
        self._verifier = verifier or Verifier()
        self.folders = Folders(configuration.data)
        self.records = Records(database)
        self.propose = Proposer(database, self.folders, self._verifier, tell, index or Index(), import_s)

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


def is_own(name: str, root: Path) -> bool:
    """Whether a plugin came with the server's own packages."""
    own = resolving.own_path(root)
    return any(
        entry.name == name
        for one in metadata.distributions(path=own)
        for entry in one.entry_points.select(group=GROUP)
    )
