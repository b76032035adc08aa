"""Whether billing can be trusted, in figures; each part fails where one of its promises does not hold.

python -m benchmarks.trust reconciliation [--events 1000000] [--sqlite]
python -m benchmarks.trust killing [--runs 200] [--sqlite] [--servers 2] [--seed 1] [--log FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.throwaway_postgresql import postgresql
from benchmarks.trust import killing, reconciling
from benchmarks.trust.fleet import fleet
from tests.stripe.server import StandIn


@contextmanager
def database(*, sqlite: bool) -> Iterator[tuple[Path, str]]:
    """A folder for data, and the URL of an empty database."""
    with tempfile.TemporaryDirectory(prefix="skyhook-trust-") as name:
        folder = Path(name)
        if sqlite:
            yield folder, f"sqlite:///{folder / 'skyhook.db'}"
        else:
            with postgresql() as url:
                yield folder, url


def kill(options: argparse.Namespace) -> None:
    """The part `killing`."""
    name = "SQLite" if options.sqlite else "PostgreSQL"
    servers = 1 if options.sqlite else options.servers
    print("| database | runs | killed | while starting | answers | streams | jobs | sent again "
          "| of these charged before | problems |\n|---|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    with database(sqlite=options.sqlite) as (folder, url), fleet(folder, url, servers) as running:
        work = killing.kill_over_and_over(running, options.runs, options.seed, options.log)
        killing.report(name, *asyncio.run(work))


def reconcile(options: argparse.Namespace) -> None:
    """The part `reconciliation`."""
    with StandIn() as stand_in, database(sqlite=options.sqlite) as (folder, url):
        reconciling.measure(folder, url, stand_in, options.events)


def main() -> None:
    """Runs a part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(required=True)
    part = parts.add_parser("reconciliation")
    part.set_defaults(run=reconcile)
    part.add_argument("--events", type=int, default=1_000_000)
    part.add_argument("--sqlite", action="store_true")
    part = parts.add_parser("killing")
    part.set_defaults(run=kill)
    part.add_argument("--runs", type=int, default=200)
    part.add_argument("--servers", type=int, default=2)
    part.add_argument("--seed", type=int, default=1)
    part.add_argument("--log", type=Path, default=Path("killing.jsonl"))
    part.add_argument("--sqlite", action="store_true")
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
