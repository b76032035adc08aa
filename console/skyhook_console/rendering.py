"""Templates to pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined, select_autoescape

from skyhook_console import formats, navigation

TEMPLATES = Path(__file__).parent / "templates"


def environment(loader: BaseLoader) -> Environment:
    """Templates that escape what they are given, refuse what they are not, and have the console's filters."""
    made = Environment(
        loader=loader,
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        ago=formats.ago,
        cents=formats.cents,
        count=formats.count,
        dollars=formats.dollars,
        duration=formats.duration,
        inline_code=formats.inline_code,
        moment=formats.moment,
        price=formats.price,
        percent=formats.percent,
        signed=formats.signed,
        since=formats.since,
        seconds=formats.seconds,
        size=formats.size,
    )
    return made


class Pages:
    """The console's templates, each compiled once."""

    def __init__(self, version: str) -> None:
        self._environment = environment(FileSystemLoader(TEMPLATES))
        self._environment.globals.update(
            static=f"/console/static/{version}",
            tabs=navigation.tabs,
            palette=navigation.entries,
            of_instance=navigation.INSTANCE,
        )

    def render(self, template: str, **values: Any) -> str:
        """A page, or a part of one."""
        return self._environment.get_template(template).render(**values)
