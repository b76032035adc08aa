"""Proof that the ledger is whole: balances and holds recomputed from what they are made of."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_CHECKS = {
    "a balance differs from its postings": """
        SELECT a.id FROM ledger_accounts a
        LEFT JOIN (SELECT account_id, SUM(amount) AS total FROM ledger_postings GROUP BY account_id) p
          ON p.account_id = a.id
        WHERE a.balance <> COALESCE(p.total, 0)
    """,
    "what is held differs from the open holds": """
        SELECT a.id FROM ledger_accounts a
        LEFT JOIN (SELECT account_id, SUM(remaining) AS total FROM ledger_holds GROUP BY account_id) h
          ON h.account_id = a.id
        WHERE a.held <> COALESCE(h.total, 0)
    """,
    "an account is below its floor": "SELECT id FROM ledger_accounts WHERE balance - held < floor",
    "an asset does not sum to zero": (
        "SELECT asset FROM ledger_postings GROUP BY asset HAVING SUM(amount) <> 0"
    ),
    "more was captured from a hold than it had": """
        SELECT h.id FROM ledger_holds h
        JOIN (SELECT hold_id, SUM(amount) AS total FROM ledger_entries GROUP BY hold_id) e ON e.hold_id = h.id
        WHERE e.total + h.remaining > h.amount
    """,
}


async def verify(session: AsyncSession) -> list[str]:
    """What is wrong with the ledger, one sentence each with the id; empty where it is whole."""
    findings = []
    for sentence, query in _CHECKS.items():
        findings += [f"{sentence}: {row[0]}" for row in await session.execute(text(query))]
    return findings
