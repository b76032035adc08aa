"""Checks of what the manifest says."""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator

from skyhook.app import CORE
from skyhook.conformance.subject import Subject
from skyhook.database import Base
from skyhook.graphql.schema import KINDS, SchemaError, Untriable, compose, examples
from skyhook.plugins.checks import check, check_collisions
from skyhook.plugins.errors import PluginBroken
from skyhook.plugins.manifest import API
from skyhook.scopes import CORE_SCOPES


def holds_together(subject: Subject) -> Iterator[str]:
    """Names, prefixes, and that everything that is named is declared."""
    try:
        check(subject.plugin)
    except PluginBroken as error:
        yield error.reason


def speaks_this_contract(subject: Subject) -> Iterator[str]:
    """The version of the contract."""
    if subject.plugin.api != API:
        yield f"it speaks plugin API {subject.plugin.api}, this Skyhook {API}"


def collides_with_nobody(subject: Subject) -> Iterator[str]:
    """Names, models, fields, types, scopes, meters and tables beside those of the core and of the others."""
    plugin = subject.plugin
    try:
        check_collisions(plugin, subject.others)
        compose(CORE, [*subject.others, plugin])
    except PluginBroken as error:
        yield error.reason
    except SchemaError as error:
        yield error.problem
    scopes = {scope.name: "the core" for scope in CORE_SCOPES}
    meters: dict[str, str] = {}
    tables = dict.fromkeys(Base.metadata.tables, "the core")
    for other in subject.others:
        scopes |= {scope.name: other.name for scope in other.scopes}
        meters |= {meter.name: other.name for meter in other.meters}
        tables |= dict.fromkeys(other.tables.tables if other.tables is not None else (), other.name)
    mine = {
        "scope": (scopes, [scope.name for scope in plugin.scopes]),
        "meter": (meters, [meter.name for meter in plugin.meters]),
        "table": (tables, list(plugin.tables.tables) if plugin.tables is not None else []),
    }
    for kind, (taken, names) in mine.items():
        for name in names:
            if name in taken:
                yield f"its {kind} {name!r} is already that of {taken[name]}"


def has_prices(subject: Subject) -> Iterator[str]:
    """Every meter has a title, a unit and a price, and something that is metered by it."""
    plugin = subject.plugin
    used = {name for operation in plugin.operations for name in operation.meters}
    for meter in plugin.meters:
        if not isinstance(meter.price, int) or meter.price < 0:
            yield f"the price of {meter.name} must be whole nano-dollars, not {meter.price!r}"
        if not meter.title or not meter.unit:
            yield f"the meter {meter.name} needs a title and a unit"
        if meter.name not in used:
            yield f"no operation uses the meter {meter.name}"
    declared = {meter.name for meter in plugin.meters}
    for model in plugin.models:
        for name in model.prices.keys() - declared:
            yield f"the model {model.name} has a price for {name}, which is no meter of the plugin"


def reaches_operations(subject: Subject) -> Iterator[str]:
    """Every operation has a scope of the plugin's and is a root field, or a route of its own leads to it."""
    plugin = subject.plugin
    scopes = {scope.name for scope in plugin.scopes}
    schema = compose(CORE, [plugin])._schema
    fields: set[str] = set()
    for kind in KINDS:
        root = getattr(schema, f"{kind}_type")
        fields |= set(root.fields) if root is not None else set()
    for operation in plugin.operations:
        if operation.scope not in scopes:
            yield f"{operation.name} asks for the scope {operation.scope!r}, which is not the plugin's"
        if operation.name not in fields and not plugin.routes:
            yield f"{operation.name} is no root field and no route leads to it"
    for scope in plugin.scopes:
        if not scope.title:
            yield f"the scope {scope.name} needs a title"


def can_be_tried(subject: Subject) -> Iterator[str]:
    """Every example of its playground fits the schema, and its sample files are there."""
    try:
        examples(compose(CORE, [subject.plugin]), subject.plugin)
    except Untriable as error:
        yield error.problem
    for example in subject.plugin.playground:
        for location in example.samples.values():
            package, _, path = location.partition(":")
            try:
                is_there = importlib.resources.files(package).joinpath(path).is_file()
            except ModuleNotFoundError:
                is_there = False
            if not is_there:
                yield f"its example {example.slug} has no file at {location}"


def ships_models(subject: Subject) -> Iterator[str]:
    """Every bundled model's folder is there and has files."""
    for model in subject.plugin.models:
        package, _, folder = model.location.partition(":")
        try:
            place = importlib.resources.files(package).joinpath(folder)
            is_there = place.is_dir() and any(item.is_file() for item in place.iterdir())
        except ModuleNotFoundError:
            is_there = False
        if not is_there:
            yield f"the model {model.name} has no files at {model.location}"
