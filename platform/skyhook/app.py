"""The ASGI application: the schema of the core and its plugins, and every address that is served."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from typing import Any

import strawberry
from litestar import Litestar, Request, Response, Router
from litestar.exceptions import NotFoundException
from litestar.exceptions.responses import create_exception_response
from litestar.types import ControllerRouterHandler, ExceptionHandler

from skyhook.accounts.graphql import AccountsMutation, AccountsQuery
from skyhook.alerts.graphql import AlertsMutation, AlertsQuery
from skyhook.artifacts.graphql import ArtifactsMutation, ArtifactsQuery
from skyhook.billing.graphql import BillingQuery
from skyhook.graphql.routes import graphql_routes
from skyhook.graphql.schema import Fields, SchemaError, compose, examples
from skyhook.health import health_routes
from skyhook.http.routes import artifact_routes, invoice_routes, plugin_routes
from skyhook.invoices.graphql import InvoicesMutation, InvoicesQuery
from skyhook.jobs.graphql import JobsMutation, JobsQuery, JobsSubscription
from skyhook.keys.graphql import KeysMutation
from skyhook.payments.graphql import PaymentsMutation, PaymentsQuery
from skyhook.payments.plan_graphql import PlansMutation, PlansQuery
from skyhook.payments.webhook import stripe_routes
from skyhook.plugins.graphql import PluginsMutation, PluginsQuery
from skyhook.plugins.host import PluginHost
from skyhook.plugins.pages import exclude_unreadable
from skyhook.services import Services
from skyhook.webhooks.graphql import WebhooksMutation, WebhooksQuery

ROUTES = "skyhook.routes"
"""The entry-point group of functions from `Services` to route handlers."""

CORE = (
    Fields("accounts", query=AccountsQuery, mutation=AccountsMutation),
    Fields("alerts", query=AlertsQuery, mutation=AlertsMutation),
    Fields("artifacts", query=ArtifactsQuery, mutation=ArtifactsMutation),
    Fields("billing", query=BillingQuery),
    Fields("invoices", query=InvoicesQuery, mutation=InvoicesMutation),
    Fields("jobs", query=JobsQuery, mutation=JobsMutation, subscription=JobsSubscription),
    Fields("keys", mutation=KeysMutation),
    Fields("payments", query=PaymentsQuery, mutation=PaymentsMutation),
    Fields("plans", query=PlansQuery, mutation=PlansMutation),
    Fields("plugins", query=PluginsQuery, mutation=PluginsMutation),
    Fields("webhooks", query=WebhooksQuery, mutation=WebhooksMutation),
)


def load_plugins() -> PluginHost:
    """The installed plugins; those that do not fit together are noted as broken."""
    host = PluginHost.discover()
    exclude_unreadable(host)
    compose_schema(host)
    return host


def compose_schema(host: PluginHost) -> strawberry.Schema:
    """The schema of the core and the loaded plugins; a plugin that does not fit is noted as broken.

    The host gets what can be tried of each plugin, as the schema has it.
    """
    while host.schema is None:
        try:
            schema = compose(CORE, host.loaded)
            host.examples = {plugin.name: examples(schema, plugin) for plugin in host.loaded}
            host.schema = schema
        except SchemaError as error:
            if error.plugin is None:
                raise
            host.exclude(error.plugin, error.problem)
    return host.schema


def mounted_routes(services: Services) -> list[ControllerRouterHandler]:
    """What other distributions serve beside the API, such as the console: their entry points make it."""
    mounts = sorted(entry_points(group=ROUTES), key=lambda entry: entry.name)
    return [handler for mount in mounts for handler in mount.load()(services)]


def unknown_addresses(routes: Sequence[ControllerRouterHandler]) -> ExceptionHandler[Any]:
    """Answers addresses that nothing serves, below a router that answers errors as that router does."""
    answers = {
        f"{route.path}/": route.exception_handlers[Exception]
        for route in routes
        if isinstance(route, Router) and Exception in route.exception_handlers
    }

    def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        for start, answer_error in answers.items():
            if request.url.path.startswith(start):
                return answer_error(request, error)
        return create_exception_response(request, error)

    return answer


def create_app(services: Services) -> Litestar:
    """The application over started services; closing it closes them."""
    schema = compose_schema(services.plugins)
    mounted = mounted_routes(services)

    @asynccontextmanager
    async def closing(_app: Litestar) -> AsyncGenerator[None, None]:
        yield
        await services.close()

    return Litestar(
        route_handlers=[
            *graphql_routes(
                schema,
                authenticate=services.authenticate,
                watch=services.watch,
                rate_budget=services.rate_limits,
                services=services,
            ),
            *artifact_routes(services),
            *invoice_routes(services),
            *plugin_routes(services),
            *health_routes(services),
            *stripe_routes(services.payments),
            *mounted,
        ],
        exception_handlers={NotFoundException: unknown_addresses(mounted)},
        lifespan=[closing],
        openapi_config=None,
        logging_config=None,  # its own hands records to a thread, and those of the last moment are lost
    )
