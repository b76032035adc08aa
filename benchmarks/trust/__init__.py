"""Whether billing can be trusted: the figures that it must reach, measured on real servers and databases."""
