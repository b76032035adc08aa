"""Secrets of sessions and of links in mails: given out once, stored as hashes."""

from __future__ import annotations

import hashlib
import hmac
import secrets


class Tokens:
    """Makes tokens, and hashes them under a secret of their own."""

    def __init__(self, secret: bytes, purpose: bytes) -> None:
        self._secret = hmac.digest(secret, purpose, hashlib.sha256)

    def make(self) -> tuple[str, bytes]:
        """A new token, and what is stored of it."""
        token = secrets.token_urlsafe(32)
        return token, self.hash(token)

    def hash(self, token: str) -> bytes:
        """What is stored of a token."""
        return hmac.digest(self._secret, token.encode(), hashlib.sha256)
