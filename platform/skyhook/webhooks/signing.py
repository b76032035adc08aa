"""Secrets and signatures in the format of Standard Webhooks."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from datetime import datetime

from standardwebhooks import Webhook

_SECRET_BYTES = 32


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
