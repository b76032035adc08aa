"""Computes without end, on every core, deaf to signals."""

import os
import signal

for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
    if number < 32:
        signal.signal(number, signal.SIG_IGN)
print("tried: compute without end", flush=True)
for _ in range(3):
    os.fork()
while True:
    pass
