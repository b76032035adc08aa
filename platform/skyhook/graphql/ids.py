"""Global ids of nodes whose own id is a UUID."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from strawberry.relay import GlobalID, to_base64

from skyhook.errors import InvalidInput


def node_uuid(id: GlobalID, type_name: str, field: str) -> UUID:
    """The UUID inside the id of a `type_name`. Raises InvalidInput for an id of something else."""
    found = uuids([id.node_id])
    if id.type_name != type_name or not found:
        raise InvalidInput(f"{str(id)!r} is not the id of a {type_name}.", field=field)
    return found[0]


def node_id(type_name: str, id: UUID) -> str:
    """The global id of the `type_name` with this UUID."""
    return to_base64(type_name, str(id))


def uuids(node_ids: Sequence[str]) -> list[UUID]:
    """Those of the ids that are UUIDs: no row can have any other."""
    found = []
    for text in node_ids:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found
