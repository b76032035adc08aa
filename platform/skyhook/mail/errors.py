"""Errors of mail."""

from skyhook.errors import SkyhookError


class MailFailed(SkyhookError):
    """No mail can be sent now."""

    code = "MAIL_FAILED"
    status = 503
    retryable = True


class MailRefused(MailFailed):
    """The mail server will never take mail for this address."""

    code = "MAIL_REFUSED"
    status = 400
    retryable = False
