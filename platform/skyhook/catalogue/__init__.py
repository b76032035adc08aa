"""The catalogue: which models there are, where each comes from and what it can take."""
