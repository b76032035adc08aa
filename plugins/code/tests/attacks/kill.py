"""Ends the process that started it, its neighbours, and whatever else it can reach."""

import os
import signal

from report import SCENE, attempt


def end(pid):
    os.kill(pid, signal.SIGKILL)


for pid in SCENE["pids"]:
    attempt(f"kill {pid}", lambda pid=pid: end(pid))
    attempt(f"open {pid}", lambda pid=pid: os.pidfd_open(pid))
print("tried: kill everybody", flush=True)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
try:
    os.kill(-1, signal.SIGTERM)
except ProcessLookupError:
    print("refused: there is nobody else", flush=True)
