"""Prints without end."""

import os

os.write(1, b"tried: print without end\n")
for _ in range(1 << 20):
    os.write(1, b"x" * 4096)
os.write(2, b"got: four gigabytes of output\n")
