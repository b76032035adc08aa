"""Encrypts what must be read again, which no hash can stand for, under a key derived from the instance's."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """A stored secret was encrypted under another instance's secret."""


class SecretStore:
    """Encrypts secrets of one purpose."""

    def __init__(self, instance_secret: bytes, purpose: bytes) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=purpose).derive(instance_secret)
        self._cipher = AESGCM(derived)

    def encrypt(self, secret: str, place: bytes) -> bytes:
        """The secret as it is stored; it can be read in this place only."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), place)

    def decrypt(self, encrypted: bytes, place: bytes) -> str:
        """The secret of a stored one. Raises SecretUnreadable."""
        try:
            plain = self._cipher.decrypt(encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], place)
        except InvalidTag as error:
            raise SecretUnreadable from error
        return plain.decode()
