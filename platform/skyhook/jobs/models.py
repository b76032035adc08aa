"""Tables of jobs, of the batches that they are submitted in, and of the processes that run them."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base, Identified


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """It ended, and what it made was kept as long as it was to be."""


ENDED = (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED)


class JobPriority(IntEnum):
    """Which of an organization's waiting jobs go first; smaller is sooner."""

    HIGH = 1
    NORMAL = 5
    LOW = 9


class JobBatch(Identified, Base):
    """Jobs that are looked at, and cancelled, together."""

    __tablename__ = "job_batches"
    __table_args__ = (Index("ix_job_batches_newest", "organization_id", "created_at", "id"),)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Job(Identified, Base):
    """One operation on its way. Its row is the truth; the workflow that runs it bears its id."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint("progress >= 0 AND progress <= 1", name="progress"),
        CheckConstraint("cost >= 0 AND cost <= held", name="cost"),
        CheckConstraint(
            "state IN ('queued', 'running', 'completed', 'failed', 'cancelled', 'expired')", name="state"
        ),
        Index("ix_jobs_newest", "organization_id", "created_at", "id"),
        Index("ix_jobs_state", "organization_id", "state", "created_at", "id"),
        Index("ix_jobs_operation", "organization_id", "operation", "created_at", "id"),
        Index("ix_jobs_batch", "batch_id"),
        Index(
            "ix_jobs_waiting",
            *("organization_id", "priority", "created_at"),
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
        Index("ix_jobs_kept_until", "kept_until"),
        Index(
            "uq_jobs_idempotency_key",
            *("organization_id", "idempotency_key"),
            unique=True,
            sqlite_where=text("idempotency_key IS NOT NULL"),
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    key_id: Mapped[UUID | None] = mapped_column()
    user_id: Mapped[UUID | None] = mapped_column()
    plugin: Mapped[str] = mapped_column(String(40))
    operation: Mapped[str] = mapped_column(String(80))
    model: Mapped[str | None] = mapped_column(String(120))
    batch_id: Mapped[UUID | None] = mapped_column(ForeignKey("job_batches.id"))
    retry_of: Mapped[UUID | None] = mapped_column()
    """The failed or cancelled job that this one repeats."""
    idempotency_key: Mapped[str | None] = mapped_column(String(270))
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(64), default=b"")

    state: Mapped[str] = mapped_column(String(10), default=JobState.QUEUED)
    priority: Mapped[int] = mapped_column(default=JobPriority.NORMAL)
    request: Mapped[bytes] = mapped_column(LargeBinary)
    """What was asked for, as JSON."""
    result: Mapped[bytes | None] = mapped_column(LargeBinary)
    error_code: Mapped[str | None] = mapped_column(String(60))
    error_message: Mapped[str | None] = mapped_column(Text)
    error_retryable: Mapped[bool] = mapped_column(default=False)

    progress: Mapped[float] = mapped_column(default=0.0)
    stage: Mapped[str] = mapped_column(String(200), default="")
    preview: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """A small JPEG."""
    version: Mapped[int] = mapped_column(default=1)
    """Grows with every change that a watcher sees."""

    at_most: Mapped[dict[str, int]] = mapped_column(JSON)
    """The most of each meter: what is held is its price."""
    held: Mapped[int] = mapped_column(default=0)
    """In nano-dollars; set aside in the ledger until the job ends."""
    holds: Mapped[list[list[str]]] = mapped_column(JSON)
    """The ledger's holds, each with the account that it is captured into."""
    cost: Mapped[int] = mapped_column(default=0)
    """In nano-dollars: what was charged, or would be if the job were cancelled now."""
    quantities: Mapped[dict[str, int]] = mapped_column(JSON)
    """What was served so far, by meter."""

    run_id: Mapped[UUID | None] = mapped_column()
    """The run that may write here: an earlier one that still lives in a hanging process may not."""
    runs: Mapped[int] = mapped_column(default=0)
    """How often it was begun: more than once after a crash."""
    cancel_requested_at: Mapped[datetime | None] = mapped_column()
    deadline_at: Mapped[datetime | None] = mapped_column()
    """When it is cancelled if it has not ended."""
    keep_s: Mapped[int] = mapped_column()
    """How long after its end the result is kept, in seconds."""
    kept_until: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None] = mapped_column()
    ended_at: Mapped[datetime | None] = mapped_column()


class JobCall(Base):
    """A call that a running job has begun where it goes on without this process, such as on Modal."""

    __tablename__ = "job_calls"

    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The same for the same call of the same step, whichever run of the job asks."""
    token: Mapped[str] = mapped_column(String(32), server_default="")
    """What it is begun with: of all calls that are, one runs."""
    call_id: Mapped[str] = mapped_column(String(100))
    """The backend's name of it; empty until the backend has said that it was begun."""


class JobProcess(Base):
    """A server process that runs jobs. What a silent one ran is run by the others."""

    __tablename__ = "job_processes"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime] = mapped_column()
