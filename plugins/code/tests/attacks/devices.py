"""Reaches the machine's devices, by their files and by files that it makes for them."""

import os
import stat

from report import SCENE, attempt, read


def make(kind, major, minor):
    os.mknod("device", kind | 0o600, os.makedev(major, minor))
    return read("device")


attempt("make the machine's disk", lambda: make(stat.S_IFBLK, *SCENE["disk"]))
attempt("make the machine's memory", lambda: make(stat.S_IFCHR, 1, 1))
attempt("make the kernel's log", lambda: make(stat.S_IFCHR, 1, 11))
for name in ("mem", "kmsg", "vda", "sda", "kvm", "fuse", "net/tun", "ptmx", "tty", "vsock", "userfaultfd"):
    attempt(f"open /dev/{name}", lambda name=name: read(f"/dev/{name}"))
