"""Reads the environment of every process that it finds."""

import os

from report import SCENE, attempt, read

name = SCENE["variable"]


def from_environment(content):
    if name.encode() not in content:
        raise ValueError("nothing of interest")
    return content


attempt("its own environment", lambda: from_environment(repr(dict(os.environ)).encode()))
for pid in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
    attempt(f"/proc/{pid}/environ", lambda pid=pid: from_environment(read(f"/proc/{pid}/environ")))
