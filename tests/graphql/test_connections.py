"""Keyset pagination in both directions, over real databases."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from skyhook.database import Base, Database, Identified
from skyhook.graphql.connections import CursorInvalid, Order, Page, paginate
from skyhook.graphql.cost import PageSizeInvalid


class Tables(DeclarativeBase):
    metadata = Base.metadata.__class__()
    type_annotation_map = Base.type_annotation_map


class Item(Identified, Tables):
    __tablename__ = "item"

    name: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(index=True)
    weight: Mapped[int]


START = datetime(2026, 1, 1, tzinfo=UTC)
ALL: Select[Item] = select(Item)
UP = Order(Item.made_at, Item.id)
DOWN = Order(Item.made_at, Item.id, descending=True)


async def fill(url: str) -> None:
    """Nine items, three to each time, so that the id decides within a time."""
    database = Database(url)
    async with database.write() as session:
        await (await session.connection()).run_sync(Tables.metadata.create_all)
        session.add_all(
            Item(
                id=UUID(int=number),
                name=str(number),
                made_at=START + timedelta(seconds=number // 3),
                weight=number % 2,
            )
            for number in range(9)
        )
    await database.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def items_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database that every test here only reads, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('items') / 'items.db'}"
    else:
        cluster = request.getfixturevalue("cluster")
        cluster.sql("CREATE DATABASE items")
        url = cluster.url("items")
    asyncio.run(fill(url))
    return url


@pytest.fixture
async def session(items_url: str) -> AsyncIterator[AsyncSession]:
    """A session that reads the items."""
    database = Database(items_url)
    async with database.read() as reading:
        yield reading
    await database.close()


async def page(
    session: AsyncSession, page: Page, order: Order = UP, query: Select[Item] = ALL
) -> tuple[str, bool, bool, str | None, str | None]:
    found = await paginate(session, query, page, order, lambda item: item.name)
    info = found.page_info
    assert (info.start_cursor, info.end_cursor) == (
        (found.edges[0].cursor, found.edges[-1].cursor) if found.edges else (None, None)
    )
    names = "".join(edge.node for edge in found.edges)
    return names, info.has_previous_page, info.has_next_page, info.start_cursor, info.end_cursor


async def test_forward_through_all_pages(session: AsyncSession) -> None:
    names, previous, following, _, end = await page(session, Page(first=4))
    assert (names, previous, following) == ("0123", False, True)
    names, previous, following, _, end = await page(session, Page(first=4, after=end))
    assert (names, previous, following) == ("4567", True, True)
    names, previous, following, _, end = await page(session, Page(first=4, after=end))
    assert (names, previous, following) == ("8", True, False)
    names, previous, following, *_ = await page(session, Page(first=4, after=end))
    assert (names, previous, following) == ("", True, False)


async def test_backward_through_all_pages(session: AsyncSession) -> None:
    names, previous, following, start, _ = await page(session, Page(last=4))
    assert (names, previous, following) == ("5678", True, False)
    names, previous, following, start, _ = await page(session, Page(last=4, before=start))
    assert (names, previous, following) == ("1234", True, True)
    names, previous, following, start, _ = await page(session, Page(last=4, before=start))
    assert (names, previous, following) == ("0", False, True)
    names, previous, following, *_ = await page(session, Page(last=4, before=start))
    assert (names, previous, following) == ("", False, True)


async def test_in_descending_order(session: AsyncSession) -> None:
    names, previous, following, _, end = await page(session, Page(first=4), DOWN)
    assert (names, previous, following) == ("8765", False, True)
    names, previous, following, start, _ = await page(session, Page(first=9, after=end), DOWN)
    assert (names, previous, following) == ("43210", True, False)
    names, previous, following, *_ = await page(session, Page(last=2, before=start), DOWN)
    assert (names, previous, following) == ("65", True, True)


async def test_between_two_cursors(session: AsyncSession) -> None:
    _, _, _, first, last = await page(session, Page(first=9))
    assert (await page(session, Page(first=100, after=first, before=last)))[:3] == ("1234567", True, True)
    assert (await page(session, Page(last=2, after=first, before=last)))[:3] == ("67", True, True)
    assert (await page(session, Page(first=2, before=first)))[:3] == ("", False, True)


async def test_a_page_keeps_the_selects_own_conditions(session: AsyncSession) -> None:
    odd = ALL.where(Item.weight == 1)
    names, _, following, _, end = await page(session, Page(first=3), query=odd)
    assert (names, following) == ("135", True)
    assert (await page(session, Page(first=3, after=end), query=odd))[:3] == ("7", True, False)


async def test_a_cursor_outlives_its_row(session: AsyncSession) -> None:
    *_, end = await page(session, Page(first=1))
    rest = ALL.where(Item.name != "0")
    assert (await page(session, Page(first=1, after=end), query=rest))[:3] == ("1", False, True)


@pytest.mark.parametrize(
    "order", [Order(Item.name, Item.id), Order(Item.weight, Item.id), Order(Item.id, Item.id)]
)
async def test_any_column_can_order(session: AsyncSession, order: Order) -> None:
    seen, after = "", None
    while True:
        names, _, following, _, after = await page(session, Page(first=2, after=after), order)
        seen += names
        if not following:
            break
    assert sorted(seen) == list("012345678")


@pytest.mark.parametrize(
    "arguments", [Page(), Page(first=1, last=1), Page(first=0), Page(last=101), Page(after="x")]
)
async def test_a_page_needs_one_size(session: AsyncSession, arguments: Page) -> None:
    with pytest.raises(PageSizeInvalid):
        await page(session, arguments)


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode()


ID = str(UUID(int=1))


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "é",
        "x" * 5_000,
        cursor(),
        cursor("made_at"),
        cursor("made_at", "2026-01-01T00:00:00Z", 5),
        cursor("made_at", "2026-01-01T00:00:00", ID),
        cursor("made_at", "' OR 1=1", ID),
        cursor("made_at", None, ID),
        cursor("name", "x", ID),
        cursor("made_at", [], ID),
    ],
)
@pytest.mark.parametrize("field", ["after", "before"])
async def test_a_forged_cursor_is_refused(session: AsyncSession, forged: str, field: str) -> None:
    with pytest.raises(CursorInvalid) as caught:
        await page(session, Page(**{"first": 1, field: forged}))  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("column", "value"), [(Item.weight, 2**63), (Item.weight, True), (Item.name, "\0"), (Item.name, 5)]
)
async def test_a_value_that_a_database_refuses_is_refused(
    session: AsyncSession, column: object, value: object
) -> None:
    order = Order(column, Item.id)  # type: ignore[arg-type]
    with pytest.raises(CursorInvalid):
        await page(session, Page(first=1, after=cursor(order.column.key, value, ID)), order)


@given(
    size=st.integers(1, 10),
    backward=st.booleans(),
    bounds=st.tuples(st.none() | st.integers(0, 8), st.none() | st.integers(0, 8)),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
async def test_every_page_is_the_slice_it_should_be(
    session: AsyncSession, size: int, backward: bool, bounds: tuple[int | None, int | None]
) -> None:
    def at(number: int | None) -> str | None:
        made_at = START + timedelta(seconds=(number or 0) // 3)
        return None if number is None else cursor("made_at", made_at, UUID(int=number))

    after, before = bounds
    low = 0 if after is None else after + 1
    high = 9 if before is None else before
    inside = list(range(low, high))
    expected = inside[-size:] if backward else inside[:size]
    arguments = Page(
        first=None if backward else size, last=size if backward else None, after=at(after), before=at(before)
    )
    names, previous, following, *_ = await page(session, arguments)
    assert names == "".join(map(str, expected))
    cut = len(inside) > size
    assert previous == ((backward and cut) or after is not None)
    assert following == ((not backward and cut) or before is not None)
