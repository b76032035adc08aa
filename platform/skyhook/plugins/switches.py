"""Which plugins an organization has switched off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts import audit
from skyhook.accounts.models import Organization
from skyhook.clock import now
from skyhook.database import Database
from skyhook.errors import NotFound
from skyhook.ledger.service import insert_if_absent
from skyhook.operations.caller import Caller
from skyhook.plugins.host import PluginHost
from skyhook.plugins.models import DisabledPlugin


class Switches:
    """Switches plugins off and on for an organization.

    Callers carry what is off (`Caller.disabled_plugins`), so that to check it costs a call nothing. Other
    processes learn of a change when they read the key anew, within seconds.
    """

    def __init__(self, database: Database, plugins: PluginHost, forget: Callable[[UUID], None]) -> None:
        self._database = database
        self._plugins = plugins
        self._forget = forget

    async def disabled(self, organization_id: UUID) -> frozenset[str]:
        """The plugins that the organization has switched off."""
        async with self._database.read() as session:
            return (await disabled_plugins(session, [organization_id]))[organization_id]

    async def off_for(self, plugin: str, at_most: int) -> Sequence[str]:
        """The organizations that have switched the plugin off, by their slugs."""
        query = (
            select(Organization.slug)
            .join(DisabledPlugin, DisabledPlugin.organization_id == Organization.id)
            .where(DisabledPlugin.plugin == plugin)
            .order_by(Organization.slug)
            .limit(at_most)
        )
        async with self._database.read() as session:
            return (await session.scalars(query)).all()

    async def disable(self, caller: Caller, plugin: str) -> None:
        """Switches a plugin off; a second time changes nothing. Raises NotFound."""
        self._require_known(plugin)
        row = {
            "organization_id": caller.organization_id,
            "plugin": plugin,
            "user_id": caller.user_id,
            "disabled_at": now(),
        }
        async with self._database.write() as session:
            insert = insert_if_absent(session, DisabledPlugin).values(**row)
            if (await session.execute(insert.returning(DisabledPlugin.plugin))).first() is not None:
                audit.record(session, caller, "plugin.disabled", plugin=plugin)
        self._forget(caller.organization_id)

    async def enable(self, caller: Caller, plugin: str) -> None:
        """Switches a plugin on again; a second time changes nothing. Raises NotFound."""
        self._require_known(plugin)
        removed = delete(DisabledPlugin).where(
            DisabledPlugin.organization_id == caller.organization_id, DisabledPlugin.plugin == plugin
        )
        async with self._database.write() as session:
            if (await session.execute(removed.returning(DisabledPlugin.plugin))).first() is not None:
                audit.record(session, caller, "plugin.enabled", plugin=plugin)
        self._forget(caller.organization_id)

    def _require_known(self, name: str) -> None:
        if all(plugin.name != name for plugin in self._plugins.loaded):
            raise NotFound(f"No plugin {name!r} is installed.")


async def disabled_plugins(
    session: AsyncSession, organization_ids: Iterable[UUID]
) -> Mapping[UUID, frozenset[str]]:
    """The plugins that each of the organizations has switched off."""
    ids = list(organization_ids)
    rows = await session.execute(
        select(DisabledPlugin.organization_id, DisabledPlugin.plugin).where(
            DisabledPlugin.organization_id.in_(ids)
        )
    )
    found: dict[UUID, set[str]] = {one: set() for one in ids}
    for organization_id, plugin in rows:
        found[organization_id].add(plugin)
    return {one: frozenset(plugins) for one, plugins in found.items()}
