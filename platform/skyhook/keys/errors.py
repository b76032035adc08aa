"""Errors of API keys."""

from skyhook.errors import SkyhookError, Unauthenticated


class KeyInvalid(Unauthenticated):
    """The key is malformed, or no such key exists."""

    code = "KEY_INVALID"


class KeyExpired(Unauthenticated):
    """The key was valid until a time that has passed."""

    code = "KEY_EXPIRED"


class KeyRevoked(Unauthenticated):
    """The key was revoked."""

    code = "KEY_REVOKED"


class KeyAddressDenied(SkyhookError):
    """The key has an allow-list that the caller's address is not on."""

    code = "KEY_ADDRESS_DENIED"
    status = 403


class KeyExceedsCreator(SkyhookError):
    """A key was to be made that may do more than the key that makes it."""

    code = "KEY_EXCEEDS_CREATOR"
    status = 403


class RateLimited(SkyhookError):
    """The key's rate limit for this minute is used up."""

    code = "RATE_LIMITED"
    status = 429
    retryable = True
