"""Takes over a process by tracing it, and reads its memory."""

import os
import signal
import time

from report import attempt, syscall

ATTACH = 16
neighbour = os.fork()
if neighbour == 0:
    time.sleep(60)
attempt("trace a neighbour", lambda: syscall("ptrace", ATTACH, neighbour, 0, 0))
attempt("read its memory", lambda: syscall("process_vm_readv", neighbour, 0, 0, 0, 0, 0))
os.kill(neighbour, signal.SIGKILL)
os.waitpid(neighbour, 0)
