"""Leaves a process behind that has nothing to do with it any more."""

import os
import sys
import time

print("tried: leave a daemon", flush=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        nothing = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)", sys.argv[1]])
    os._exit(0)
time.sleep(0.3)
print("running: the daemon", flush=True)
