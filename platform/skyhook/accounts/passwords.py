"""Passwords: Argon2id with the library's recommended parameters (RFC 9106)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from skyhook.errors import InvalidInput

MINIMUM_LENGTH = 10

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """The password's hash. Raises InvalidInput for one that is too short."""
    if len(password) < MINIMUM_LENGTH:
        raise InvalidInput(f"A password needs at least {MINIMUM_LENGTH} characters.", field="password")
    return _hasher.hash(password)


def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password is the one that was hashed."""
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
