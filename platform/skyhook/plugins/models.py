"""Tables about plugins: what is installed, switched off and set, and what went wrong in them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base


class DisabledPlugin(Base):
    """A plugin that an organization has switched off; it has no row while it is on."""

    __tablename__ = "disabled_plugins"

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    plugin: Mapped[str] = mapped_column(String(40), primary_key=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    disabled_at: Mapped[datetime] = mapped_column(default=now)


class PluginSetting(Base):
    """A plugin's setting as an instance administrator saved it; it has no row where it has its default."""

    __tablename__ = "plugin_settings"

    plugin: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)
    """As JSON; a secret's is encrypted."""
    changed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    changed_at: Mapped[datetime] = mapped_column(default=now)


class PluginGeneration(Base):
    """What was installed beside the server's own packages, each time that it changed; the last one counts."""

    __tablename__ = "plugin_generations"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """From 1, without gaps: of two changes that begin from the same generation one is refused."""
    change: Mapped[str] = mapped_column(String(200))
    """Such as `install greeting 0.1.0`."""
    content: Mapped[bytes] = mapped_column(LargeBinary)
    """The plugins and every package with its version and hashes, as JSON."""
    made_by: Mapped[str] = mapped_column(String(320))
    made_at: Mapped[datetime] = mapped_column(default=now)


class PluginWheel(Base):
    """A wheel that came from no index, so that other machines can install it, too."""

    __tablename__ = "plugin_wheels"

    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)


class PluginFailure(Base):
    """One kind of failure of an operation, for a day after it was last seen."""

    __tablename__ = "plugin_failures"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    operation: Mapped[str] = mapped_column(String(80), primary_key=True)
    """Or the address of a route."""
    code: Mapped[str] = mapped_column(String(60), primary_key=True)
    plugin: Mapped[str] = mapped_column(String(40), index=True)
    message: Mapped[str] = mapped_column(String(500), default="")
    """What the last caller was told."""
    request_id: Mapped[str] = mapped_column(String(200), default="")
    """Of the last request, or the id of the job."""
    count: Mapped[int] = mapped_column(default=0)
    first_at: Mapped[datetime] = mapped_column()
    last_at: Mapped[datetime] = mapped_column(index=True)
