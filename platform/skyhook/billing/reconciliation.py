"""Proof that what was used, what was charged and what the ledger says are one and the same.

Each check reads its tables once, from beginning to end: an index has nothing to offer here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import chain

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.database import Database
from skyhook.ledger import audit
from skyhook.usage import rollups
from skyhook.usage.expenses import verify_expenses

_CHECKS = {
    "a transfer differs from the usage events it paid": """
        SELECT transfer_id, organization_id, SUM(paid) AS paid, SUM(used) AS used FROM (
            SELECT e.transfer_id, a.organization_id, e.amount AS paid, 0 AS used FROM ledger_entries e
            JOIN ledger_accounts a ON a.id = e.debit_account_id AND a.kind = 'credit'
            WHERE e.reference = 'usage'
            UNION ALL
            SELECT transfer_id, organization_id, 0, cost FROM usage_events WHERE transfer_id IS NOT NULL
        ) AS both_sides
        GROUP BY transfer_id, organization_id HAVING SUM(paid) <> SUM(used)
    """,
    "an event has a cost and no transfer": """
        SELECT id FROM usage_events WHERE cost <> 0 AND transfer_id IS NULL
    """,
    "the grants' remaining credit differs from the credit of an organization": """
        SELECT c.organization_id FROM ledger_accounts c
        LEFT JOIN ledger_accounts s
          ON s.organization_id = c.organization_id AND s.kind = 'credit_spent' AND s.asset = c.asset
        LEFT JOIN credit_allocations a ON a.organization_id = c.organization_id
        LEFT JOIN (SELECT organization_id, SUM(remaining) AS total FROM credit_grants
                   GROUP BY organization_id) g ON g.organization_id = c.organization_id
        WHERE c.kind = 'credit' AND c.asset = 'USD/9'
          AND COALESCE(g.total, 0) - (COALESCE(s.balance, 0) - COALESCE(a.allocated, 0)) <> c.balance
    """,
    "an idempotency record names no event": """
        SELECT r.key FROM idempotency_records r
        LEFT JOIN usage_events e ON e.id = r.usage_event_id WHERE e.id IS NULL
    """,
}
_SETTINGS = {
    "work_mem": "'256MB'",
    "enable_sort": "off",
    "jit": "off",
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
}
"""How PostgreSQL adds up millions of rows in memory and on several cores. By itself it sorts them on disk, in
twice the time: it takes each event for one of a hundred meters."""


async def reconcile(session: AsyncSession) -> list[str]:
    """What is wrong, one sentence each; empty where all is whole. Reads everything: for maintenance."""
    return await audit.verify(session) + await rollups.verify(session) + await _charges(session)


async def reconcile_side_by_side(database: Database) -> list[str]:
    """The same in less time: each part has a session of its own, so that no part waits for another."""
    parts = (audit.verify, rollups.verify_hours, rollups.verify_days, verify_expenses, _charges)
    return list(chain(*await asyncio.gather(*(_alone(database, part) for part in parts))))


async def _alone(database: Database, part: Callable[[AsyncSession], Awaitable[list[str]]]) -> list[str]:
    async with database.read() as session:
        for name, value in () if database.is_sqlite else _SETTINGS.items():
            await session.execute(text(f"SET LOCAL {name} = {value}"))
        return await part(session)


async def _charges(session: AsyncSession) -> list[str]:
    findings = []
    for sentence, query in _CHECKS.items():
        for row in await session.execute(text(query)):
            told = ", ".join(f"{name} {value}" for name, value in row._mapping.items())
            findings.append(f"{sentence}: {told}")
    return findings
