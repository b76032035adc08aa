"""Types a command into the terminal of whoever started it."""

import ctypes
import fcntl
import os

from report import attempt, libc

TYPE, PASTE = 0x5412, 0x541C
IOCTL = {"x86_64": 16, "aarch64": 29}[os.uname().machine]
letter = ctypes.create_string_buffer(b"\n")


def masked():
    # The kernel looks at 32 bits of the request; a careless filter at 64.
    if libc.syscall(IOCTL, 0, ctypes.c_ulong(TYPE | 1 << 32), letter) < 0:
        raise OSError(ctypes.get_errno(), "ioctl")


for descriptor in (0, 1, 2):
    attempt(f"type into {descriptor}", lambda descriptor=descriptor: fcntl.ioctl(descriptor, TYPE, b"\n"))
attempt("paste", lambda: fcntl.ioctl(0, PASTE, b"\x03"))
attempt("type with a request of 33 bits", masked)
attempt("open a terminal", os.openpty)
