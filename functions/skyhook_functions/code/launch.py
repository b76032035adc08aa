"""Becomes a stranger's program, having given up all power. Run by its path, as root; imports nothing else.

Its arguments: the user, the folder to begin in, the descriptors of filters of system calls with commas
between them, and the program's command.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys

PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 22, 24, 38
SECCOMP_MODE_FILTER = 2
INSTRUCTION_BYTES = 8
CAPABILITIES = 64


class Filter(ctypes.Structure):
    """The kernel's `struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def main() -> None:
    """Never returns. Raises OSError where power cannot be given up."""
    user, folder, descriptors, *command = sys.argv[1:]
    filters = [_read(int(one)) for one in descriptors.split(",") if one]
    for capability in range(CAPABILITIES):
        _control(PR_CAPBSET_DROP, capability, tolerated=errno.EINVAL)  # this kernel has fewer
    os.setgroups([])
    os.setresgid(int(user), int(user), int(user))
    os.setresuid(int(user), int(user), int(user))
    _control(PR_SET_NO_NEW_PRIVS, 1)
    os.chdir(folder)
    for one in filters:
        program = Filter(len(one) // INSTRUCTION_BYTES, one)
        # A kernel without them refuses: then the machine alone isolates.
        _control(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), tolerated=errno.EINVAL)
    os.execv(command[0], command)  # noqa: S606 - it is what this is for


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _control(option: int, first: int, second: object = None, *, tolerated: int = 0) -> None:
    """The system call `prctl`. Raises OSError but for the error that is tolerated."""
    libc = ctypes.CDLL(None, use_errno=True)
    nothing = ctypes.c_ulong(0)
    if libc.prctl(option, ctypes.c_ulong(first), second or nothing, nothing, nothing):
        error = ctypes.get_errno()
        if error != tolerated:
            raise OSError(error, f"prctl {option} is refused")


if __name__ == "__main__":
    main()
