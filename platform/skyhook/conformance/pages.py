"""Checks that a plugin's pages of the console can be shown, and have nothing that browsers ignore there."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from skyhook.clock import new_id
from skyhook.configuration import Configuration
from skyhook.conformance.subject import Subject
from skyhook.database import Base
from skyhook.errors import SkyhookError
from skyhook.graphql.context import Context
from skyhook.operations.caller import Caller
from skyhook.plugins.errors import PluginBroken
from skyhook.plugins.host import PluginHost
from skyhook.plugins.manifest import ConsolePage, Plugin
from skyhook.plugins.pages import Templates, page_templates
from skyhook.services import Services

SHOW_S = 30.0
"""The longest that a page may take for an organization that has nothing."""


def can_be_shown(subject: Subject) -> Iterator[str]:
    """Each page is made once, without a query, for an organization that has nothing yet."""
    plugin, templates = subject.plugin, page_templates()
    if not plugin.pages or templates is None:
        return
    try:
        templates.check(plugin)
    except PluginBroken as error:
        yield error.reason
        return
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_show(Path(folder), plugin, templates))


async def _show(folder: Path, plugin: Plugin, templates: Templates) -> list[str]:
    configuration = Configuration(folder, 1, "localhost", f"sqlite:///{folder / 'empty.db'}")
    services = Services.build(configuration, PluginHost([plugin]))
    try:
        async with services.database.write() as session:
            connection = await session.connection()
            for tables in filter(None, (Base.metadata, plugin.tables)):
                await connection.run_sync(tables.create_all)
        return [
            f"its page {page.slug} {problem}"
            for page in plugin.pages
            for problem in await _problems(services, page, templates)
        ]
    finally:
        await services.compute.close()
        await services.database.close()


async def _problems(services: Services, page: ConsolePage, templates: Templates) -> list[str]:
    caller = Caller(new_id(), new_id(), None, frozenset({"*"}))
    context = Context(caller=caller, request_id="conformance", client_address="", services=services)
    try:
        async with asyncio.timeout(SHOW_S):
            values = await page.show(context, {})
        html = templates.fill(page, values)
    except SkyhookError as error:
        # A page of one thing, say, that is not shown without a query.
        return [] if error.status < 500 else [f"cannot be shown: {error.message}"]
    except TimeoutError:
        return [f"is not shown within {SHOW_S:g} s"]
    except Exception as error:
        return [f"cannot be shown: {type(error).__name__}: {error}"]
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return sorted(reader.problems)


class _Reader(HTMLParser):
    """Finds what the console's policy keeps browsers from using, and forms that it would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: set[str] = set()
        self._form_is_open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Looks at one element."""
        attributes = dict(attrs)
        if tag in ("script", "style", "iframe", "link"):
            self.problems.add(f"has a <{tag}>, which browsers ignore here: use what the console has")
        for name, value in attributes.items():
            if name == "style" or name.startswith("on") or (value or "").strip().startswith("javascript:"):
                self.problems.add(f"has {name}= on <{tag}>, which browsers ignore here")
        if tag == "form" and (attributes.get("method") or "").lower() == "post":
            self._form_is_open = True
        if tag == "input" and attributes.get("name") == "form_token":
            self._form_is_open = False

    def handle_endtag(self, tag: str) -> None:
        """Looks at the end of one element."""
        if tag == "form" and self._form_is_open:
            self._form_is_open = False
            self.problems.add("has a form without the console's token: write it with `console.form`")
