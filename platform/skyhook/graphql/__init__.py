"""GraphQL: the schema composed of the core and its plugins, and how it is served.

Domains use `Info`, `Connection`, `paginate`, `BigInt` and `Node`; the application uses `compose` and
`graphql_routes`.
"""

from skyhook.graphql.budget import UNLIMITED, RateBudget, RateState, Unlimited
from skyhook.graphql.connections import Connection, Edge, Order, Page, paginate
from skyhook.graphql.context import Authenticate, Context, Credit, Info
from skyhook.graphql.export import breaking_changes, export_schema
from skyhook.graphql.limits import Limits
from skyhook.graphql.nodes import GlobalID, Node
from skyhook.graphql.routes import graphql_routes
from skyhook.graphql.scalars import JSON, BigInt, DateTime
from skyhook.graphql.schema import Collision, Fields, SchemaError, Undocumented, compose

__all__ = [
    "JSON",
    "UNLIMITED",
    "Authenticate",
    "BigInt",
    "Collision",
    "Connection",
    "Context",
    "Credit",
    "DateTime",
    "Edge",
    "Fields",
    "GlobalID",
    "Info",
    "Limits",
    "Node",
    "Order",
    "Page",
    "RateBudget",
    "RateState",
    "SchemaError",
    "Undocumented",
    "Unlimited",
    "breaking_changes",
    "compose",
    "export_schema",
    "graphql_routes",
    "paginate",
]
