"""Looks for files, sockets and pipes that its starter has left open."""

import os

from report import attempt

for descriptor in range(3, 1024):
    attempt(f"descriptor {descriptor}", lambda descriptor=descriptor: os.fstat(descriptor))
attempt("write its own input", lambda: os.write(os.open("/proc/self/fd/0", os.O_RDWR), b"x"))
