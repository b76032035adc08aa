"""`python -m skyhook.plugins.installation.making FOLDER FILE`: the process that works on one change.

It is given the change's folder, and its log as an open file, with the lock.
"""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from pathlib import Path

import uvloop

from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import NotFound, SkyhookError
from skyhook.plugins.installation.changes import OUTPUT, Change, Ended, Order, Proposed, Step, Writer
from skyhook.plugins.installation.proposing import Proposal
from skyhook.plugins.installation.resolving import Index
from skyhook.plugins.installation.service import Installer

ANSWER_S = 900.0
"""How long a proposal waits for an answer."""
POLL_S = 0.1


async def make(folder: Path, writer: Writer) -> None:
    """Works on a change to its end, which it writes into the log."""
    order = Change(folder).order
    configuration = Configuration.from_environment()
    database = Database(configuration.database_url)
    index = Index(Path(order.find_links) if order.find_links else None, order.offline)
    installer = Installer(configuration, database, lambda text: writer.write(Step(text)), index)
    uploaded = folder / order.source if order.is_uploaded else None
    try:
        ended = await _made(installer, order, uploaded, writer)
    except SkyhookError as error:
        ended = Ended("failed", error.message)
    except Exception:
        traceback.print_exc()
        ended = Ended("failed", f"Something unexpected went wrong: see {folder / OUTPUT} on the server.")
    finally:
        installer.close()
        await database.close()
    writer.write(ended)


async def _made(installer: Installer, order: Order, uploaded: Path | None, writer: Writer) -> Ended:
    proposal = await _proposal(installer, order, uploaded)
    if proposal is None and not order.purge:
        return Ended("done", "This machine has what is installed.")
    writer.write(_shown(proposal, order))
    answer = await _answer(writer)
    if answer is None:
        return Ended("dropped", f"Nobody agreed to it within {ANSWER_S / 60:.0f} minutes.")
    if answer != "agree":
        return Ended("dropped", "It was not agreed to: nothing was changed.")
    if proposal is not None:
        await installer.apply(proposal, order.made_by)
    if order.purge:
        for table in await installer.purge(order.name):
            writer.write(Step(f"Deleted {table}"))
    return Ended("done", f"Done: {proposal.change if proposal else f'purge {order.name}'}.")


async def _proposal(installer: Installer, order: Order, uploaded: Path | None) -> Proposal | None:
    match order.verb:
        case "install":
            return await installer.propose.install(order.source, uploaded)
        case "upgrade":
            return await installer.propose.upgrade(order.name, order.source or None, uploaded)
        case "rollback":
            return await installer.propose.rollback(order.number)
        case "sync":
            return await installer.propose.sync()
        case "remove":
            try:
                return await installer.propose.removal(order.name)
            except NotFound:
                if not order.purge:
                    raise
                return None  # it was removed before, and its data are left


def _shown(proposal: Proposal | None, order: Order) -> Proposed:
    purged = (f"Everything that {order.name} has stored is deleted.",) if order.purge else ()
    if proposal is None:
        return Proposed(f"purge {order.name}", warnings=purged)
    return Proposed(
        proposal.change,
        tuple(proposal.descriptions),
        tuple(proposal.replaced),
        tuple(f"{one.name} {one.version}" for one in proposal.packages),
        tuple(f"{one.name} {one.version}" for one in proposal.removed),
        (*purged, *proposal.warnings),
    )


async def _answer(writer: Writer) -> str | None:
    deadline = time.monotonic() + ANSWER_S
    # Looked at again and again, since another process decides.
    while (answer := writer.answer()) is None and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(POLL_S)
    return answer


if __name__ == "__main__":
    place = Path(sys.argv[1])
    with Writer(place, int(sys.argv[2])) as log, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(make(place, log))
