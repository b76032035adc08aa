"""Double entry: accounts, entries that never change, and holds. The database itself keeps the invariants."""
