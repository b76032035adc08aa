"""The system calls that a sandboxed program may make: what is not listed does not exist for it."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyseccomp

ALLOWED = """
    _llseek accept accept4 access alarm arch_prctl bind brk chdir chmod chown clock_getres clock_gettime
    clock_nanosleep close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
    epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve execveat exit exit_group faccessat
    faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr
    flistxattr flock fork fstat fstatfs fsync ftruncate futex futex_waitv futimesat get_robust_list getcpu
    getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid
    getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname getsockopt gettid
    gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl kill
    lchown lgetxattr link linkat listen listxattr llistxattr lseek lstat madvise membarrier mincore mkdir
    mkdirat mknod mknodat mlock mlock2 mmap mprotect mremap msync munlock munmap nanosleep newfstatat open
    openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 poll ppoll prctl pread64 preadv preadv2
    prlimit64 pselect6 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recvfrom recvmmsg
    recvmsg rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask
    rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max
    sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
    sched_rr_get_interval sched_setaffinity sched_yield select sendfile sendmmsg sendmsg sendto
    set_robust_list set_tid_address setgid setgroups setitimer setpgid setpriority setregid setresgid
    setresuid setreuid setrlimit setsid setsockopt setuid shutdown sigaltstack signalfd signalfd4 socketpair
    stat statfs statx symlink symlinkat sync sync_file_range sysinfo tgkill time timer_create timer_delete
    timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill
    truncate umask uname unlink unlinkat utime utimensat utimes vfork wait4 waitid waitpid write writev
"""
"""Far from all: no mount, ptrace, bpf, keyctl, io_uring, userfaultfd, perf_event_open, setns, unshare, kexec,
module or handle calls, and no memory that no limit counts: no memfd_create, no System V memory and queues.
"""
SOCKET_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
"""Others reach the kernel's rarer corners or, as AF_VSOCK does, past the network namespace."""
LAST_PROTOCOL = 17
"""UDP's number; those after it, such as SCTP's, load modules of the kernel."""
NEW_NAMESPACES = 0x7E020080
"""The flags of `clone` that make namespaces: CLONE_NEW*."""
REFUSED_IOCTLS = {"TIOCSTI": 0x5412, "TIOCLINUX": 0x541C}
"""They type into a terminal. Only 32 bits of the request count for the kernel."""


def filters() -> list[bytes]:
    """BPF programs for this machine, all of which a call must pass.

    Calls that are not allowed fail with ENOSYS, so that libraries fall back on older ones. Raises ImportError
    without pyseccomp, RuntimeError without libseccomp, and OSError.
    """
    import pyseccomp

    allowing = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.ENOSYS))
    for name in ALLOWED.split():
        _allow(allowing, name)
    _allow(allowing, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, NEW_NAMESPACES, 0))
    usual = pyseccomp.Arg(2, pyseccomp.LE, LAST_PROTOCOL)
    for family in SOCKET_FAMILIES.values():
        _allow(allowing, "socket", pyseccomp.Arg(0, pyseccomp.EQ, family), usual)
    refusing = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    for request in REFUSED_IOCTLS.values():
        masked = pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, request)
        refusing.add_rule(pyseccomp.ERRNO(errno.EPERM), "ioctl", masked)
    return [_exported(one) for one in (allowing, refusing)]


def _allow(allowing: pyseccomp.SyscallFilter, name: str, *arguments: pyseccomp.Arg) -> None:
    """Adds a rule; of a call that this architecture does not have there is nothing to allow."""
    import pyseccomp

    if pyseccomp.resolve_syscall(pyseccomp.system_arch(), name) >= 0:
        allowing.add_rule(pyseccomp.ALLOW, name, *arguments)


def _exported(one: pyseccomp.SyscallFilter) -> bytes:
    descriptor = os.memfd_create("filter")
    with os.fdopen(descriptor, "r+b") as file:
        one.export_bpf(file)
        file.seek(0)
        return file.read()
