"""API keys: their format, what they may do, and how a presented key becomes a caller."""
