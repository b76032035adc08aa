"""The plugin's meters."""

WALLETS = "money.wallets"
TRANSFERS = "money.transfers"
HOLDS = "money.holds"
REQUESTS = "money.requests"
STATEMENTS = "money.statements"
