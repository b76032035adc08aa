"""All addresses of the console, for the server to mount."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Response, Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from skyhook.services import Services
from skyhook_console import (
    account,
    assets,
    audit,
    billing,
    changes,
    files,
    functions,
    instance,
    instance_functions,
    invitations,
    invoices,
    jobs,
    keys,
    live,
    login,
    members,
    organizations,
    overview,
    passkeys,
    payments,
    plans,
    playground,
    plugin_pages,
    plugins,
    recovery,
    sign_up,
    statement,
    usage,
)
from skyhook_console.rendering import Pages
from skyhook_console.visiting import Http, Visit, Visiting, secure


def routes(services: Services) -> Sequence[ControllerRouterHandler]:
    """The console over started services."""
    visiting = Visiting(services, Pages(assets.version()))

    # Functions, since Litestar copies whatever else it is given, with all that hangs on it.
    async def provide_visit(request: Http) -> Visit:
        return await visiting.visit(request)

    async def check_form(request: Http) -> None:
        await visiting.check_form(request)

    def answer_error(request: Http, error: Exception) -> Response[Any]:
        return visiting.answer_error(request, error)

    pages = Router(
        "/console",
        route_handlers=[
            *login.HANDLERS,
            *sign_up.HANDLERS,
            *recovery.HANDLERS,
            *invitations.HANDLERS,
            *organizations.HANDLERS,
            *members.HANDLERS,
            *audit.HANDLERS,
            *account.HANDLERS,
            *passkeys.HANDLERS,
            *overview.HANDLERS,
            *playground.HANDLERS,
            *keys.HANDLERS,
            *usage.HANDLERS,
            *live.HANDLERS,
            *billing.HANDLERS,
            *payments.HANDLERS,
            *plans.HANDLERS,
            *invoices.HANDLERS,
            *statement.HANDLERS,
            *plugins.HANDLERS,
            *plugin_pages.HANDLERS,
            *instance.HANDLERS,
            *instance_functions.HANDLERS,
            *changes.HANDLERS,
            *jobs.HANDLERS,
            *files.HANDLERS,
            *functions.HANDLERS,
        ],
        dependencies={"visit": Provide(provide_visit)},
        before_request=check_form,
        after_request=secure,
        exception_handlers={Exception: answer_error},
        include_in_schema=False,
    )
    return [pages, assets.route()]
