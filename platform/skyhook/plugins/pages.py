"""What the core knows of the pages that plugins bring to the console: who reads their templates."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any, Protocol

from skyhook.plugins.errors import PluginBroken
from skyhook.plugins.host import PluginHost
from skyhook.plugins.manifest import ConsolePage, Plugin

GROUP = "skyhook.pages"
"""The entry-point group under which the console has its `Templates`."""


class Templates(Protocol):
    """What reads the templates of plugins' pages, and fills them in."""

    def check(self, plugin: Plugin) -> None:
        """Raises PluginBroken for a template that is not there or cannot be read."""
        ...

    def fill(self, page: ConsolePage, values: Mapping[str, Any]) -> str:
        """The HTML that a page's template makes of the values, with all of its forms.

        Raises whatever goes wrong in the template.
        """
        ...


def page_templates() -> Templates | None:
    """The console's; None where no console is installed, and nobody can see a page."""
    for entry in entry_points(group=GROUP):
        templates: Templates = entry.load()
        return templates
    return None


def exclude_unreadable(host: PluginHost) -> None:
    """Notes plugins as broken whose templates cannot be read; imports the console only where one has some."""
    with_pages = [plugin for plugin in host.loaded if plugin.pages]
    templates = page_templates() if with_pages else None
    if templates is None:
        return
    for plugin in with_pages:
        try:
            templates.check(plugin)
        except PluginBroken as error:
            host.exclude(plugin.name, error.reason)
