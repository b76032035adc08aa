"""`python -m skyhook` is the command `skyhook`."""

from skyhook.cli import main

main()
