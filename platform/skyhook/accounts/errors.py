"""Errors of accounts."""

from skyhook.errors import SkyhookError


class EmailTaken(SkyhookError):
    """A user with this address exists."""

    code = "EMAIL_TAKEN"


class SlugTaken(SkyhookError):
    """An organization with this slug exists."""

    code = "SLUG_TAKEN"


class LastOwner(SkyhookError):
    """An organization always keeps one owner."""

    code = "LAST_OWNER"
