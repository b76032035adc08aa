"""Letters, through a real SMTP server on a socket and into a folder."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import AuthResult
from tests.serving import free_port

from skyhook.mail.errors import MailFailed
from skyhook.mail.message import Letter
from skyhook.mail.service import Mail

LETTER = Letter(
    "anna@example.com", "Hello\r\nBcc: x@example.com", ["One & <two>"], "Open", "https://x/?a=1&b=2"
)


class Inbox(Message):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__(EmailMessage)
        self.received: list[EmailMessage] = []

    def handle_message(self, message: EmailMessage) -> None:
        self.received.append(email.message_from_bytes(message.as_bytes(), policy=email.policy.default))


# The server warns that it takes passwords without TLS, which is what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    inbox, port = Inbox(), free_port()

    def authenticate(
        server: object, session: object, envelope: object, mechanism: str, data: object
    ) -> object:
        return AuthResult(success=getattr(data, "password", b"") == b"p@ss")

    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=port,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    yield inbox, port
    controller.stop()


def test_a_letter_has_text_and_html_and_no_header_of_its_subject() -> None:
    message = LETTER.message("skyhook@example.com")
    assert message["Bcc"] is None
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "One & <two>" in text.get_content()
    assert "https://x/?a=1&b=2" in text.get_content()
    assert "One &amp; &lt;two&gt;" in html.get_content()


async def test_mail_goes_through_smtp_with_user_and_password(
    inbox: tuple[Inbox, int], tmp_path: Path
) -> None:
    received, port = inbox
    mail = Mail(f"smtp://user:p%40ss@127.0.0.1:{port}", "skyhook@example.com", tmp_path)
    await mail.send(LETTER)
    mail.send_later(LETTER)
    await mail.close()
    assert [message["To"] for message in received.received] == ["anna@example.com"] * 2
    assert not list(tmp_path.glob("*"))  # noqa: ASYNC240


async def test_a_wrong_password_and_a_server_that_is_away_are_told_before_anything_is_sent(
    inbox: tuple[Inbox, int], tmp_path: Path
) -> None:
    for url in (f"smtp://user:wrong@127.0.0.1:{inbox[1]}", f"smtp://127.0.0.1:{free_port()}"):
        with pytest.raises(MailFailed):
            await Mail(url, "skyhook@example.com", tmp_path).check()
    assert not inbox[0].received


async def test_without_a_server_mail_lies_in_a_folder_for_its_owner_alone(tmp_path: Path) -> None:
    mail = Mail(None, "skyhook@localhost", tmp_path / "mail")
    await mail.check()
    await mail.send(LETTER)
    (path,) = (tmp_path / "mail").iterdir()
    assert "anna@example.com" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
