"""A letter as plain text and as simple HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from html import escape
from uuid import UUID

_PAGE = (
    '<!doctype html><html lang="en"><body style="font-family: sans-serif; line-height: 1.5">'
    "{}</body></html>\n"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is written to one person."""

    to: str
    subject: str
    paragraphs: Sequence[str]
    action: str = ""
    """What the link does, such as "Choose a new password"."""
    link: str = ""

    def message(self, sender: str, id: UUID) -> EmailMessage:
        """The letter as it is sent, with this in its Message-ID."""
        message, domain = EmailMessage(), parseaddr(sender)[1].rpartition("@")[2]
        message["From"], message["To"] = sender, self.to
        message["Subject"] = " ".join(self.subject.split())
        message["Date"], message["Message-ID"] = formatdate(), f"<{id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        first, *rest = self.paragraphs
        link = [f"{self.action}:\n{self.link}"] if self.link else []
        message.set_content("\n\n".join([first, *link, *rest]) + "\n")
        button = [f'<p><a href="{escape(self.link)}">{escape(self.action)}</a></p>'] if self.link else []
        texts = [f"<p>{escape(text)}</p>" for text in self.paragraphs]
        message.add_alternative(_PAGE.format("".join([texts[0], *button, *texts[1:]])), subtype="html")
        return message
