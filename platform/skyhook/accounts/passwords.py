"""Passwords: Argon2id with the library's recommended parameters (RFC 9106)."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from skyhook.errors import InvalidInput

MINIMUM_LENGTH = 10
MAXIMUM_LENGTH = 1000

_hasher = PasswordHasher()


def check_password(password: str) -> None:
    """Raises InvalidInput for a password that is too short, or too long to be one."""
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        raise InvalidInput(
            f"A password needs at least {MINIMUM_LENGTH} characters, and at most {MAXIMUM_LENGTH}.",
            field="password",
        )


def hash_password(password: str) -> str:
    """The password's hash. Raises InvalidInput as `check_password` does."""
    check_password(password)
    return _hasher.hash(password)


@cache
def _nobody() -> str:
    return _hasher.hash("nobody's password")


def verify_password(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one that was hashed; takes as long where there is no hash."""
    try:
        return _hasher.verify(password_hash or _nobody(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False
