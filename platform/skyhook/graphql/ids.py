"""Global ids of nodes whose own id is a UUID."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select
from strawberry.relay import GlobalID, to_base64

from skyhook.errors import InvalidInput
from skyhook.graphql.context import Info


class ByUuid:
    """Mixed into a `Node` before it: resolves global ids by the rows that `rows` selects."""

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Selects those of the rows with these ids that exist for the caller."""
        raise NotImplementedError

    @classmethod
    def of(cls, row: Any) -> Any:
        """The node of a row."""
        raise NotImplementedError

    @classmethod
    async def load(cls, info: Info, ids: Sequence[UUID]) -> Iterable[Any]:
        """Those of the nodes with these ids that exist for the caller, in any order."""
        async with info.context.services.database.read() as session:
            return [cls.of(row) for row in await session.scalars(cls.rows(info, ids))]

    @classmethod
    async def resolve_nodes(cls, *, info: Info, node_ids: Iterable[str], required: bool = False) -> list[Any]:
        """The nodes in the order of `node_ids`; None for what does not exist for the caller."""
        wanted = list(node_ids)
        found = {node.id: node for node in await cls.load(info, uuids(wanted))}
        return [found.get(one) for one in wanted]


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
