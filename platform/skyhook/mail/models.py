"""The table of letters that wait for the mail server."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.database import Base, Identified


class MailLetter(Identified, Base):
    """A letter, until the mail server has taken it or it is given up."""

    __tablename__ = "mail_letters"

    to: Mapped[str] = mapped_column(String(320))
    subject: Mapped[str] = mapped_column(String(500))
    paragraphs: Mapped[list[str]] = mapped_column(JSON)
    action: Mapped[str] = mapped_column(String(100))
    link: Mapped[str] = mapped_column(String(1000))
    attempts: Mapped[int] = mapped_column(default=0)
    """Begun so far."""
    due_at: Mapped[datetime] = mapped_column(index=True)
    """When to try next. Who sends it moves this on first, so that no other process sends it as well."""
