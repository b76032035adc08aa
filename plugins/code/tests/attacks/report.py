"""What every attack uses: the scene that it is given, and a record of what it tried and got."""

import ctypes
import errno
import json
import os
import platform
import sys

SCENE = json.loads(sys.argv[1])
"""Where the test has put what is worth reaching."""
libc = ctypes.CDLL(None, use_errno=True)
NUMBERS = {
    "x86_64": {
        "ptrace": 101,
        "mount": 165,
        "umount2": 166,
        "chroot": 161,
        "pivot_root": 155,
        "unshare": 272,
        "clone": 56,
        "setns": 308,
        "bpf": 321,
        "keyctl": 250,
        "add_key": 248,
        "perf_event_open": 298,
        "userfaultfd": 323,
        "kexec_load": 246,
        "init_module": 175,
        "finit_module": 313,
        "open_by_handle_at": 304,
        "name_to_handle_at": 303,
        "process_vm_readv": 310,
        "memfd_create": 319,
        "shmget": 29,
        "msgget": 68,
        "personality": 135,
        "reboot": 169,
        "swapon": 167,
    },
    "aarch64": {
        "ptrace": 117,
        "mount": 40,
        "umount2": 39,
        "chroot": 51,
        "pivot_root": 41,
        "unshare": 97,
        "clone": 220,
        "setns": 268,
        "bpf": 280,
        "keyctl": 219,
        "add_key": 217,
        "perf_event_open": 241,
        "userfaultfd": 282,
        "kexec_load": 104,
        "init_module": 105,
        "finit_module": 273,
        "open_by_handle_at": 265,
        "name_to_handle_at": 264,
        "process_vm_readv": 270,
        "memfd_create": 279,
        "shmget": 194,
        "msgget": 186,
        "personality": 92,
        "reboot": 142,
        "swapon": 224,
    },
}[platform.machine()] | {"io_uring_setup": 425, "clone3": 435, "mount_setattr": 442, "fsopen": 430}


def attempt(what, action):
    """Does something forbidden, and tells whether it worked."""
    print(f"tried: {what}", flush=True)
    try:
        value = action()
    except (OSError, MemoryError, ValueError) as error:
        name = errno.errorcode.get(getattr(error, "errno", None) or 0, type(error).__name__)
        print(f"refused: {what}: {name}", flush=True)
        return None
    print(f"got: {what}: {value!r}"[:300], flush=True)
    return value


def syscall(name, *arguments):
    """A system call by its name. Raises OSError."""
    value = libc.syscall(NUMBERS[name], *arguments)
    if value < 0:
        raise OSError(ctypes.get_errno(), name)
    return value


def read(path):
    """The beginning of a file's content."""
    with open(path, "rb") as file:
        return file.read(2000)


def write(path):
    """Writes a file, and takes it away again."""
    with open(path, "w") as file:
        file.write("written")
    os.remove(path)
