"""The templates of plugins' pages: read from their packages, filled in with what `console` offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, PackageLoader, Template, TemplateError, TemplateSyntaxError
from markupsafe import Markup

from skyhook.clock import new_id
from skyhook.plugins.errors import PluginBroken
from skyhook.plugins.manifest import ConsolePage, Plugin
from skyhook_console.rendering import TEMPLATES, environment


@dataclass(frozen=True, slots=True)
class Around:
    """What a page's forms and links are made of."""

    address: str
    """Of the plugin's pages, without a slash at its end."""
    form_token: str
    scopes: frozenset[str] | None = None
    """Those of the page's forms that the visitor has; none for all of them."""
    query: str = ""
    """Of the page, with its question mark."""
    typed: Mapping[str, str] = field(default_factory=dict)
    """What was written in a form that was refused."""
    wrong: str | None = None
    """The field that was wrong in it."""


NOBODY = Around("/console/o/example/plugins/example/pages", "0")


def check(plugin: Plugin) -> None:
    """Raises PluginBroken for a template that is not there or cannot be read."""
    for page in plugin.pages:
        try:
            _template(page)
        except TemplateSyntaxError as error:
            problem = f"{error.name or page.template}:{error.lineno}: {error.message}"
        except TemplateError:
            problem = "there is no such file"
        except (ImportError, ValueError) as error:
            problem = str(error)
        else:
            continue
        reason = f"the template {page.template} of its page {page.slug} cannot be read: {problem}"
        raise PluginBroken(plugin.name, reason)


def fill(page: ConsolePage, values: Mapping[str, Any], around: Around = NOBODY) -> Markup:
    """What a page's template makes of the values. Raises whatever goes wrong in it."""
    forms = {form.name: form for form in page.forms}

    def may_send(name: str) -> bool:
        if name not in forms:
            raise LookupError(f"the page {page.slug} has no form {name!r}: name it in its `forms`")
        return around.scopes is None or forms[name].scope in around.scopes

    console = _parts().make_module(
        {"around": around, "here": f"{around.address}/{page.slug}", "may_send": may_send, "new_id": new_id}
    )
    return Markup(_template(page).render({**values, "console": console}))  # noqa: S704 (it escapes by itself)


def _template(page: ConsolePage) -> Template:
    package, _, path = page.template.partition(":")
    return templates_of(package).get_template(path)


@cache
def templates_of(package: str) -> Environment:
    """All templates of a package, each compiled once."""
    return environment(PackageLoader(package, ""))


@cache
def _parts() -> Template:
    return environment(FileSystemLoader(TEMPLATES)).get_template("plugin_parts.html")
