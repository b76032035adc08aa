"""Checks of a manifest, from its data alone."""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Iterable

from msgspec import Struct

from skyhook.compute.signature import signature_of
from skyhook.function import SPEC, TrainingRequest, spec_of
from skyhook.plugins.errors import PluginBroken
from skyhook.plugins.manifest import API, Plugin
from skyhook.plugins.settings import settings_of

NAME = re.compile(r"[a-z][a-z0-9]{1,29}")
PATH = re.compile(r"(/[a-z0-9][a-z0-9._-]*)+")
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
COMMANDS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
TEMPLATE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:\w[\w-]*(\.\w+)*(/\w[\w-]*(\.\w+)*)*")
RESERVED = frozenset(
    {
        "account",
        "artifact",
        "artifacts",
        "keys",
        "usage",
        "billing",
        "core",
        "node",
        "nodes",
        "viewer",
        "skyhook",
        # How the core's own settings begin in the environment.
        "database",
        "jobs",
        "provenance",
        "public",
        "webhooks",
        # The core's commands, which a plugin's must not be hidden by.
        "credit",
        "functions",
        "init",
        "invoices",
        "migrate",
        "models",
        "organizations",
        "plans",
        "plugin",
        "plugins",
        "prices",
        "schema",
        "serve",
        "train",
        "up",
        "users",
    }
)


def check(plugin: Plugin) -> None:
    """Raises PluginBroken, with the reason and the mend, for a manifest that does not hold together."""
    name = plugin.name
    if not NAME.fullmatch(name) or keyword.iskeyword(name) or name in RESERVED:
        raise PluginBroken(name, "its name must be 2 to 30 lower-case letters and digits, and not reserved")
    if plugin.api != API:
        raise PluginBroken(
            name, f"it speaks plugin API {plugin.api}, this Skyhook {API}: install a version made for {API}"
        )
    _require_prefix(plugin, "meter", (meter.name for meter in plugin.meters), f"{name}.")
    _require_prefix(plugin, "scope", (scope.name for scope in plugin.scopes), f"{name}:")
    _require_prefix(plugin, "operation", (operation.name for operation in plugin.operations), name)
    if plugin.tables is not None:
        _require_prefix(plugin, "table", plugin.tables.tables, f"{name}_")
    _require_prefix(plugin, "route", (route.path for route in plugin.routes), "/")
    if plugin.commands is not None and not COMMANDS.fullmatch(plugin.commands):
        raise PluginBroken(name, f"its commands {plugin.commands!r} are not written as package.module:group")
    for engine in plugin.engines:
        if not NAME.fullmatch(engine.name):
            raise PluginBroken(name, f"its engine {engine.name!r} must be lower-case letters and digits")
    settings_of(plugin)
    _check_operations(plugin)
    _check_playground(plugin)
    _check_pages(plugin)
    _check_routes(plugin)
    for meter in plugin.meters:
        if meter.price < 0:
            raise PluginBroken(name, f"the meter {meter.name} has a negative price")
    for marked in plugin.functions:
        try:
            spec_of(marked)
        except TypeError as error:
            raise PluginBroken(name, str(error)) from error
    _check_trainings(plugin)


def check_collisions(plugin: Plugin, others: Iterable[Plugin]) -> None:
    """Raises PluginBroken where the plugin's name or a model's name is taken by one loaded before."""
    for other in others:
        if other.name == plugin.name:
            raise PluginBroken(plugin.name, "another plugin of this name is loaded: remove one of them")
        taken = {model.name for model in other.every_model} & {model.name for model in plugin.every_model}
        if taken:
            raise PluginBroken(plugin.name, f"its model {min(taken)} collides with one of {other.name}")


def _require_prefix(plugin: Plugin, kind: str, names: Iterable[str], prefix: str) -> None:
    seen: set[str] = set()
    for item in names:
        if not item.startswith(prefix) or item == prefix:
            raise PluginBroken(plugin.name, f"its {kind} {item!r} must begin with {prefix!r}")
        if item in seen:
            raise PluginBroken(plugin.name, f"its {kind} {item!r} is declared twice")
        seen.add(item)


def _check_operations(plugin: Plugin) -> None:
    scopes = {scope.name for scope in plugin.scopes}
    meters = {meter.name for meter in plugin.meters}
    for operation in plugin.operations:
        if operation.scope not in scopes:
            raise PluginBroken(
                plugin.name,
                f"{operation.name} asks for the scope {operation.scope!r}, which it doesn't declare",
            )
        shapes = [operation.job.request, operation.job.result] if operation.job else []
        shapes += [operation.ask.request, operation.ask.event] if operation.ask else []
        for shape in shapes:
            if not (isinstance(shape, type) and issubclass(shape, Struct)):
                reason = f"{operation.name} takes and gives msgspec Structs, not {shape!r}"
                raise PluginBroken(plugin.name, reason)
        for meter in operation.meters:
            if meter not in meters:
                raise PluginBroken(
                    plugin.name, f"{operation.name} uses the meter {meter!r}, which it doesn't declare"
                )


def _check_trainings(plugin: Plugin) -> None:
    _require_prefix(plugin, "training", (training.model.name for training in plugin.trainings), "")
    functions = {spec_of(marked).name for marked in plugin.functions}
    models = {model.name: model for model in plugin.models}
    for training in plugin.trainings:
        name = training.model.name
        if models.get(name, training.model) != training.model:
            raise PluginBroken(plugin.name, f"its training and its models describe {name} differently")
        method = getattr(training.train, "__qualname__", repr(training.train))
        if getattr(training.train, SPEC, None) is None or spec_of(training.train).name not in functions:
            raise PluginBroken(plugin.name, f"{method}, which trains {name}, is of none of its functions")
        signature = signature_of(training.train)
        if not signature.streams or signature.argument.type is not TrainingRequest:
            reason = f"{method}, which trains {name}, must take a TrainingRequest and yield TrainingEvents"
            raise PluginBroken(plugin.name, reason)
        if not training.gate or not all(0 < bar.at_least <= 1 for bar in training.gate):
            reason = f"the gate of the training of {name} needs bars, each above 0 and at most 1"
            raise PluginBroken(plugin.name, reason)


def _check_routes(plugin: Plugin) -> None:
    scopes = {scope.name for scope in plugin.scopes}
    for route in plugin.routes:
        if not PATH.fullmatch(route.path):
            reason = f"its route {route.path!r} must be a path of lower-case letters, digits and . _ -"
            raise PluginBroken(plugin.name, reason)
        if route.scope not in scopes:
            reason = f"its route {route.path} asks for the scope {route.scope!r}, which it doesn't declare"
            raise PluginBroken(plugin.name, reason)


def _check_playground(plugin: Plugin) -> None:
    for example in plugin.playground:
        if not SLUG.fullmatch(example.slug):
            reason = (
                f"its example {example.slug!r} must be named by lower-case words with hyphens between them"
            )
            raise PluginBroken(plugin.name, reason)
        if not example.title or not example.description:
            raise PluginBroken(plugin.name, f"its example {example.slug} needs a title and a description")
    _require_prefix(plugin, "example", (example.slug for example in plugin.playground), "")


def _check_pages(plugin: Plugin) -> None:
    _require_prefix(plugin, "page", (page.slug for page in plugin.pages), "")
    for page in plugin.pages:
        _require_prefix(plugin, f"form of the page {page.slug}", (form.name for form in page.forms), "")
        if not page.title:
            raise PluginBroken(plugin.name, f"its page {page.slug} needs a title")
        if not TEMPLATE.fullmatch(page.template):
            reason = f"the template of its page {page.slug} is not written as package:path: {page.template!r}"
            raise PluginBroken(plugin.name, reason)
        _check_part(plugin, f"its page {page.slug}", page.slug, page.scope, page.show)
        for form in page.forms:
            what = f"the form {form.name} of its page {page.slug}"
            _check_part(plugin, what, form.name, form.scope, form.run)


def _check_part(plugin: Plugin, what: str, name: str, scope: str, work: object) -> None:
    if not SLUG.fullmatch(name):
        reason = f"{what} must be named by lower-case words with hyphens between them"
        raise PluginBroken(plugin.name, reason)
    if scope not in {one.name for one in plugin.scopes}:
        reason = f"{what} asks for the scope {scope!r}, which it doesn't declare"
        raise PluginBroken(plugin.name, reason)
    if not inspect.iscoroutinefunction(work):
        raise PluginBroken(plugin.name, f"{what} needs an async function, not {work!r}")
