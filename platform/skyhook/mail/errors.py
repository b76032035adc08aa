"""Errors of mail."""

from skyhook.errors import SkyhookError


class MailFailed(SkyhookError):
    """No mail can be sent now."""

    code = "MAIL_FAILED"
    status = 503
    retryable = True
