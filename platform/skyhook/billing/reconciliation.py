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
