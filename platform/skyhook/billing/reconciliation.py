"""Proof that what was used, what was charged and what the ledger says are one and the same.

Each check reads a table once, from its beginning to its end: of millions of rows an index has nothing to offer.
"""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.ledger import audit
from skyhook.usage import rollups

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
_SORTED_IN_MEMORY = "SET LOCAL work_mem = '256MB'"
"""PostgreSQL's 4 MB would write a million groups to disk and sort them there."""


async def reconcile(session: AsyncSession) -> list[str]:
    """What is wrong, one sentence each; empty where all is whole. Reads everything: for maintenance."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text(_SORTED_IN_MEMORY))
    findings = await audit.verify(session) + await rollups.verify(session)
    for sentence, query in _CHECKS.items():
        for row in await session.execute(text(query)):
            findings.append(
                f"{sentence}: {', '.join(f'{name} {value}' for name, value in row._mapping.items())}"
            )
    return findings
