"""Changes of what is installed that are made by a process of their own, since servers reload meanwhile.

Each is a folder below the data folder, which every process of this machine reads: `log.jsonl` begins with the
order and gets a line for each thing that happens; whoever decides about the proposal writes `answer`. The
process that works on it holds a lock on its log for as long as it lives.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from skyhook.accounts.audit import record_of_user
from skyhook.accounts.models import User
from skyhook.clock import now
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound
from skyhook.plugins.description import Description
from skyhook.plugins.errors import PluginRefused
from skyhook.plugins.installation.verifying import environment_of

LOG, ANSWER, OUTPUT = "log.jsonl", "answer", "output.txt"
KEPT = 20
"""How many changes can still be looked at."""
_WHEEL = re.compile(r"\w[\w.+!-]*\.whl", re.ASCII)
_ID = re.compile(r"\d{14}-[0-9a-f]{8}")
Verb: TypeAlias = Literal["install", "upgrade", "remove", "rollback", "sync"]
State: TypeAlias = Literal["working", "waiting", "applying", "done", "failed", "dropped"]


class Order(msgspec.Struct, tag="order", frozen=True):
    """What somebody asked for."""

    verb: Verb
    name: str = ""
    """Of the plugin that is upgraded or removed."""
    source: str = ""
    is_uploaded: bool = False
    """Whether the source is the name of a wheel that lies in the change's folder."""
    find_links: str = ""
    """A folder of wheels on the server, to be looked in beside the index."""
    offline: bool = False
    number: int | None = None
    """Of the generation to go back to; None for the one before the last change."""
    purge: bool = False
    """Whether what a removed plugin has stored is deleted as well."""
    made_by: str = ""
    at: datetime = msgspec.field(default_factory=now)

    def __str__(self) -> str:
        what = self.name or self.source or ("" if self.number is None else f"to {self.number}")
        return " ".join(filter(None, [self.verb, what, "and purge" if self.purge else ""]))


class Step(msgspec.Struct, tag="step", frozen=True):
    """Something that has begun."""

    text: str
    at: datetime = msgspec.field(default_factory=now)


class Proposed(msgspec.Struct, tag="proposed", frozen=True):
    """What would be changed: it waits for an answer."""

    change: str
    descriptions: tuple[Description, ...] = ()
    replaced: tuple[Description, ...] = ()
    """What those of them that are there bring now."""
    packages: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def before(self, name: str) -> Description | None:
        """What the plugin brings now, where it is there."""
        return next((one for one in self.replaced if one.name == name), None)


class Ended(msgspec.Struct, tag="ended", frozen=True):
    """Nothing comes after it."""

    outcome: Literal["done", "failed", "dropped"]
    text: str
    at: datetime = msgspec.field(default_factory=now)


Line: TypeAlias = Order | Step | Proposed | Ended


class Change:
    """A change as its folder tells of it now."""

    def __init__(self, folder: Path) -> None:
        self.id = folder.name
        self.answer = _answer(folder)
        # Looked at before it is read: what it wrote before it ended is then seen.
        is_alive = _is_held(folder / LOG)
        self.lines: Sequence[Line] = _read(folder / LOG)
        order, *events = self.lines
        assert isinstance(order, Order)
        self.order = order
        self.steps = [one for one in events if isinstance(one, Step)]
        self.proposed = next((one for one in events if isinstance(one, Proposed)), None)
        self.ended = next((one for one in events if isinstance(one, Ended)), None)
        if self.ended is None and not is_alive:
            reason = f"Its process ended before it was done: see {folder / OUTPUT} on the server."
            self.ended = Ended("failed", reason, self.steps[-1].at if self.steps else order.at)

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.ended is not None:
            return self.ended.outcome
        if self.proposed is None or self.answer == "drop":
            return "working"
        return "waiting" if self.answer is None else "applying"


class Changes:
    """The changes of one data folder that were begun here."""

    def __init__(self, configuration: Configuration, database: Database) -> None:
        self._configuration = configuration
        self._database = database
        self.root = configuration.data / "plugins" / "changes"

    async def start(self, user: User, order: Order, wheel: bytes | None = None) -> str:
        """Lets a process of its own work on it; its id.

        With the content of a wheel that was uploaded, the order's source is its file's name. Raises
        InvalidInput for another name, and for an order that cannot be.
        """
        if wheel is not None:
            order = msgspec.structs.replace(order, is_uploaded=True)
        _check(order)
        for old in sorted(self.root.glob("*"))[: 1 - KEPT]:
            if not _is_held(old / LOG):
                shutil.rmtree(old, ignore_errors=True)
        folder = self.root / f"{order.at:%Y%m%d%H%M%S}-{secrets.token_hex(4)}"
        folder.mkdir(parents=True, mode=0o700)
        if wheel is not None:
            await asyncio.to_thread((folder / order.source).write_bytes, wheel)
        async with self._database.write() as session:
            await record_of_user(session, user.id, "plugins.change_asked", change=str(order))
        self._work_on(folder, order)
        return folder.name

    def _work_on(self, folder: Path, order: Order) -> None:
        with Writer(folder) as writer, (folder / OUTPUT).open("w") as output:
            writer.write(order)
            process = subprocess.Popen(  # noqa: S603 (this program itself)
                [sys.executable, "-P", "-m", "skyhook.plugins.installation.making", folder, str(writer.file)],
                env=environment_of(self._configuration),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[writer.file],
                start_new_session=True,  # it outlives this server, which it reloads
            )
        threading.Thread(target=process.wait, daemon=True, name="plugin-change").start()

    def get(self, change_id: str) -> Change:
        """Raises NotFound."""
        return Change(self._folder(change_id))

    def latest(self) -> Sequence[Change]:
        """Those that can be looked at, the newest first."""
        folders = sorted(self.root.glob("*"), reverse=True)
        return [Change(one) for one in folders if _read(one / LOG)]

    async def answer(self, user: User, change_id: str, is_agreed: bool) -> None:
        """Lets what was proposed be applied, or drops it. Raises NotFound, or PluginRefused if too late."""
        folder = self._folder(change_id)
        change = Change(folder)
        if change.state != "waiting" or change.proposed is None:
            raise PluginRefused("This change waits for no answer any more.")
        word = "agree" if is_agreed else "drop"
        action = f"plugins.change_{'agreed' if is_agreed else 'dropped'}"
        async with self._database.write() as session:
            await record_of_user(session, user.id, action, change=change.proposed.change)
        fresh = folder / f"{ANSWER}.{secrets.token_hex(4)}"
        fresh.write_text(word)
        try:
            (folder / ANSWER).hardlink_to(fresh)  # the first answer counts
        except FileExistsError:
            raise PluginRefused("This change was answered already.") from None
        finally:
            fresh.unlink()

    def _folder(self, change_id: str) -> Path:
        folder = self.root / change_id
        if not _ID.fullmatch(change_id) or not _read(folder / LOG):
            raise NotFound("There is no such change on this machine, or it was too long ago.")
        return folder


class Writer:
    """Writes the log of a change, and holds its lock."""

    def __init__(self, folder: Path, file: int | None = None) -> None:
        self.file = os.open(folder / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if file is None else file
        self._folder = folder
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.file)  # the lock is also the one of whom the file was passed to

    def write(self, line: Line) -> None:
        """Adds a line; one that is read only in part does not count yet."""
        os.write(self.file, msgspec.json.encode(line) + b"\n")

    def answer(self) -> str | None:
        """`agree` or `drop`, once somebody has decided."""
        return _answer(self._folder)


def _check(order: Order) -> None:
    if order.is_uploaded and not _WHEEL.fullmatch(order.source):
        raise InvalidInput("Only a wheel can be uploaded: its name ends with .whl.", field="wheel")
    if order.find_links and not Path(order.find_links).is_dir():
        raise InvalidInput(f"The server has no folder {order.find_links}.", field="find_links")


def _answer(folder: Path) -> str | None:
    try:
        return (folder / ANSWER).read_text()
    except FileNotFoundError:
        return None


def _read(log: Path) -> list[Line]:
    try:
        *whole, _ = log.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    return [msgspec.json.decode(line, type=Line) for line in whole]


def _is_held(log: Path) -> bool:
    try:
        with log.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
