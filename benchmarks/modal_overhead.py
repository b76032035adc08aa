"""What the backend on Modal adds to a call of Modal's own client, and 1,000 detached calls in one process.

    python benchmarks/modal_overhead.py [--calls N] [--detached N]

Against the stand-in of tests/modal, on loopback, in another process: its containers are real, its network is
not. Both kinds of call are made by turns, so that both meet the same load of the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent / "tests"
sys.path[:0] = [str(HERE), str(HERE.parent), str(TESTS / "modal")]


async def overhead(calls: int) -> None:
    """Prints the medians of both kinds of call and of their differences, for each method."""
    from compute_functions import Parallel, Text

    from skyhook.compute import protocol

    compute = _compute()
    argument = Text("hello")
    encoded = protocol.encode(argument)
    traffic, _ = compute._route(Parallel.echo)
    instance = traffic.handle.instance(None)
    raw, ours = [], []
    for number in range(calls + 20):
        began = time.perf_counter()
        await instance.call.remote.aio("echo", encoded, 60.0)
        between = time.perf_counter()
        await compute.call(Parallel.echo, argument)
        if number >= 20:
            raw.append(between - began)
            ours.append(time.perf_counter() - between)
    differences = [mine - theirs for mine, theirs in zip(ours, raw, strict=True)]
    print("| | p50 ms | p99 ms |\n|---|---|---|")
    for title, times in (("Modal's client", raw), ("the backend", ours), ("difference", differences)):
        ordered = sorted(times)
        p99 = ordered[int(len(ordered) * 0.99)]
        print(f"| {title} | {statistics.median(times) * 1e3:.2f} | {p99 * 1e3:.2f} |")


async def detached(calls: int) -> None:
    """Prints how long many detached calls took at once, and what they took of this process's memory."""
    from compute_functions import Slow, Text

    compute = _compute()

    async def one(number: int) -> None:
        call_id = await compute.spawn(Slow.wait, Text("x", number), secrets.token_hex(16))
        results = [result async for result in compute.collect(call_id, Slow.wait)]
        assert results == [Text("x", number)]

    await asyncio.gather(*(one(number) for number in range(20)))
    print("| calls at once | s | MiB before | MiB at most | MiB after |\n|---|---|---|---|---|")
    for _ in range(3):
        before, most = _mib(), 0.0
        began = time.perf_counter()
        work = asyncio.gather(*(one(number) for number in range(calls)))
        while not work.done():
            await asyncio.wait([work], timeout=0.2)
            most = max(most, _mib())
        await work
        took = time.perf_counter() - began
        print(f"| {calls} | {took:.1f} | {before:.0f} | {most:.0f} | {_mib():.0f} |")


def _compute():
    from skyhook.compute.modal.backend import ModalCompute
    from skyhook.configuration import Configuration

    folder = Path(tempfile.mkdtemp())
    return ModalCompute(Configuration(folder, 8000, "127.0.0.1", "sqlite://"), {})


def _mib() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--detached", type=int, default=1000)
    parser.add_argument("--client", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.client:
        asyncio.run(overhead(given.calls))
        asyncio.run(detached(given.detached))
        return
    from compute_functions import Parallel, Slow
    from modal_server import ModalServer

    with ModalServer() as server:
        os.environ.update(server.variables())
        from skyhook.compute.modal.app import build

        build([Parallel, Slow], {}).deploy(name="skyhook")
        subprocess.run([sys.executable, __file__, "--client", *sys.argv[1:]], check=True)  # noqa: S603


if __name__ == "__main__":
    main()
