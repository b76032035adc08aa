"""The tables: tasks, their steps, and what people who have taken a task over want to be done."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from skyhook.plugin import NAMING, TYPES, Identified, now


class Base(DeclarativeBase):
    """The plugin's tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = TYPES


class StoredTask(Identified, Base):
    """A task; it has the id of its job, which knows how far it is."""

    __tablename__ = "macrohard_tasks"
    __table_args__ = (Index("ix_macrohard_tasks_newest", "organization_id", "created_at", "id"),)

    organization_id: Mapped[UUID] = mapped_column()
    goal: Mapped[str] = mapped_column(Text)
    url: Mapped[str] = mapped_column(Text)
    sites: Mapped[list[str]] = mapped_column(JSON)
    model: Mapped[str | None] = mapped_column(String(120))
    most_steps: Mapped[int] = mapped_column()
    seconds: Mapped[int] = mapped_column()
    controller: Mapped[str] = mapped_column(String(10), default="agent")
    """Who decides on the next step: "agent" or "person"; the running job looks here."""
    has_ended: Mapped[bool] = mapped_column(default=False)
    """Whether no job runs it any more."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    kept_until: Mapped[datetime | None] = mapped_column(index=True)
    """When it is deleted with its steps; None while it runs."""


class StoredStep(Identified, Base):
    """One step: what was seen, what was decided and why, and how it went."""

    __tablename__ = "macrohard_steps"
    __table_args__ = (Index("ix_macrohard_steps_order", "task_id", "number", "id"),)

    task_id: Mapped[UUID] = mapped_column(ForeignKey("macrohard_tasks.id", ondelete="CASCADE"))
    organization_id: Mapped[UUID] = mapped_column()
    number: Mapped[int] = mapped_column()
    by: Mapped[str] = mapped_column(String(10))
    url: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    snapshot: Mapped[str] = mapped_column(Text)
    screenshot_id: Mapped[UUID] = mapped_column()
    """An artifact of the job."""
    notes: Mapped[list[str]] = mapped_column(JSON)
    action: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    target: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    code: Mapped[str | None] = mapped_column(String(60))
    message: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column()
    ended_at: Mapped[datetime] = mapped_column()


class PersonsAction(Identified, Base):
    """What a person wants to be done; the running job does it."""

    __tablename__ = "macrohard_persons_actions"
    __table_args__ = (Index("ix_macrohard_persons_actions_order", "task_id", "created_at", "id"),)

    task_id: Mapped[UUID] = mapped_column(ForeignKey("macrohard_tasks.id", ondelete="CASCADE"))
    action: Mapped[dict[str, Any]] = mapped_column(JSON)
    step_id: Mapped[UUID | None] = mapped_column()
    """The step that did it; None until then."""
    created_at: Mapped[datetime] = mapped_column(default=now)
