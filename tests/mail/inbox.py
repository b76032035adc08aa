"""A real SMTP server on a socket, which takes what it is told to take."""

from __future__ import annotations

import email
import email.policy
import threading
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


class Inbox(Message):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__(EmailMessage)
        self.received: list[EmailMessage] = []
        self.arrived = threading.Event()
        self.refuses: str | None = None
        """What each recipient is answered with, instead of being taken."""

    def handle_message(self, message: EmailMessage) -> None:
        self.received.append(email.message_from_bytes(message.as_bytes(), policy=email.policy.default))
        self.arrived.set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuses is not None:
            return self.refuses
        envelope.rcpt_tos.append(address)
        return "250 OK"


def serve(inbox: Inbox, port: int) -> Controller:
    """An SMTP server with the password `p@ss`, to be started and stopped."""

    def authenticate(
        server: object, session: object, envelope: object, mechanism: str, data: object
    ) -> object:
        is_right = getattr(data, "password", b"") == b"p@ss"
        return AuthResult(success=is_right, handled=is_right)  # the server itself says what is wrong

    return Controller(
        inbox,
        hostname="127.0.0.1",
        port=port,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
