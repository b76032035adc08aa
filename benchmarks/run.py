"""Runs every benchmark that needs nothing but this environment, and prints one Markdown summary.

    python benchmarks/run.py [--quick]

LiteLLM is measured as well where LITELLM names its command, and PostgreSQL where its programs are installed.
It takes about five minutes, with --quick one and a half.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A script and how it is run."""

    title: str
    script: str
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] = ()
    """The arguments under --quick."""
    is_markdown: bool = False
    programs: tuple[str, ...] = ()
    """What must be installed."""


def benchmarks() -> list[Benchmark]:
    """What is run here, in order."""
    postgresql = ("--postgresql",) if any(Path("/usr/lib/postgresql").glob("*/bin/initdb")) else ()
    return [
        Benchmark("Start-up", "startup.py", (), ("--starts", "3"), is_markdown=True),
        Benchmark(
            "Whole calls",
            "calls.py",
            postgresql,
            ("--rounds", "2", "--seconds", "1"),
            is_markdown=True,
            programs=("wrk",),
        ),
        Benchmark(
            "GraphQL over HTTP",
            "graphql_handler.py",
            (),
            ("--rounds", "2", "--seconds", "1"),
            programs=("wrk",),
        ),
        Benchmark("Settlement", "settlement.py"),
        Benchmark(
            "Transfers of money",
            "money.py",
            postgresql,
            (*postgresql, "--rounds", "1", "--seconds", "1"),
            is_markdown=True,
        ),
        Benchmark("Calls of functions", "compute_calls.py", ("--uvloop",), ("--uvloop", "--calls", "4000")),
    ]


def machine() -> str:
    """The processor, its cores, and how busy they are."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    return f"{model}, {os.cpu_count()} cores, load {load}, Python {platform.python_version()}"


def run(benchmark: Benchmark, *, quick: bool) -> bool:
    """Runs one and prints what it says; whether it succeeded."""
    print(f"\n## {benchmark.title}\n", flush=True)
    if missing := [program for program in benchmark.programs if shutil.which(program) is None]:
        print(f"Not measured: apt-get install {' '.join(missing)}")
        return True
    arguments = benchmark.quick if quick else benchmark.arguments
    command = [sys.executable, str(HERE / benchmark.script), *arguments]
    print(f"`python benchmarks/{' '.join([benchmark.script, *arguments])}`\n", flush=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    text = done.stdout.strip()
    print(text if benchmark.is_markdown else f"```\n{text}\n```")
    if done.returncode:
        print(f"\nIt failed:\n```\n{done.stderr.strip()[-2000:]}\n```")
    return done.returncode == 0


def main() -> None:
    """Runs all; fails where one of them did."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="shorter and fewer rounds")
    options = parser.parse_args()
    print(f"# Benchmarks of {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC\n\n{machine()}")
    results = [run(benchmark, quick=options.quick) for benchmark in benchmarks()]
    print(f"\nAfter them: {machine()}")
    raise SystemExit(not all(results))


if __name__ == "__main__":
    main()
