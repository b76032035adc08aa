"""How the plugins are set: by the environment, else by an instance administrator, else by default."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import msgspec
from sqlalchemy import delete, select

from skyhook.accounts import audit
from skyhook.clock import now
from skyhook.database import Database
from skyhook.encryption import SecretStore, SecretUnreadable
from skyhook.errors import NotFound
from skyhook.operations.caller import Caller
from skyhook.plugins.errors import SettingInvalid
from skyhook.plugins.host import PluginHost
from skyhook.plugins.manifest import Plugin
from skyhook.plugins.models import PluginSetting
from skyhook.plugins.settings import Setting, from_environment, settings_of

REFRESH_S = 5.0
"""How long another process may still use what was set before, in seconds."""
S = TypeVar("S")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A setting as it stands."""

    setting: Setting
    value: Any
    source: Literal["environment", "saved", "default"]
    problem: str | None = None
    """Why what was saved cannot be used; `value` is then the default."""


class PluginSettings:
    """One for each server process: the settings are in memory, and read anew every few seconds."""

    def __init__(self, database: Database, secret: bytes, plugins: PluginHost) -> None:
        self._database = database
        self._secrets = SecretStore(secret, b"skyhook plugin settings")
        self._plugins = plugins
        self._environment = {plugin.name: from_environment(plugin) for plugin in plugins.manifests}
        self._known = {plugin.name: self._told(plugin, {}) for plugin in plugins.manifests}
        self._current: dict[type, Any] = {}
        self._apply()
        self._refresher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Reads what was saved; a plugin for which something wrong was saved is broken from here on."""
        await self.load()
        for name, known in self._known.items():
            for one in known:
                if one.problem and any(plugin.name == name for plugin in self._plugins.loaded):
                    self._plugins.exclude(name, f"its setting {one.setting.name} {one.problem}")
        self._refresher = asyncio.create_task(self._refresh_forever())

    async def close(self) -> None:
        """Stops to read anew."""
        if self._refresher is not None:
            self._refresher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._refresher

    def of(self, settings: type[S]) -> S:
        """The settings of the plugin whose class this is, as they are now. Raises TypeError for another."""
        current: S | None = self._current.get(settings)
        if current is None:
            raise TypeError(f"{settings!r} is not the settings class of an installed plugin")
        return current

    def known(self, plugin: str) -> list[Known]:
        """What can be set in a plugin, and how it is set."""
        return self._known.get(plugin, [])

    async def load(self) -> None:
        """Reads what was saved."""
        async with self._database.read() as session:
            rows = list(await session.scalars(select(PluginSetting)))
        for plugin in self._plugins.manifests:
            saved = {row.name: row.value for row in rows if row.plugin == plugin.name}
            self._known[plugin.name] = self._told(plugin, saved)
        self._apply()

    async def save(self, caller: Caller, plugin: str, texts: Mapping[str, str]) -> None:
        """Saves settings by their texts; a text that means the default takes away what was saved.

        What the environment sets stays as it is. Raises NotFound, or SettingInvalid for the first that is
        wrong; nothing is saved then.
        """
        manifest = next((one for one in self._plugins.manifests if one.name == plugin), None)
        if manifest is None:
            raise NotFound(f"No plugin {plugin!r} is installed.")
        changed: list[tuple[Setting, Any]] = []
        for setting in settings_of(manifest):
            if setting.name not in texts or setting.name in self._environment[plugin]:
                continue
            try:
                changed.append((setting, setting.parse(texts[setting.name])))
            except ValueError as error:
                raise SettingInvalid(f"{setting.name} {error}.", field=setting.name) from error
        async with self._database.write() as session:
            for setting, value in changed:
                await session.execute(
                    delete(PluginSetting).where(
                        PluginSetting.plugin == plugin, PluginSetting.name == setting.name
                    )
                )
                if value != setting.default:
                    row = PluginSetting(plugin=plugin, name=setting.name, value=self._stored(setting, value))
                    row.changed_by_id, row.changed_at = caller.user_id, now()
                    session.add(row)
            names = sorted(setting.name for setting, _ in changed)
            audit.record(session, caller, "plugin.set", plugin=plugin, settings=names)
        await self.load()

    def _told(self, plugin: Plugin, saved: Mapping[str, bytes]) -> list[Known]:
        environment = self._environment[plugin.name]
        told = []
        for setting in settings_of(plugin):
            if setting.name in environment:
                told.append(Known(setting, environment[setting.name], "environment"))
            elif setting.name in saved:
                told.append(self._read(setting, saved[setting.name]))
            else:
                told.append(Known(setting, setting.default, "default"))
        return told

    def _read(self, setting: Setting, stored: bytes) -> Known:
        try:
            text = self._secrets.decrypt(stored, _place(setting)) if setting.is_secret else stored.decode()
            return Known(setting, setting.convert(msgspec.json.decode(text)), "saved")
        except SecretUnreadable:
            problem = "was encrypted under another SKYHOOK_SECRET: set it anew"
        except ValueError as error:
            problem = str(error)
        return Known(setting, setting.default, "saved", problem)

    def _stored(self, setting: Setting, value: Any) -> bytes:
        encoded = msgspec.json.encode(value)
        return self._secrets.encrypt(encoded.decode(), _place(setting)) if setting.is_secret else encoded

    def _apply(self) -> None:
        for plugin in self._plugins.manifests:
            if plugin.settings is not None:
                values = {known.setting.name: known.value for known in self._known[plugin.name]}
                self._current[plugin.settings] = plugin.settings(**values)

    async def _refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.load()
            except Exception:
                _log.exception("the plugins' settings are read again in %s s", REFRESH_S)


def plugin_settings(services: Any, settings: type[S]) -> S:
    """The plugin's settings as they are now, by their class; `services` is that of a context or socket."""
    configuring: PluginSettings = services.settings
    return configuring.of(settings)


def _place(setting: Setting) -> bytes:
    return f"{setting.plugin}.{setting.name}".encode()
