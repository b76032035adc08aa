"""The table of live sessions: a new prompt may reach another server than the one that draws."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from skyhook.plugin import NAMING, TYPES, Identified, now


class Base(DeclarativeBase):
    """The plugin's tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = TYPES


class LiveSession(Identified, Base):
    """A session that runs; its row goes with it."""

    __tablename__ = "imagine_live_sessions"

    organization_id: Mapped[UUID] = mapped_column()
    prompt: Mapped[str] = mapped_column(Text)
    """What the next frame is made of."""
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
