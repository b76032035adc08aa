"""Leaves links and pipes among its files, so that whoever reads them reads something else."""

import os

from report import SCENE, attempt

secret = SCENE["secret_files"][0]
attempts = {
    "link": lambda: os.symlink(secret, "out/link.txt"),
    "folder": lambda: os.symlink(os.path.dirname(secret), "out/folder"),
    "parents": lambda: os.symlink("../" * 40 + secret.lstrip("/"), "out/parents.txt"),
    "process": lambda: os.symlink("/proc/self/root", "out/root"),
    "pipe": lambda: os.mkfifo("out/pipe"),
}
for name, make in attempts.items():
    print(f"tried: {name}", flush=True)
    make()
attempt("a hard link to a file of the machine", lambda: os.link("/usr/bin/bash", "out/bash"))
for number in range(20):
    os.makedirs("out/" + "deep/" * number, exist_ok=True)
open("out/" + "deep/" * 19 + "file", "w").close()
open(os.fsencode("out/") + b"\xff\n\\..", "w").close()
with open("out/good.txt", "w") as file:
    file.write("good")
