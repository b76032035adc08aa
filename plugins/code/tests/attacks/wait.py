"""Waits without end and uses nothing."""

import signal

print("tried: wait without end", flush=True)
while True:
    signal.pause()
