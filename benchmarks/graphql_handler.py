"""Requests a second of `POST /graphql`, ours against Strawberry's own Litestar controller, as a ratio.

All serve the same schema from one uvicorn worker each, in processes of their own; `wrk` in a third
process loads them by turns. Run it with `python benchmarks/graphql_handler.py` (needs Debian's `wrk`).
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from uuid import UUID

import msgspec
import strawberry
import uvicorn
from litestar import Litestar
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.litestar import make_graphql_controller

from skyhook.graphql.budget import Unlimited
from skyhook.graphql.routes import graphql_routes
from skyhook.graphql.schema import Fields, compose
from skyhook.operations.caller import Caller

SERVERS = ("ours", "stock", "cached")
"""`cached` is the stock controller with Strawberry's parser and validation caches."""
NAMES = [f"f{number}" for number in range(10)]
QUERY = "mutation Run($text: String!) { benchRun(text: $text) { %s } }" % " ".join(NAMES)  # noqa: UP031
CALLER = Caller(UUID(int=1), None, UUID(int=2), frozenset({"*"}))


@strawberry.type(description="Ten fields.")
class Answer:
    f0: str
    f1: str
    f2: int
    f3: int
    f4: float
    f5: float
    f6: bool
    f7: bool
    f8: str | None
    f9: strawberry.ID


def answer(text: str) -> Answer:
    """Answers at once, so that what is measured is everything else."""
    return Answer(
        f0=text, f1="b", f2=1, f3=2, f4=0.5, f5=1.5, f6=True, f7=False, f8=None, f9=strawberry.ID(text)
    )


@strawberry.type
class Mutation:
    bench_run: Answer = strawberry.mutation(resolver=answer, description="Answers at once.")


async def authenticate(authorization: str | None, client_address: str) -> Caller | None:
    return CALLER


def serve(which: str, port: int) -> None:
    """Runs one of the two servers until it is ended."""
    schema = compose([Fields("bench", mutation=Mutation)], [])
    if which == "ours":
        app = Litestar(graphql_routes(schema, authenticate, Unlimited(), None), openapi_config=None)
    else:
        cached = strawberry.Schema(schema.query, schema.mutation, extensions=[ParserCache, ValidationCache])
        served = cached if which == "cached" else schema
        app = Litestar([make_graphql_controller(served, path="/graphql")], openapi_config=None)
    uvicorn.run(app, port=port, log_level="error", access_log=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"no server on port {port}")


def _load(port: int, script: Path, seconds: int, connections: int) -> float:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
    done = subprocess.run(  # noqa: S603
        [*command, f"http://127.0.0.1:{port}/graphql"], capture_output=True, text=True, check=True
    )
    if "Non-2xx" in done.stdout:
        raise SystemExit(f"the server refused requests:\n{done.stdout}")
    match = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if match is None:
        raise SystemExit(done.stdout)
    return float(match[1])


def main() -> None:
    """Measures and prints one line for each server, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    body = msgspec.json.encode({"query": QUERY, "variables": {"text": "hello"}}).decode()
    ports = {which: _free_port() for which in SERVERS}
    servers = [
        multiprocessing.Process(target=serve, args=(which, port), daemon=True)
        for which, port in ports.items()
    ]
    for server in servers:
        server.start()
    rates: dict[str, list[float]] = {which: [] for which in ports}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(
            f'wrk.method = "POST"\nwrk.body = [[{body}]]\n'
            'wrk.headers["Content-Type"] = "application/json"\nwrk.headers["Accept"] = "application/json"\n'
        )
        for port in ports.values():
            _wait_for(port)
            _load(port, script, 1, options.connections)
        for _ in range(options.rounds):
            for which, port in ports.items():
                rates[which].append(_load(port, script, options.seconds, options.connections))
    for server in servers:
        server.terminate()
    medians = {which: statistics.median(values) for which, values in rates.items()}
    for which, values in rates.items():
        spread = f"{min(values):,.0f} to {max(values):,.0f}"
        sys.stdout.write(
            f"{which:>6}: {medians[which]:8,.0f} requests/s (median of {len(values)}, {spread})\n"
        )
    for which in SERVERS[1:]:
        sys.stdout.write(f"ours is {medians['ours'] / medians[which]:.2f} times {which}\n")


if __name__ == "__main__":
    main()
