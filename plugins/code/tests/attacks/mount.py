"""Mounts what it likes over what it sees."""

from report import attempt, syscall

BIND, REMOUNT = 4096, 32
attempt("mount a file system", lambda: syscall("mount", b"none", b"/tmp", b"tmpfs", 0, 0))
attempt("mount proc", lambda: syscall("mount", b"none", b"/tmp", b"proc", 0, 0))
attempt("make /usr/bin writable", lambda: syscall("mount", b"none", b"/usr/bin", 0, BIND | REMOUNT, 0))
attempt("uncover what is below /proc", lambda: syscall("umount2", b"/proc", 2))
attempt("open a file system", lambda: syscall("fsopen", b"tmpfs", 0))
attempt("change a mount", lambda: syscall("mount_setattr", -100, b"/usr/bin", 0, 0, 0))
