"""Letters that must arrive: written with what they tell of, and tried until the mail server takes them.

A letter is committed in the unit of work that makes it true, so neither a killed process nor a mail server
that is away loses it. One whose process dies after the mail server took it goes out again, with the same
Message-ID.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook import clock as clocks
from skyhook.database import Database
from skyhook.mail.errors import MailFailed, MailRefused
from skyhook.mail.message import Letter
from skyhook.mail.models import MailLetter
from skyhook.mail.service import Mail
from skyhook.retries import next_attempt
from skyhook.rounds import Rounds

EVERY_S = 30.0
AT_ONCE = 8
CLAIM = timedelta(minutes=2)
"""How long a letter is its sender's alone; the mail server is given far less."""

_log = logging.getLogger(__name__)


class Post(Rounds):
    """The letters of an instance; each of its server processes sends some of them."""

    def __init__(self, database: Database, mail: Mail, *, clock: Callable[[], datetime] = clocks.now) -> None:
        super().__init__(EVERY_S, _log, "letters cannot be sent now")
        self._database = database
        self._mail = mail
        self._clock = clock

    def add(self, session: AsyncSession, letters: Iterable[Letter]) -> None:
        """Writes letters down, to be sent once this unit of work is committed."""
        session.add_all(
            MailLetter(
                to=letter.to,
                subject=letter.subject[:500],
                paragraphs=list(letter.paragraphs),
                action=letter.action,
                link=letter.link,
                due_at=self._clock(),
            )
            for letter in letters
        )

    async def round(self) -> None:
        """Tries each letter that is due, once."""
        while rows := await self._claim():
            await asyncio.gather(*(self._send(row) for row in rows))

    async def _claim(self) -> Sequence[MailLetter]:
        at = self._clock()
        query = select(MailLetter).where(MailLetter.due_at <= at).order_by(MailLetter.due_at).limit(AT_ONCE)
        async with self._database.write() as session:
            rows = (await session.scalars(query.with_for_update(skip_locked=True))).all()
            for row in rows:
                row.due_at, row.attempts = at + CLAIM, row.attempts + 1
        return rows

    async def _send(self, row: MailLetter) -> None:
        letter = Letter(row.to, row.subject, row.paragraphs, row.action, row.link)
        due_at = None
        try:
            await self._mail.send(letter, row.id)
        except MailRefused:
            _log.error("The letter %r to %s is given up: its address is refused.", row.subject, row.to)
        except MailFailed:
            due_at = next_attempt(row.attempts, self._clock())
            if due_at is None:
                _log.error(
                    "The letter %r to %s is given up after %d tries.", row.subject, row.to, row.attempts
                )
        async with self._database.write() as session:
            kept = await session.get(MailLetter, row.id, with_for_update=True)
            if kept is None or kept.attempts != row.attempts:
                return  # the claim ran out, and another process has it
            if due_at is None:
                await session.delete(kept)
            else:
                kept.due_at = due_at

    async def look(self) -> float:
        """A round."""
        await self.round()
        async with self._database.read() as session:
            due_at = await session.scalar(select(func.min(MailLetter.due_at)))
        return EVERY_S if due_at is None else max(0.0, min(EVERY_S, (due_at - self._clock()).total_seconds()))
