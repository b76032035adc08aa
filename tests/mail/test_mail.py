"""Letters, through a real SMTP server on a socket and into a folder."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.mail.inbox import Inbox, serve
from tests.serving import free_port

from skyhook.clock import new_id
from skyhook.mail.errors import MailFailed, MailRefused
from skyhook.mail.message import Letter
from skyhook.mail.service import Mail

LETTER = Letter(
    "anna@example.com", "Hello\r\nBcc: x@example.com", ["One & <two>"], "Open", "https://x/?a=1&b=2"
)


# The server warns that it takes passwords without TLS, which is what these tests are about.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, int]]:
    inbox, port = Inbox(), free_port()
    controller = serve(inbox, port)
    controller.start()
    yield inbox, port
    controller.stop()


def test_a_letter_has_text_and_html_and_no_header_of_its_subject() -> None:
    message = LETTER.message("Skyhook <skyhook@example.com>", new_id())
    assert message["Bcc"] is None
    assert message["Message-ID"].endswith("@example.com>")
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
    for url, cause in (
        (f"smtp://user:wrong@127.0.0.1:{inbox[1]}", smtplib.SMTPAuthenticationError),
        (f"smtp://127.0.0.1:{free_port()}", ConnectionRefusedError),
    ):
        with pytest.raises(MailFailed) as raised:
            await Mail(url, "skyhook@example.com", tmp_path).check()
        assert type(raised.value.__cause__) is cause
    assert not inbox[0].received


@pytest.mark.parametrize(
    ("answer", "error"), [("550 No such user", MailRefused), ("451 Try later", MailFailed)]
)
async def test_an_address_that_is_refused_for_good_is_told_from_one_to_try_again(
    inbox: tuple[Inbox, int], tmp_path: Path, answer: str, error: type[MailFailed]
) -> None:
    received, port = inbox
    received.refuses = answer
    with pytest.raises(MailFailed) as raised:
        await Mail(f"smtp://user:p%40ss@127.0.0.1:{port}", "skyhook@example.com", tmp_path).send(LETTER)
    assert type(raised.value) is error


async def test_without_a_server_mail_lies_in_a_folder_for_its_owner_alone(tmp_path: Path) -> None:
    mail = Mail(None, "skyhook@localhost", tmp_path / "mail")
    await mail.check()
    await mail.send(LETTER)
    (path,) = (tmp_path / "mail").iterdir()
    assert "anna@example.com" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
