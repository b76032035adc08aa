"""Start-up time until /health/ready answers, and the idle server's memory: medians of five starts.

    python benchmarks/startup.py [--starts 5]

The database is made before; no model's process runs. It also fails where building the application imports
what only models need.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from calls_skyhook import configuration, prepare
from load import cpu_seconds, free_port, rss_mib

HEAVY = ("torch", "transformers", "openai", "numpy", "tokenizers", "safetensors")
LIMIT_MIB = 200
BUILD = """
import asyncio, json, sys
from skyhook.app import create_app, load_plugins
from skyhook.configuration import Configuration
from skyhook.services import Services

async def build():
    create_app(Services.build(Configuration.from_environment(), load_plugins()))

asyncio.run(build())
print(json.dumps(sorted(set(sys.argv[1:]) & sys.modules.keys())))
"""


def imported(variables: dict[str, str]) -> str:
    """Those of `HEAVY` that a fresh process has imported once the application is built, as JSON."""
    command = [sys.executable, "-c", BUILD, *HEAVY]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def start(data: Path, variables: dict[str, str]) -> tuple[float, float, float]:
    """Seconds until ready, seconds of CPU until then, and MiB resident two seconds later."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/health/ready"
    begun = time.perf_counter()
    with (data / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "skyhook", "serve"],
            env=variables | {"SKYHOOK_PORT": str(port)},
            stdout=log,
            stderr=log,
        )
    try:
        while not _is_ready(address):
            if process.poll() is not None:
                raise RuntimeError((data / "server.log").read_text())
            time.sleep(0.005)
        took, cpu = time.perf_counter() - begun, cpu_seconds(process.pid)
        time.sleep(2)
        return took, cpu, rss_mib(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)


def _is_ready(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 (our own address)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main() -> None:
    """Measures, prints a Markdown table, and fails where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        url = f"sqlite:///{data / 'skyhook.db'}"
        asyncio.run(prepare(configuration(data, url)))
        variables = os.environ | {"SKYHOOK_DATA": folder, "SKYHOOK_DATABASE_URL": url}
        heavy = imported(variables)
        starts = [start(data, variables) for _ in range(options.starts)]
    columns: Callable[[int], list[float]] = lambda at: [one[at] for one in starts]  # noqa: E731
    print(f"| of {options.starts} starts | median | least | most |\n|---|---|---|---|")
    for name, at, digits in (
        ("seconds until ready", 0, 2),
        ("CPU seconds until ready", 1, 2),
        ("MiB idle", 2, 0),
    ):
        least, most = min(columns(at)), max(columns(at))
        median = statistics.median(columns(at))
        print(f"| {name} | {median:.{digits}f} | {least:.{digits}f} | {most:.{digits}f} |")
    print(f"\nImported by the application, of {', '.join(HEAVY)}: {heavy}")
    if heavy != "[]" or statistics.median(columns(2)) > LIMIT_MIB:
        raise SystemExit(f"The server must import none of these and stay under {LIMIT_MIB} MiB when idle.")


if __name__ == "__main__":
    main()
