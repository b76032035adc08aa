"""GraphQL of plugins: what is installed and what it brings, and what an organization has switched off."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, cast

import strawberry

from skyhook.function import spec_of
from skyhook.graphql.context import Info
from skyhook.graphql.scalars import JSON, BigInt
from skyhook.plugins import manifest
from skyhook.scopes import ACCOUNT_READ, ACCOUNT_WRITE


@strawberry.enum(description="Whether a plugin can be used.")
class PluginState(Enum):
    LOADED = "loaded"
    BROKEN = "broken"


@strawberry.type(
    description="Something that can be asked of a plugin; it is authorized, metered and charged."
)
class PluginOperation:
    """An operation of the manifest."""

    name: str = strawberry.field(description="As its root field, where it has one.")
    scope: str = strawberry.field(description="What a key needs for it.")
    meters: list[str] = strawberry.field(description="By what it is charged.")
    is_job: bool = strawberry.field(description="Whether it gives a Job.")


@strawberry.type(description="Something that a plugin counts and charges.")
class PluginMeter:
    """A meter of the manifest, with its price."""

    name: str = strawberry.field(description="Such as chat.output_tokens.")
    title: str = strawberry.field(description="For people.")
    unit: str = strawberry.field(description="What is counted, in the singular.")
    price: BigInt = strawberry.field(
        description="Nano-dollars for each unit that you pay before a discount, "
        "of models without their own price."
    )


@strawberry.type(description="A permission that a plugin brings.")
class PluginScope:
    """A scope of the manifest."""

    name: str = strawberry.field(description="What a key carries, such as chat:complete.")
    title: str = strawberry.field(description="What it allows.")


@strawberry.type(description="What a plugin runs in worker processes.")
class PluginFunction:
    """A function of the manifest."""

    name: str = strawberry.field(description="Its module and its class.")
    memory_gib: float = strawberry.field(description="The most memory of a worker, in GiB.")
    timeout_seconds: float = strawberry.field(description="The longest that a call may run.")
    concurrency: int = strawberry.field(description="How many calls a worker serves at a time.")
    gpu: str | None = strawberry.field(
        description="The GPU that it asks for, or those of which it does; not used on the local machine."
    )
    isolated: bool = strawberry.field(
        description="Whether it runs what strangers wrote: on Modal each call on a machine of its own."
    )


@strawberry.type(description="A model that ships with a plugin.")
class PluginModel:
    """A bundled model of the manifest."""

    name: str = strawberry.field(description="What requests call it.")
    title: str = strawberry.field(description="What people call it.")
    tier: str = strawberry.field(description="small, medium or large.")
    description: str = strawberry.field(description="What it is good for.")


@strawberry.type(description="Something of a plugin that can be tried: a GraphQL document with variables.")
class PluginExample:
    """An example of the manifest."""

    slug: str = strawberry.field(description="Its part of the address of its page in the console.")
    title: str = strawberry.field(description="For people.")
    description: str = strawberry.field(description="What it shows.")
    document: str = strawberry.field(description="GraphQL with one named operation.")
    variables: JSON = strawberry.field(description="What to send with it, to begin with.")


@strawberry.type(description="A product that is installed on this instance.")
class Plugin:
    """A plugin as an organization sees it."""

    name: str = strawberry.field(description="What its fields, scopes, meters and tables begin with.")
    title: str = strawberry.field(description="For people.")
    description: str = strawberry.field(description="What it is for; empty where it does not say.")
    version: str = strawberry.field(description="Empty for a broken one.")
    state: PluginState = strawberry.field(description="Whether it can be used.")
    reason: str | None = strawberry.field(description="Why it is broken.")
    enabled: bool = strawberry.field(description="Whether this organization has it switched on.")
    operations: list[PluginOperation] = strawberry.field(description="What can be asked of it.")
    meters: list[PluginMeter] = strawberry.field(description="What it charges, and for how much.")
    scopes: list[PluginScope] = strawberry.field(description="The permissions that it brings.")
    functions: list[PluginFunction] = strawberry.field(description="What it runs in workers.")
    models: list[PluginModel] = strawberry.field(description="The models that ship with it.")
    playground: list[PluginExample] = strawberry.field(description="What can be tried of it.")


Name = Annotated[str, strawberry.argument(description="The plugin's name, such as chat.")]


@strawberry.type
class PluginsQuery:
    """Root fields of plugins."""

    @strawberry.field(description="The plugins of this instance, by name.")
    async def plugins(self, info: Info) -> list[Plugin]:
        """Those that are loaded, and those that are broken."""
        info.context.caller.require(ACCOUNT_READ)
        host = info.context.services.plugins
        disabled = await _disabled(info)
        found = [_loaded(info, plugin, disabled) for plugin in host.loaded]
        found += [_broken(broken.name, broken.reason) for broken in host.broken]
        return sorted(found, key=lambda plugin: plugin.name)


@strawberry.type
class PluginsMutation:
    """Root fields that switch plugins."""

    @strawberry.mutation(description="Switches a plugin on again for the organization.")
    async def plugin_enable(self, info: Info, name: Name) -> Plugin:
        """Undoes pluginDisable."""
        info.context.caller.require(ACCOUNT_WRITE)
        info.context.caller.require_recent()
        await info.context.services.switches.enable(info.context.caller, name)
        return await _named(info, name)

    @strawberry.mutation(
        description="Switches a plugin off for the organization: its operations are refused with "
        "PLUGIN_DISABLED, in other server processes within 5 seconds. What it has stored stays."
    )
    async def plugin_disable(self, info: Info, name: Name) -> Plugin:
        """Refuses the plugin's operations."""
        info.context.caller.require(ACCOUNT_WRITE)
        info.context.caller.require_recent()
        await info.context.services.switches.disable(info.context.caller, name)
        return await _named(info, name)


async def _disabled(info: Info) -> frozenset[str]:
    services = info.context.services
    disabled: frozenset[str] = await services.switches.disabled(info.context.caller.organization_id)
    return disabled


async def _named(info: Info, name: str) -> Plugin:
    disabled = await _disabled(info)
    plugins = info.context.services.plugins.loaded
    return next(_loaded(info, plugin, disabled) for plugin in plugins if plugin.name == name)


def _loaded(info: Info, plugin: manifest.Plugin, disabled: frozenset[str]) -> Plugin:
    rates = info.context.services.billing.prices.current(info.context.caller.organization_id)
    specs = [spec_of(function) for function in plugin.functions]
    return Plugin(
        name=plugin.name,
        title=plugin.title,
        description=plugin.description,
        version=plugin.version,
        state=PluginState.LOADED,
        reason=None,
        enabled=plugin.name not in disabled,
        operations=[
            PluginOperation(
                name=operation.name,
                scope=operation.scope,
                meters=list(operation.meters),
                is_job=operation.job is not None,
            )
            for operation in plugin.operations
        ],
        meters=[
            PluginMeter(
                name=meter.name,
                title=meter.title,
                unit=meter.unit,
                price=cast(BigInt, rates[meter.name, None].price),
            )
            for meter in plugin.meters
        ],
        scopes=[PluginScope(name=scope.name, title=scope.title) for scope in plugin.scopes],
        functions=[
            PluginFunction(
                name=spec.name,
                memory_gib=spec.memory_gib,
                timeout_seconds=spec.timeout_s,
                concurrency=spec.concurrency,
                gpu=" or ".join(spec.gpus) or None,
                isolated=spec.isolated,
            )
            for spec in specs
        ],
        models=[
            PluginModel(name=model.name, title=model.title, tier=model.tier, description=model.description)
            for model in plugin.models
        ],
        playground=[
            PluginExample(
                slug=example.slug,
                title=example.title,
                description=example.description,
                document=example.document,
                variables=cast(JSON, example.variables),
            )
            for example in plugin.playground
        ],
    )


def _broken(name: str, reason: str) -> Plugin:
    return Plugin(
        name=name,
        title=name,
        description="",
        version="",
        state=PluginState.BROKEN,
        reason=reason,
        enabled=False,
        operations=[],
        meters=[],
        scopes=[],
        functions=[],
        models=[],
        playground=[],
    )
