"""All addresses of the console, for the server to mount."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from skyhook.services import Services
from skyhook_console import account, assets, keys, login, overview, usage
from skyhook_console.rendering import Pages
from skyhook_console.visiting import Visiting, answer_error, check_form, provide_visit, secure


def routes(services: Services) -> Sequence[ControllerRouterHandler]:
    """The console over started services."""
    visiting = Visiting(services.sessions, Pages(assets.version()))
    pages = Router(
        "/console",
        route_handlers=[
            *login.HANDLERS,
            *account.HANDLERS,
            *overview.HANDLERS,
            *keys.HANDLERS,
            *usage.HANDLERS,
        ],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False, use_cache=True),
            "visit": Provide(provide_visit),
        },
        before_request=check_form,
        after_response=None,
        after_request=secure,
        exception_handlers={Exception: answer_error},
        opt={"visiting": visiting},
        include_in_schema=False,
    )
    return [pages, assets.route()]
