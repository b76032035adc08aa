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
from benchmarks.trust import hammering, killing, reconciling, retrying, storming
from benchmarks.trust.fleet import Fleet, fleet
from tests.stripe.server import SECRET_KEY, StandIn


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


def hammer(options: argparse.Namespace) -> None:
    """The part `hammering`."""
    with database(sqlite=False) as (folder, url), fleet(folder, url, options.servers) as running:
        tally, problems = asyncio.run(hammering.hammer(running, options.seconds, options.seed))
        print(
            f"{options.servers} servers: {sum(tally.served.values()):,} calls served "
            f"({min(tally.served.values()):,} to {max(tally.served.values()):,} by a server), "
            f"{sum(tally.refused.values()):,} refused; ${tally.charged / 1e9:.3f} spent. In "
            f"{tally.samples:,} samples of the ledger at least ${tally.least / 1e9:.3f} was available."
        )
        conclude(running, problems)


def retry(options: argparse.Namespace) -> None:
    """The part `retrying`."""
    with database(sqlite=False) as (folder, url), fleet(folder, url, options.servers) as running:
        seen, problems = asyncio.run(retrying.retry(running, options.keys, options.seed))
        print(
            f"{options.servers} servers: {len(seen.answers):,} keys in {seen.sent:,} requests, of which "
            f"{seen.cut:,} were cut off; {sum(map(len, seen.answers.values())):,} different answers."
        )
        conclude(running, problems)


def storm(options: argparse.Namespace) -> None:
    """The part `storming`."""
    cards = {"STRIPE_SECRET_KEY": SECRET_KEY, "STRIPE_WEBHOOK_SECRET": storming.SECRET}
    with StandIn() as stand_in, database(sqlite=False) as (folder, url):
        environment = cards | {"STRIPE_API_URL": stand_in.address}
        with fleet(folder, url, options.servers, environment) as running:
            told, problems = asyncio.run(storming.storm(running, options.events, options.seed))
            print(f"{options.servers} servers: {told}.")
            if problems:
                raise RuntimeError("\n".join(problems))


def conclude(running: Fleet, problems: list[str]) -> None:
    """Lets the command have its say too. Raises RuntimeError where something is wrong."""
    print(running.reconcile())
    if problems:
        raise RuntimeError("\n".join(problems))


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
    part = parts.add_parser("hammering")
    part.set_defaults(run=hammer)
    part.add_argument("--servers", type=int, default=8)
    part.add_argument("--seconds", type=float, default=60)
    part.add_argument("--seed", type=int, default=1)
    part = parts.add_parser("retrying")
    part.set_defaults(run=retry)
    part.add_argument("--servers", type=int, default=4)
    part.add_argument("--keys", type=int, default=10_000)
    part.add_argument("--seed", type=int, default=1)
    part = parts.add_parser("storming")
    part.set_defaults(run=storm)
    part.add_argument("--servers", type=int, default=4)
    part.add_argument("--events", type=int, default=5_000)
    part.add_argument("--seed", type=int, default=1)
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
