"""Sends letters."""

from __future__ import annotations

import asyncio
import logging
import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID

from skyhook.clock import new_id
from skyhook.configuration import write_private
from skyhook.mail.errors import MailFailed, MailRefused
from skyhook.mail.message import Letter

PATIENCE_S = 15
PORTS = {"smtp": 25, "starttls": 587, "smtps": 465}
FAILED = "The mail could not be sent. Try again in a few minutes; if it goes on, tell an operator."
REFUSED = "The mail server takes no mail for this address. Check how it is written, or use another one."

_log = logging.getLogger(__name__)


class Mail:
    """Letters through SMTP; without a server they are written to a folder, and their links logged."""

    def __init__(self, smtp_url: str | None, sender: str, folder: Path) -> None:
        self._smtp_url = smtp_url
        self._sender = sender
        self._folder = folder
        self._sending: set[asyncio.Task[None]] = set()

    async def check(self) -> None:
        """Logs in at the mail server and sends nothing. Raises MailFailed."""
        if self._smtp_url is not None:
            await self._try(None)

    async def send(self, letter: Letter, id: UUID | None = None) -> None:
        """Sends a letter; one that is sent again has the same id. Raises MailFailed, or MailRefused."""
        id = id or new_id()
        message = letter.message(self._sender, id)
        if self._smtp_url is None:
            path = self._folder / f"{id}.eml"
            await asyncio.to_thread(self._write, path, message)
            _log.info("Mail to %s: %s %s (%s)", letter.to, letter.subject, letter.link, path)
            return
        await self._try(message)

    def send_later(self, letter: Letter) -> None:
        """Sends a letter after this returns, so that nobody can tell by the time whether one is sent."""
        task = asyncio.create_task(self._send_or_log(letter))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def close(self) -> None:
        """Waits for what is being sent."""
        await asyncio.gather(*self._sending)

    async def _send_or_log(self, letter: Letter) -> None:
        try:
            await self.send(letter)
        except MailFailed:
            return  # logged where it failed

    def _write(self, path: Path, message: EmailMessage) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, message.as_string())

    async def _try(self, message: EmailMessage | None) -> None:
        try:
            await asyncio.to_thread(self._speak, message)
        except smtplib.SMTPRecipientsRefused as error:
            _log.error("Mail refused: %s", error)
            if all(code >= 500 for code, _ in error.recipients.values()):
                raise MailRefused(REFUSED) from error
            raise MailFailed(FAILED) from error
        except (OSError, smtplib.SMTPException) as error:
            _log.error("Mail failed: %s: %s", type(error).__name__, error)
            raise MailFailed(FAILED) from error

    def _speak(self, message: EmailMessage | None) -> None:
        url = urlsplit(self._smtp_url or "")
        host, port = url.hostname or "", url.port or PORTS[url.scheme]
        context = ssl.create_default_context()
        with (
            smtplib.SMTP_SSL(host, port, timeout=PATIENCE_S, context=context)
            if url.scheme == "smtps"
            else smtplib.SMTP(host, port, timeout=PATIENCE_S)
        ) as server:
            if url.scheme == "starttls":
                server.starttls(context=context)
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            if message is not None:
                server.send_message(message)
