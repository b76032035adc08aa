"""Relay connections: generic types, opaque cursors and keyset pagination over a select."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

import msgspec
import strawberry
from sqlalchemy import ColumnElement, Select, TypeDecorator, literal, not_, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeEngine
from strawberry.relay import PageInfo

from skyhook.errors import InvalidInput
from skyhook.graphql.cost import page_size

Row = TypeVar("Row")
NodeT = TypeVar("NodeT")

_CURSOR_MAXIMUM = 1_000
_NOT_OURS = "`{}` takes a cursor that this connection gave out before, unchanged."


class CursorInvalid(InvalidInput):
    """A cursor was not made by this server for this order."""

    code = "CURSOR_INVALID"


@strawberry.type(description="A node of a connection, with the cursor that marks its place.")
class Edge(Generic[NodeT]):
    """One node and its place."""

    cursor: str = strawberry.field(description="The place of the node; opaque.")
    node: NodeT = strawberry.field(description="The node itself.")


@strawberry.type(description="A page of nodes. Ask for 1 to 100 with `first` or `last`.")
class Connection(Generic[NodeT]):
    """A page of nodes."""

    edges: list[Edge[NodeT]] = strawberry.field(description="The nodes of this page with their cursors.")
    page_info: PageInfo = strawberry.field(description="Whether there is more, and where to go on.")


@dataclass(frozen=True, slots=True)
class Page:
    """The four arguments of every connection, checked by `paginate`."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a connection: by a column, and by the id where it is equal."""

    column: InstrumentedAttribute[Any]
    id: InstrumentedAttribute[UUID]
    descending: bool = False


async def paginate(
    session: AsyncSession,
    select: Select[Row],
    page: Page,
    order: Order,
    to_node: Callable[[Row], NodeT],
) -> Connection[NodeT]:
    """The page of `select` that `page` asks for. `select` has no order or limit of its own.

    The order's column is never NULL. Raises PageSizeInvalid and CursorInvalid.
    """
    size = page_size(page.first, page.last, "This connection")
    backward = page.last is not None
    after = _Place.of(page.after, order, "after")
    before = _Place.of(page.before, order, "before")
    query = select
    if after:
        query = query.where(after.follows(order))
    if before:
        query = query.where(before.precedes(order))
    is_down = order.descending is not backward
    query = query.order_by(*(key.desc() if is_down else key.asc() for key in (order.column, order.id)))
    rows = list((await session.scalars(query.limit(size + 1))).all())
    has_more = len(rows) > size
    rows = rows[:size]
    if backward:
        rows.reverse()
    has_next, has_previous = (False, has_more) if backward else (has_more, False)
    if not has_next and before:
        has_next = await _any(session, select.where(not_(before.precedes(order))))
    if not has_previous and after:
        has_previous = await _any(session, select.where(not_(after.follows(order))))
    edges = [Edge(cursor=_Place.at(row, order).cursor(order), node=to_node(row)) for row in rows]
    info = PageInfo(
        has_next_page=has_next,
        has_previous_page=has_previous,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, page_info=info)


def cursor_of(id: UUID) -> str:
    """The cursor of a row in an order that its id alone makes."""
    return base64.urlsafe_b64encode(msgspec.json.encode(("id", id))).decode()


def id_of_cursor(cursor: str, field: str) -> UUID:
    """The id that a cursor of `cursor_of` marks. Raises CursorInvalid."""
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=tuple[Literal["id"], UUID])[1]
    except (ValueError, binascii.Error, msgspec.MsgspecError, RecursionError) as error:
        raise CursorInvalid(_NOT_OURS.format(field), field=field) from error


async def _any(session: AsyncSession, select: Select[Any]) -> bool:
    return (await session.scalars(select.limit(1))).first() is not None


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of a row in an order: what a cursor says."""

    value: Any
    id: UUID

    @classmethod
    def at(cls, row: Any, order: Order) -> _Place:
        return cls(getattr(row, order.column.key), getattr(row, order.id.key))

    @classmethod
    def of(cls, cursor: str | None, order: Order, field: str) -> _Place | None:
        if cursor is None:
            return None
        try:
            if len(cursor) > _CURSOR_MAXIMUM:
                raise ValueError("too long")
            raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
            column, value, row_id = msgspec.json.decode(raw, type=tuple[str, Any, UUID])
            if column != order.column.key:
                raise ValueError("a cursor of another order")
            return cls(_typed(value, order.column.type), row_id)
        except (ValueError, binascii.Error, msgspec.MsgspecError, RecursionError) as error:
            raise CursorInvalid(_NOT_OURS.format(field), field=field) from error

    def cursor(self, order: Order) -> str:
        raw = msgspec.json.encode((order.column.key, self.value, self.id))
        return base64.urlsafe_b64encode(raw).decode()

    def follows(self, order: Order) -> ColumnElement[bool]:
        """That a row comes after this place."""
        return self._compare(order, after=not order.descending)

    def precedes(self, order: Order) -> ColumnElement[bool]:
        """That a row comes before this place."""
        return self._compare(order, after=order.descending)

    def _compare(self, order: Order, *, after: bool) -> ColumnElement[bool]:
        keys = tuple_(order.column, order.id)
        place = tuple_(literal(self.value, order.column.type), literal(self.id, order.id.type))
        return keys > place if after else keys < place


def _typed(value: Any, kind: TypeEngine[Any]) -> Any:
    stored = kind.impl_instance if isinstance(kind, TypeDecorator) else kind
    typed: Any = msgspec.convert(value, stored.python_type)
    if isinstance(typed, datetime) and typed.tzinfo is None:
        raise ValueError("a time without its zone")
    if isinstance(typed, int) and not -(2**63) <= typed < 2**63:
        raise ValueError("more than 64 bits")
    if isinstance(typed, str) and "\0" in typed:
        raise ValueError("a NUL, which PostgreSQL refuses")
    return typed
