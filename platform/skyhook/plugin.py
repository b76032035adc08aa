"""The public API of the core: everything that a plugin may import, and nothing else.

A plugin is a frozen `Plugin` under the entry-point group `skyhook.plugins`; see docs/plugins.md.
"""

from skyhook.catalogue.service import CatalogueModel
from skyhook.clock import new_id, now
from skyhook.database import NAMING, TYPES, Database, Identified, UTCDateTime
from skyhook.errors import Forbidden, InvalidInput, NotFound, SkyhookError, Unauthenticated
from skyhook.operations.caller import Caller
from skyhook.operations.run import Answer, Asked, Call, Operations
from skyhook.plugins.manifest import API, Meter, Model, Operation, Plugin, Scope

__all__ = [
    "API",
    "NAMING",
    "TYPES",
    "Answer",
    "Asked",
    "Call",
    "Caller",
    "CatalogueModel",
    "Database",
    "Forbidden",
    "Identified",
    "InvalidInput",
    "Meter",
    "Model",
    "NotFound",
    "Operation",
    "Operations",
    "Plugin",
    "Scope",
    "SkyhookError",
    "UTCDateTime",
    "Unauthenticated",
    "new_id",
    "now",
]
