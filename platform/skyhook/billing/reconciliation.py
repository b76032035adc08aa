"""Proof that what was used, what was charged and what the ledger says are one and the same."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.ledger import audit
from skyhook.usage import rollups

_CHECKS = {
    "a transfer differs from the usage events it paid": """
        SELECT COALESCE(paid.transfer_id, used.transfer_id)
        FROM (SELECT e.transfer_id, SUM(e.amount) AS total FROM ledger_entries e
              JOIN ledger_accounts a ON a.id = e.debit_account_id AND a.kind = 'credit'
              WHERE e.reference = 'usage' GROUP BY e.transfer_id) paid
        FULL JOIN (SELECT transfer_id, SUM(cost) AS total FROM usage_events
                   WHERE transfer_id IS NOT NULL GROUP BY transfer_id) used
          ON used.transfer_id = paid.transfer_id
        WHERE COALESCE(paid.total, 0) <> COALESCE(used.total, 0)
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


async def reconcile(session: AsyncSession) -> list[str]:
    """What is wrong, one sentence each; empty where all is whole. Reads everything: for maintenance."""
    findings = await audit.verify(session) + await rollups.verify(session)
    for sentence, query in _CHECKS.items():
        findings += [f"{sentence}: {row[0]}" for row in await session.execute(text(query))]
    return findings
