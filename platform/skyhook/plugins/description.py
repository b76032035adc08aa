"""What a plugin brings and asks for, as data that can be shown before it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from msgspec import Struct

from skyhook.function import spec_of
from skyhook.plugins.manifest import Plugin
from skyhook.plugins.settings import settings_of

Comparison: TypeAlias = Literal["", "new", "gone"]


class Description(Struct, frozen=True):
    """A manifest in words; each part is a line for each thing that there is."""

    name: str
    version: str
    title: str
    description: str = ""
    operations: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    meters: tuple[str, ...] = ()
    prices: dict[str, int] = {}
    """Of the meters by name, in nano-dollars a unit."""
    functions: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    def lines(self) -> Iterator[tuple[str, str]]:
        """Every part with a heading, in the order in which people should read them."""
        yield "operations", ", ".join(self.operations) or "none"
        for scope in self.scopes:
            yield "scope", scope
        for meter in self.meters:
            yield "price", meter
        for function in self.functions:
            yield "function", function
        for model in self.models:
            yield "model", model
        yield "tables", ", ".join(self.tables) or "none"
        yield "network", f"{', '.join(self.network) or 'no host'} (by its own word: nothing holds it to that)"
        for address in self.addresses:
            yield "address", address
        for page in self.pages:
            yield "page", page
        for setting in self.settings:
            yield "setting", setting
        for secret in self.secrets:
            yield "secret", secret

    def lines_beside(self, before: Description | None) -> Iterator[tuple[str, str, Comparison]]:
        """The lines, with what the version before lacks and what only it had; None where there is none."""
        now = list(self.lines())
        then = list(before.lines()) if before is not None else now
        gone = [line for line in then if line not in now]
        for number, (part, text) in enumerate(now, 1):
            yield part, text, "" if (part, text) in then else "new"
            if number == len(now) or now[number][0] != part:  # the last line of its part
                yield from ((part, text, "gone") for other, text in gone if other == part)
        parts = {part for part, _ in now}
        yield from ((part, text, "gone") for part, text in gone if part not in parts)


def describe(plugin: Plugin) -> Description:
    """What a checked manifest says."""
    settings = settings_of(plugin)
    return Description(
        name=plugin.name,
        version=plugin.version,
        title=plugin.title,
        description=plugin.description,
        operations=tuple(operation.name for operation in plugin.operations),
        scopes=tuple(f"{scope.name}: {scope.title}" for scope in plugin.scopes),
        meters=tuple(
            f"{meter.name}: {meter.price:,} nano-dollars for each {meter.unit}" for meter in plugin.meters
        ),
        prices={meter.name: meter.price for meter in plugin.meters},
        functions=tuple(_function(marked) for marked in plugin.functions),
        models=tuple(f"{model.name}: {model.title}" for model in plugin.models),
        tables=tuple(sorted(plugin.tables.tables)) if plugin.tables is not None else (),
        network=plugin.network,
        addresses=tuple(f"/p/{plugin.name}{route.path} (WebSocket)" for route in plugin.routes),
        pages=tuple(f"{page.title} of the console, for {page.scope}" for page in plugin.pages),
        settings=tuple(f"{one.variable}: {one.meta.description}" for one in settings if not one.is_secret),
        secrets=tuple(f"{one.variable}: {one.meta.description}" for one in settings if one.is_secret),
    )


def _function(marked: type) -> str:
    spec = spec_of(marked)
    needs = [spec.gpu and f"GPU {spec.gpu}", f"{spec.memory_gib:g} GiB", *spec.requirements]
    needs += [f"{one} of Debian" for one in spec.system_packages]
    if spec.isolated:
        needs.append("isolation, since it runs what strangers wrote")
    return f"{spec.name}: {', '.join(need for need in needs if need)}"
