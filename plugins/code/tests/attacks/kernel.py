"""Asks the kernel for what it has most trouble to give safely."""

import ctypes

from report import attempt, syscall

room = ctypes.create_string_buffer(256)
CALLS = {
    "bpf": (0, room, 128),
    "keyctl": (0, -3, 1),
    "add_key": (b"user", b"name", b"value", 5, -3),
    "perf_event_open": (room, 0, -1, -1, 0),
    "userfaultfd": (1,),
    "kexec_load": (0, 0, 0, 0),
    "init_module": (room, 16, b""),
    "finit_module": (0, b"", 0),
    "name_to_handle_at": (-100, b"/", room, room, 0),
    "open_by_handle_at": (-100, room, 0),
    "memfd_create": (b"memory", 0),
    "shmget": (0, 1 << 30, 0o1600),
    "msgget": (0, 0o1600),
    "personality": (0x0040000,),
    "swapon": (b"/dev/null", 0),
    "reboot": (0, 0, 0, 0),
}
for name, arguments in CALLS.items():
    attempt(name, lambda name=name, arguments=arguments: syscall(name, *arguments))
