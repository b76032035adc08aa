"""Starts processes without end."""

import os
import time

started = 0
print("tried: fork without end", flush=True)
while True:
    try:
        pid = os.fork()
    except OSError as error:
        if started < 1000:
            print(f"refused: fork {started}: {error.strerror}", flush=True)
        break
    if pid == 0:
        time.sleep(60)
    started += 1
    if started > 1000:
        print("got: a thousand processes", flush=True)
        break
print(f"processes: {started}", flush=True)
