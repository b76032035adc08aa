"""What a call of a local function costs: calls per second and the server's CPU time per call.

    python benchmarks/compute_calls.py [--calls 20000] [--uvloop]

One caller waits for each answer before the next call; many callers share the worker.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from compute_functions import Parallel, Serial, Text

from skyhook.compute.local import LocalCompute
from skyhook.configuration import Configuration


async def measure(name: str, count: int, run: Callable[[], Awaitable[object]]) -> None:
    """Prints what `run`, which makes `count` calls or takes `count` chunks, costs for each."""
    wall, cpu = time.perf_counter(), time.process_time()
    await run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    each, server = wall / count * 1e6, cpu / count * 1e6
    print(f"{name:<28} {count / wall:>9,.0f} /s {each:>8.1f} us each {server:>8.1f} us server CPU")


async def benchmark(calls: int) -> None:
    """Measures trivial calls of both functions, then a stream."""
    with tempfile.TemporaryDirectory() as folder:
        compute = LocalCompute(Configuration(Path(folder), 8000, "127.0.0.1", "sqlite://"))
        await compute.start()
        argument = Text("hello", calls)

        async def serial(share: int) -> None:
            for _ in range(share):
                await compute.call(Serial.echo, argument)

        async def parallel(share: int) -> None:
            for _ in range(share):
                await compute.call(Parallel.echo, argument)

        async def stream() -> None:
            async for _ in compute.stream(Serial.count, argument):
                pass

        await asyncio.gather(serial(500), parallel(500))
        await measure("concurrency 1, 1 caller", calls, lambda: serial(calls))
        await measure("concurrency 1, 64 callers", calls, lambda: gathered(serial, 64, calls))
        await measure("concurrency 16, 1 caller", calls, lambda: parallel(calls))
        await measure("concurrency 16, 64 callers", calls, lambda: gathered(parallel, 64, calls))
        await measure("stream, chunks", calls, stream)
        await compute.close()


async def gathered(caller: Callable[[int], Awaitable[None]], callers: int, calls: int) -> None:
    """Shares the calls out among callers that run at once."""
    await asyncio.gather(*(caller(calls // callers) for _ in range(callers)))


def main() -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--uvloop", action="store_true", help="use uvloop, as the server does")
    arguments = parser.parse_args()
    factory = uvloop.new_event_loop if arguments.uvloop else None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(benchmark(arguments.calls))


if __name__ == "__main__":
    main()
