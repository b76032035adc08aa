"""The request that is being served, for what is written down about it on the way."""

from contextvars import ContextVar

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""As the caller is told it; of a job, the job's id."""
