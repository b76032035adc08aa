"""Secrets and signatures in the format of Standard Webhooks."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from standardwebhooks import Webhook

_SECRET_BYTES = 32
_NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """A stored secret was encrypted under another instance's secret."""


class SecretStore:
    """Encrypts endpoints' secrets, which no hash can stand for, under a key derived from the instance's."""

    def __init__(self, instance_secret: bytes) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=b"skyhook webhook secrets").derive(instance_secret)
        self._cipher = AESGCM(derived)

    def encrypt(self, secret: str, endpoint_id: UUID) -> bytes:
        """The secret as it is stored; only for this endpoint."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), endpoint_id.bytes)

    def decrypt(self, encrypted: bytes, endpoint_id: UUID) -> str:
        """The secret of a stored one. Raises SecretUnreadable."""
        try:
            plain = self._cipher.decrypt(
                encrypted[:_NONCE_BYTES], encrypted[_NONCE_BYTES:], endpoint_id.bytes
            )
        except InvalidTag as error:
            raise SecretUnreadable from error
        return plain.decode()


def new_secret() -> str:
    """A secret as its owner gets it: `whsec_` and 32 random bytes in base64."""
    return f"whsec_{base64.b64encode(os.urandom(_SECRET_BYTES)).decode()}"


def signed_headers(secrets: Iterable[str], webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of Standard Webhooks, with a signature by each secret."""
    text = body.decode()
    at = at.replace(microsecond=0)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(webhook_id, at, text) for secret in secrets),
    }
