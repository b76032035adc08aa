"""The public API of the core: everything that a plugin may import, and nothing else.

A plugin is a frozen `Plugin` under the entry-point group `skyhook.plugins`; see docs/plugins.md.
"""

from skyhook.artifacts.graphql import Artifact
from skyhook.artifacts.models import Artifact as StoredArtifact
from skyhook.artifacts.provenance import Notary, Provenance
from skyhook.artifacts.service import Artifacts
from skyhook.billing.errors import IdempotencyKeyReused
from skyhook.catalogue.service import CatalogueModel
from skyhook.clock import new_id, now
from skyhook.compute.errors import FunctionReported
from skyhook.database import NAMING, TYPES, Database, Identified, UTCDateTime
from skyhook.errors import Forbidden, InvalidInput, NotFound, SkyhookError, Unauthenticated
from skyhook.graphql.connections import Connection, Order, Page, paginate
from skyhook.graphql.context import Context, Info
from skyhook.graphql.ids import ByUuid, node_id, node_uuid
from skyhook.graphql.nodes import GlobalID, Node
from skyhook.graphql.scalars import JSON, BigInt
from skyhook.jobs.graphql import Job, JobOptions, submit_job
from skyhook.jobs.run import JobRun
from skyhook.ledger.errors import HoldNotOpen, InsufficientFunds, ReversalExceeds, TransferKeyReused
from skyhook.ledger.models import HoldState
from skyhook.ledger.service import Movement
from skyhook.ledger.surface import AccountBalance, HoldStatus, Ledger
from skyhook.operations.asks import Ask, Asks
from skyhook.operations.caller import Caller
from skyhook.operations.run import Answer, Asked, Call, Operations
from skyhook.plugins.commands import WithServices
from skyhook.plugins.configuring import plugin_settings
from skyhook.plugins.manifest import (
    API,
    AskSpec,
    Bar,
    ConsoleForm,
    ConsolePage,
    Engine,
    Example,
    JobSpec,
    Meter,
    Model,
    Operation,
    Plugin,
    Scope,
    Training,
    WebSocketRoute,
)
from skyhook.plugins.settings import SECRET
from skyhook.plugins.websocket import WebSocket

__all__ = [
    "API",
    "JSON",
    "NAMING",
    "SECRET",
    "TYPES",
    "AccountBalance",
    "Answer",
    "Artifact",
    "Artifacts",
    "Ask",
    "AskSpec",
    "Asked",
    "Asks",
    "Bar",
    "BigInt",
    "ByUuid",
    "Call",
    "Caller",
    "CatalogueModel",
    "Connection",
    "ConsoleForm",
    "ConsolePage",
    "Context",
    "Database",
    "Engine",
    "Example",
    "Forbidden",
    "FunctionReported",
    "GlobalID",
    "HoldNotOpen",
    "HoldState",
    "HoldStatus",
    "IdempotencyKeyReused",
    "Identified",
    "Info",
    "InsufficientFunds",
    "InvalidInput",
    "Job",
    "JobOptions",
    "JobRun",
    "JobSpec",
    "Ledger",
    "Meter",
    "Model",
    "Movement",
    "Node",
    "NotFound",
    "Notary",
    "Operation",
    "Operations",
    "Order",
    "Page",
    "Plugin",
    "Provenance",
    "ReversalExceeds",
    "Scope",
    "SkyhookError",
    "StoredArtifact",
    "Training",
    "TransferKeyReused",
    "UTCDateTime",
    "Unauthenticated",
    "WebSocket",
    "WebSocketRoute",
    "WithServices",
    "new_id",
    "node_id",
    "node_uuid",
    "now",
    "paginate",
    "plugin_settings",
    "submit_job",
]
