"""`node(id:)` and `nodes(ids:)`: any object of any part by its global id."""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import strawberry
from strawberry.relay import GlobalID, Node
from strawberry.relay.types import GlobalIDValueError
from strawberry.types.cast import cast as strawberry_cast

from skyhook.errors import InvalidInput, NotFound
from skyhook.graphql.context import Info
from skyhook.graphql.limits import PAGE_MAXIMUM

__all__ = ["GlobalID", "Node", "NodeQuery"]


async def _node(
    info: Info, id: Annotated[GlobalID, strawberry.argument(description="Its global id.")]
) -> Node | None:
    found = await _resolve(info, _node_type(info, id, "id"), [id.node_id])
    return found[0]


async def _nodes(
    info: Info, ids: Annotated[list[GlobalID], strawberry.argument(description="Their global ids.")]
) -> list[Node | None]:
    if len(ids) > PAGE_MAXIMUM:
        raise InvalidInput(f"`ids` takes at most {PAGE_MAXIMUM} ids.", field="ids")
    keys = [(_node_type(info, one, "ids"), one.node_id) for one in ids]
    by_type: dict[type[Node], dict[str, None]] = {}
    for kind, node_id in keys:
        by_type.setdefault(kind, {})[node_id] = None
    found: dict[tuple[type[Node], str], Node | None] = {}
    for kind, unique in by_type.items():
        loaded = await _resolve(info, kind, list(unique))
        found.update({(kind, node_id): node for node_id, node in zip(unique, loaded, strict=True)})
    info.context.nodes += sum(node is not None for node in found.values())
    return [found[key] for key in keys]


@strawberry.type
class NodeQuery:
    """The root fields that every schema has."""

    node: Node | None = strawberry.field(
        resolver=_node, description="The object with this global id; null where it does not exist for you."
    )
    nodes: list[Node | None] = strawberry.field(
        resolver=_nodes,
        description="The objects with these global ids, at most 100, in the same order. A point for each id.",
    )


def _node_type(info: Info, id: GlobalID, field: str) -> type[Node]:
    try:
        return id.resolve_type(info)
    except GlobalIDValueError as error:
        raise InvalidInput(f"{str(id)!r} is not an id that this API gave out.", field=field) from error


async def _resolve(info: Info, kind: type[Node], node_ids: list[str]) -> list[Node | None]:
    try:
        resolved: Any = kind.resolve_nodes(info=info, node_ids=node_ids, required=False)
        nodes = await resolved if inspect.isawaitable(resolved) else resolved
        return [strawberry_cast(kind, node) for node in nodes]
    except NotFound:
        return [None] * len(node_ids)
