"""Statements: what a wallet had, what moved, and what it has, exactly; as pages and as a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.plugin import Database, InvalidInput, now
from skyhook_money.currencies import code_of, in_words
from skyhook_money.tables import Entry, Transfer, Wallet

PAGE = 500
"""How many entries of a file are in memory at a time."""
_COLUMNS = (
    "line",
    "number",
    "time",
    "amount",
    "balance",
    "currency",
    "kind",
    "counterparty",
    "memo",
    "transfer",
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A wallet's statement from `start` until before `end`: the entries `first` to `last`.

    Its balances are those after the entry before the first, and after the last: so opening, entries and
    closing agree whatever is written meanwhile.
    """

    wallet: Wallet
    start: datetime
    end: datetime
    first: int
    last: int
    opening: int
    closing: int

    def entries(self) -> Select[Entry]:
        """Selects its entries."""
        return select(Entry).where(
            Entry.wallet_id == self.wallet.id, Entry.number >= self.first, Entry.number <= self.last
        )


async def draw(session: AsyncSession, wallet: Wallet, start: datetime, end: datetime) -> Statement:
    """The statement of a period. Raises InvalidInput where it ends before it begins, or lacks its zone."""
    if start.tzinfo is None or end.tzinfo is None:
        raise InvalidInput("A time needs its zone, such as 2026-01-31T00:00:00Z.", field="from")
    if end < start:
        raise InvalidInput("A statement ends after it begins.", field="to")
    last, closing = await _before(session, wallet, end)
    before, opening = await _before(session, wallet, start)
    return Statement(wallet, start, end, before + 1, last, opening, closing)


async def seal(session: AsyncSession, wallet: Wallet, end: datetime) -> None:
    """Makes the past until `end` final: no entry that is written later, on any server, is older than that."""
    end = min(end, now())
    await session.execute(
        update(Wallet).where(Wallet.id == wallet.id, Wallet.moved_at < end).values(moved_at=end)
    )


async def as_csv(database: Database, statement: Statement) -> AsyncGenerator[bytes, None]:
    """The file: a line with the opening balance, one for each entry, and one with the closing balance."""
    wallet = statement.wallet
    currency = code_of(wallet.asset)
    opening = in_words(statement.opening, wallet.asset)
    yield _lines(
        [_COLUMNS, ("opening", "", statement.start.isoformat(), "", opening, currency, "", "", "", "")]
    )
    for first in range(statement.first, statement.last + 1, PAGE):
        yield _lines(await _page(database, statement, first))
    closing = in_words(statement.closing, wallet.asset)
    yield _lines([("closing", "", statement.end.isoformat(), "", closing, currency, "", "", "", "")])


async def _before(session: AsyncSession, wallet: Wallet, at: datetime) -> tuple[int, int]:
    """The number of the last entry before a time and the balance after it; zeros where there is none."""
    query = (
        select(Entry.number, Entry.balance)
        .where(Entry.wallet_id == wallet.id, Entry.created_at < at)
        .order_by(Entry.created_at.desc(), Entry.number.desc())
        .limit(1)
    )
    row = (await session.execute(query)).one_or_none()
    return (row.number, row.balance) if row else (0, 0)


async def _page(database: Database, statement: Statement, first: int) -> list[Sequence[object]]:
    payer, payee = Wallet.__table__.alias("payer"), Wallet.__table__.alias("payee")
    query = (
        select(Entry, Transfer, payer.c.handle, payee.c.handle)
        .join(Transfer, Transfer.id == Entry.transfer_id)
        .join(payer, payer.c.id == Transfer.payer_wallet_id, isouter=True)
        .join(payee, payee.c.id == Transfer.payee_wallet_id, isouter=True)
        .where(
            Entry.wallet_id == statement.wallet.id,
            Entry.number >= first,
            Entry.number < first + PAGE,
            Entry.number <= statement.last,
        )
        .order_by(Entry.number)
    )
    async with database.read() as session:
        rows = (await session.execute(query)).all()
    return [
        _line(entry, transfer, payee if entry.amount < 0 else payer) for entry, transfer, payer, payee in rows
    ]


def _line(entry: Entry, transfer: Transfer, counterparty: str | None) -> Sequence[object]:
    return (
        "entry",
        entry.number,
        entry.created_at.isoformat(),
        in_words(entry.amount, entry.asset),
        in_words(entry.balance, entry.asset),
        code_of(entry.asset),
        transfer.kind,
        counterparty or "",
        _harmless(transfer.memo),
        transfer.id,
    )


def _harmless(memo: str) -> str:
    """Others wrote it: a spreadsheet must not take it for a formula."""
    return f"'{memo}" if memo[:1] in ("=", "+", "-", "@") else memo


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
