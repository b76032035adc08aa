"""Looks models up and lets an operator add more."""

from __future__ import annotations

import importlib.resources
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy import delete, select

from skyhook.catalogue.errors import ModelExists, ModelNotFound
from skyhook.catalogue.models import AddedModel
from skyhook.catalogue.versions import Versions
from skyhook.database import Database
from skyhook.errors import InvalidInput
from skyhook.plugins.manifest import Engine, Model, Plugin

REFRESHED_S = 5.0
"""How old the list of added models may be, in seconds."""


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A model that can be called."""

    name: str
    plugin: str
    title: str
    source: Literal["bundled", "trained", "hub", "upstream"]
    """`trained`: the weights were trained and published here, whether or not others ship."""
    location: str
    """The folder of the weights, or the upstream's base URL."""
    tier: str
    context_tokens: int
    description: str
    upstream_name: str | None = None
    api_key_variable: str | None = None
    version: int | None = None
    """Of one that was trained here."""
    engine: str | None = None
    """One of the plugin's engines; None for its own way."""
    adapter: str | None = None
    """The folder of a LoRA adapter; `location` then has the weights of its base model."""

    @property
    def folder(self) -> str:
        """Where the model's own files are."""
        return self.adapter or self.location


class Catalogue:
    """The models of the plugins' manifests and those that an operator added."""

    def __init__(self, database: Database, before_change: Callable[[], Awaitable[None]]) -> None:
        """`before_change` is awaited before a changed list is used: a new model's prices are read first."""
        self._database = database
        self._before_change = before_change
        self.versions = Versions(database, self._forget)
        """Those of models that were trained here."""
        self._brought: dict[str, CatalogueModel] = {}
        self._trained: dict[str, CatalogueModel] = {}
        """What plugins can have trained, whether it was or not; its location is that of weights that ship."""
        self._current: dict[str, CatalogueModel] = {}
        """The brought models and those that were trained, as they are called now."""
        self.bundled_folders: dict[str, str] = {}
        """The `package:folder` of each folder of weights that a plugin brings."""
        self._engines: dict[tuple[str, str], Engine] = {}
        self._added: dict[str, CatalogueModel] = {}
        self._read_at = float("-inf")

    def bring(self, plugins: Sequence[Plugin]) -> None:
        """Takes in the models of the plugins' manifests."""
        for plugin in plugins:
            self._engines |= {(plugin.name, engine.name): engine for engine in plugin.engines}
            for model in plugin.models:
                self._brought[model.name] = _from_manifest(plugin, model)
                self.bundled_folders[self._brought[model.name].location] = model.location
            for training in plugin.trainings:
                self._trained[training.model.name] = _from_manifest(plugin, training.model)

    async def get(self, plugin: str, name: str) -> CatalogueModel:
        """A plugin's model by name. Raises ModelNotFound."""
        await self._refresh()
        model = self._current.get(name) or self._added.get(name)
        if model is None or model.plugin != plugin:
            names = ", ".join(other.name for other in await self.list(plugin))
            raise ModelNotFound(
                f"There is no model {name!r} for {plugin}. Known: {names}. "
                "An operator adds one with `skyhook models pull` or `add`.",
                field="model",
            )
        return model

    async def list(self, plugin: str | None = None) -> list[CatalogueModel]:
        """The models of a plugin, or of all, bundled ones first."""
        await self._refresh()
        every = [*self._current.values(), *self._added.values()]
        return [model for model in every if plugin in (None, model.plugin)]

    async def current(self, name: str) -> CatalogueModel | None:
        """The model that a training makes, as it is called now; None where it cannot be called yet."""
        await self._refresh()
        return self._current.get(name)

    async def require_free(self, name: str) -> None:
        """Raises ModelExists where a model has the name, or a plugin can have one trained of that name."""
        if name in self._trained or any(name == other.name for other in await self.list()):
            raise ModelExists(f"There is a model {name!r} already; remove it first.", field="name")

    def require_engine(self, plugin: str, name: str | None, *, for_adapter: bool) -> None:
        """Raises InvalidInput where the plugin has no such engine, or it takes no adapters and has to."""
        offered = [engine for (other, _), engine in self._engines.items() if other == plugin]
        if name is not None and (plugin, name) not in self._engines:
            names = ", ".join(engine.name for engine in offered) or "none beside its own"
            raise InvalidInput(f"{plugin} has no engine {name!r}; it has {names}.", field="engine")
        if for_adapter and (name is None or not self._engines[plugin, name].adapters):
            names = ", ".join(engine.name for engine in offered if engine.adapters) or "none"
            raise InvalidInput(f"An adapter needs an engine that takes it: {names}.", field="engine")

    async def require_addable(self, model: CatalogueModel) -> None:
        """Raises InvalidInput for a model that cannot be as it says, or ModelExists."""
        if model.context_tokens < 1:
            raise InvalidInput("A context has at least one token.", field="contextTokens")
        self.require_engine(model.plugin, model.engine, for_adapter=model.adapter is not None)
        await self.require_free(model.name)

    async def base(self, plugin: str, name: str) -> CatalogueModel:
        """A model that adapters can be of. Raises ModelNotFound, or InvalidInput."""
        model = await self.get(plugin, name)
        if model.source == "upstream" or model.adapter is not None:
            raise InvalidInput(f"{name!r} has no weights of its own here: name another base.", field="base")
        return model

    async def add(self, model: CatalogueModel) -> None:
        """Adds a model. Raises InvalidInput, or ModelExists."""
        await self.require_addable(model)
        async with self._database.write() as session:
            session.add(
                AddedModel(
                    name=model.name,
                    plugin=model.plugin,
                    source=model.source,
                    location=model.location,
                    upstream_name=model.upstream_name,
                    api_key_variable=model.api_key_variable,
                    tier=model.tier,
                    context_tokens=model.context_tokens,
                    engine=model.engine,
                    adapter=model.adapter,
                )
            )
        self._forget()

    async def remove(self, name: str) -> None:
        """Takes an added model out; its weights stay. Raises ModelNotFound."""
        async with self._database.write() as session:
            removed = await session.execute(
                delete(AddedModel).where(AddedModel.name == name).returning(AddedModel.name)
            )
            if removed.first() is None:
                raise ModelNotFound(f"No operator has added a model {name!r}.", field="name")
        self._forget()

    def _forget(self) -> None:
        """What was read does not hold any more."""
        self._read_at = float("-inf")

    async def _refresh(self) -> None:
        if time.monotonic() - self._read_at < REFRESHED_S:
            return
        async with self._database.read() as session:
            rows = (await session.scalars(select(AddedModel).order_by(AddedModel.name))).all()
        added = {row.name: _from_row(row) for row in rows}
        current = self._brought | {
            name: replace(self._trained[name], source="trained", location=one.location, version=one.version)
            for name, one in (await self.versions.current()).items()
            if name in self._trained
        }
        if (added, current) != (self._added, self._current):
            await self._before_change()
        self._added, self._current = added, current
        self._read_at = time.monotonic()


def _from_manifest(plugin: Plugin, model: Model) -> CatalogueModel:
    return CatalogueModel(
        name=model.name,
        plugin=plugin.name,
        title=model.title,
        source="bundled",
        location=_bundled_folder(model.location),
        tier=model.tier,
        context_tokens=model.context_tokens,
        description=model.description,
    )


def _from_row(row: AddedModel) -> CatalogueModel:
    return CatalogueModel(
        name=row.name,
        plugin=row.plugin,
        title=row.name,
        source="upstream" if row.source == "upstream" else "hub",
        location=row.location,
        tier=row.tier,
        context_tokens=row.context_tokens,
        description="",
        upstream_name=row.upstream_name,
        api_key_variable=row.api_key_variable,
        engine=row.engine,
        adapter=row.adapter,
    )


def _bundled_folder(location: str) -> str:
    package, _, folder = location.partition(":")
    return str(importlib.resources.files(package).joinpath(folder))
