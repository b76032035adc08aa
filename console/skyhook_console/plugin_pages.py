"""Pages that plugins bring: what is around them, who may see them, and what happens to their forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from markupsafe import Markup

from skyhook.errors import NotFound, SkyhookError
from skyhook.graphql.context import Context, idempotency_key
from skyhook.graphql.errors import internal_error
from skyhook.graphql.head import Head
from skyhook.operations.caller import Caller
from skyhook.operations.request import REQUEST_ID
from skyhook.plugins.manifest import ConsoleForm, ConsolePage, Plugin
from skyhook.scopes import ACCOUNT_READ
from skyhook_console.navigation import home
from skyhook_console.plugin_templates import Around, fill
from skyhook_console.visiting import FORM_TOKEN, Http, Visit, go

IDEMPOTENCY_KEY = "idempotency_key"
DONE = "done"
"""In the query of a page, the form that was sent from it just before."""


class Shown:
    """One request for a page of a plugin's.

    Not a dataclass: Litestar would look through the fields of one, and through theirs.
    """

    def __init__(self, visit: Visit, caller: Caller, plugin: Plugin, page: ConsolePage) -> None:
        self.visit = visit
        self.caller = caller
        self.plugin = plugin
        self.page = page
        query = dict(visit.request.query_params.multi_items())
        self.done = query.pop(DONE, None)
        """The form that was sent from it just before."""
        self.query: Mapping[str, str] = query
        self._head = Head.of(visit.request.scope)
        REQUEST_ID.set(self._head.request_id)

    @classmethod
    def find(cls, visit: Visit, slug: str, name: str, page: str) -> Shown:
        """The page, for somebody who may see it. Raises NotFound, or ScopeMissing."""
        visit, caller = visit.at(slug, ACCOUNT_READ)
        for plugin in visit.services.plugins.loaded:
            if plugin.name == name and name not in caller.disabled_plugins:
                for one in plugin.pages:
                    if one.slug == page:
                        caller.require(one.scope)
                        return cls(visit, caller, plugin, one)
        raise NotFound("There is nothing at this address.")

    @property
    def address(self) -> str:
        """Where the plugin's pages are."""
        return f"{self.home}/pages"

    @property
    def home(self) -> str:
        """The address of the console's page about the plugin."""
        assert self.visit.member is not None
        return f"{home(self.visit.member)}/plugins/{self.plugin.name}"

    def context(self, key: str | None = None) -> Context:
        """What the plugin's functions get."""
        return Context(
            caller=self.caller,
            request_id=self._head.request_id,
            client_address=self._head.client_address,
            services=self.visit.services,
            idempotency_key=idempotency_key(key),
            origin=self._head.origin,
        )

    async def answer(
        self,
        *,
        beside: Mapping[str, Any] | None = None,
        typed: Mapping[str, str] | None = None,
        error: SkyhookError | None = None,
    ) -> Response[str]:
        """The page, with values `beside` its own, or with the error of a form and what was typed in it."""
        around = Around(
            self.address,
            self.visit.form_token,
            frozenset(form.scope for form in self.page.forms if self.caller.has_scope(form.scope)),
            f"?{urlencode(self.query)}" if self.query else "",
            typed or {},
            error.field if error else None,
        )
        try:
            values = await self.page.show(self.context(), self.query)
            content = fill(self.page, {**values, **(beside or {})}, around)
        except Exception as failure:
            return self.refuse(failure)
        return self._page(content, error.status if error else 200, error.message if error else None)

    def refuse(self, failure: Exception) -> Response[str]:
        """The page without its content, and why."""
        self.visit.services.failures.note(
            self.caller.organization_id, self.plugin.name, f"page {self.page.slug}", failure
        )
        if isinstance(failure, SkyhookError):
            return self._page(Markup(), failure.status, failure.message)
        message, _ = internal_error(failure, self._head.request_id)
        return self._page(Markup(), 500, message)

    def _page(self, content: Markup, status: int, error: str | None) -> Response[str]:
        done = next((form.done for form in self.page.forms if form.name == self.done), None)
        return self.visit.page(
            "plugin_page.html",
            status=status,
            plugin=self.plugin,
            page=self.page,
            home=self.home,
            current=f"{self.address}/{self.page.slug}",
            pages=self.visit.pages_of(self.plugin),
            done=None if error else done,
            error=error,
            content=content,
        )


@get("/o/{slug:str}/plugins/{name:str}/pages/{page:str}")
async def shown_page(visit: Visit, slug: str, name: str, page: str) -> Response[str]:
    """A page of a plugin's."""
    return await Shown.find(visit, slug, name, page).answer()


@post("/o/{slug:str}/plugins/{name:str}/pages/{page:str}/{form:str}", status_code=200)
async def send_form(request: Http, visit: Visit, slug: str, name: str, page: str, form: str) -> Response[str]:
    """What a form of a plugin's page asks for."""
    shown = Shown.find(visit, slug, name, page)
    sent = _form(shown, form)
    fields = {field: value for field, value in (await request.form()).multi_items() if isinstance(value, str)}
    fields.pop(FORM_TOKEN, None)
    key = fields.pop(IDEMPOTENCY_KEY, None)
    try:
        beside = await sent.run(shown.context(key), fields)
    except SkyhookError as error:
        return await shown.answer(typed=fields, error=error)
    except Exception as failure:
        return shown.refuse(failure)
    if beside is not None:
        return await shown.answer(beside=beside, typed=fields)
    return go(request, f"{shown.address}/{page}?{urlencode({**shown.query, DONE: form})}")


def _form(shown: Shown, name: str) -> ConsoleForm:
    """A form of the page, for somebody who may send it. Raises NotFound, or ScopeMissing."""
    for form in shown.page.forms:
        if form.name == name:
            shown.caller.require(form.scope)
            return form
    raise NotFound("There is nothing at this address.")


HANDLERS: list[Any] = [shown_page, send_form]
