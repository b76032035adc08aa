"""Finds the installed plugins by their entry points and keeps the sound ones."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from skyhook.plugins.checks import check, check_collisions
from skyhook.plugins.errors import PluginBroken
from skyhook.plugins.manifest import Meter, Operation, Plugin, Scope
from skyhook.plugins.settings import from_environment

if TYPE_CHECKING:
    import strawberry

    from skyhook.graphql.examples import ReadExample

GROUP = "skyhook.plugins"
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that could not be loaded, and why."""

    name: str
    reason: str
    manifest: Plugin | None = None
    """Where only something beside it is wrong, such as a setting."""


@dataclass(slots=True)
class PluginHost:
    """The plugins of this process: the loaded ones and the broken ones with their reasons."""

    loaded: list[Plugin] = field(default_factory=list)
    broken: list[BrokenPlugin] = field(default_factory=list)
    operations: dict[str, tuple[Plugin, Operation]] = field(init=False, default_factory=dict)
    """Every operation by its name, with the plugin that brings it."""
    examples: dict[str, Sequence[ReadExample]] = field(init=False, default_factory=dict)
    """What the plugins offer to be tried, by their names: read when the schema is composed."""
    schema: strawberry.Schema | None = field(init=False, default=None)
    """That of the core and the loaded plugins, once it is composed."""

    def __post_init__(self) -> None:
        for plugin in self.loaded:
            self.operations |= {operation.name: (plugin, operation) for operation in plugin.operations}

    @classmethod
    def discover(cls, found: Iterable[EntryPoint] | None = None) -> PluginHost:
        """Loads every installed plugin; one that fails is noted as broken and harms nothing."""
        loaded: list[Plugin] = []
        broken: list[BrokenPlugin] = []
        for entry in sorted(entry_points(group=GROUP) if found is None else found, key=lambda e: e.name):
            try:
                plugin = _load(entry)
                check(plugin)
                check_collisions(plugin, loaded)
                from_environment(plugin)
            except PluginBroken as error:
                broken.append(_broken(entry.name, error.reason))
            else:
                loaded.append(plugin)
        return cls(loaded, broken)

    def exclude(self, name: str, reason: str) -> None:
        """Takes a plugin out of the loaded ones, with its operations, and notes why."""
        for plugin in self.loaded:
            if plugin.name == name:
                self.broken.append(_broken(name, reason, plugin))
        self.loaded = [plugin for plugin in self.loaded if plugin.name != name]
        self.schema = None
        for operation, (plugin, _) in list(self.operations.items()):
            if plugin.name == name:
                del self.operations[operation]

    @property
    def manifests(self) -> Sequence[Plugin]:
        """Those of the loaded plugins, and of those where only something beside it is wrong."""
        return [*self.loaded, *(broken.manifest for broken in self.broken if broken.manifest)]

    @property
    def meters(self) -> Sequence[Meter]:
        """The meters of every loaded plugin."""
        return [meter for plugin in self.loaded for meter in plugin.meters]

    @property
    def scopes(self) -> Sequence[Scope]:
        """The scopes of every loaded plugin."""
        return [scope for plugin in self.loaded for scope in plugin.scopes]


def _broken(name: str, reason: str, manifest: Plugin | None = None) -> BrokenPlugin:
    logger.error("plugin %s is broken: %s", name, reason)
    return BrokenPlugin(name, reason, manifest)


def _load(entry: EntryPoint) -> Plugin:
    # Importing a stranger's module can raise anything, SystemExit included; none may stop the platform.
    try:
        plugin = entry.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise PluginBroken(entry.name, f"it cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(plugin, Plugin):
        raise PluginBroken(entry.name, f"its entry point must name a skyhook.plugin.Plugin, not {plugin!r}")
    if plugin.name != entry.name:
        raise PluginBroken(
            entry.name, f"its manifest is named {plugin.name!r}, its entry point {entry.name!r}"
        )
    return plugin
