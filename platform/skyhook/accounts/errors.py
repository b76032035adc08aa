"""Errors of accounts."""

from skyhook.errors import Forbidden, SkyhookError


class EmailTaken(SkyhookError):
    """A user with this address exists."""

    code = "EMAIL_TAKEN"


class SlugTaken(SkyhookError):
    """An organization with this slug exists."""

    code = "SLUG_TAKEN"


class LoginFailed(SkyhookError):
    """The e-mail address and the password do not belong together; which of them is wrong is not said."""

    code = "LOGIN_FAILED"
    status = 401


class LoginThrottled(SkyhookError):
    """Too many logins were refused for this e-mail address, or from this network address."""

    code = "LOGIN_THROTTLED"
    status = 429
    retryable = True


class AdministratorNeeded(Forbidden):
    """Only an administrator of the instance may do this."""

    code = "ADMINISTRATOR_NEEDED"


class LastOwner(SkyhookError):
    """An organization always keeps one owner."""

    code = "LAST_OWNER"
