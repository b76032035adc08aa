"""Becomes root: by asking, by capabilities, and by programs that run as root for whoever starts them."""

import os
import shutil
import subprocess

from report import attempt


def as_root(*words):
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    with open(f"/proc/{process.pid}/status") as file:
        users = next(line.split()[1:] for line in file if line.startswith("Uid:"))
    process.kill()
    process.wait()
    if "0" not in users:
        raise PermissionError(1, "it runs as who started it")


attempt("setuid", lambda: os.setuid(0))
attempt("setgid", lambda: os.setgid(0))
attempt("setgroups", lambda: os.setgroups([0]))
for name in ("su", "passwd", "mount", "newgrp"):
    path = shutil.which(name)
    if path:
        attempt(name, lambda path=path: as_root(path))
attempt("lift a limit", lambda: __import__("resource").setrlimit(7, (1 << 20, 1 << 20)))
attempt("a higher priority", lambda: os.nice(-10))
