"""Goes to the machine's files through other processes' roots and folders."""

import os

from report import SCENE, attempt, read

for pid in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
    for way in ("root", "cwd"):
        for path in SCENE["secret_files"]:
            attempt(f"{path} by {way} of {pid}", lambda w=way, n=pid, p=path: read(f"/proc/{n}/{w}/{p}"))
