"""Challenges that passkeys answer: of this instance, for one purpose, not too old, and answered once."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts.errors import PasskeyTooLate
from skyhook.accounts.models import UsedChallenge
from skyhook.clock import now

ANSWERED_WITHIN = timedelta(minutes=5)
_TIME, _RANDOM = 8, 16
"""The bytes of a challenge: when it ends, what makes it one of a kind, and a signature of both."""


class Challenges:
    """Signed instead of stored: somebody who is not logged in can ask for many, and none is written."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hmac.digest(secret, b"challenges", hashlib.sha256)

    def make(self, purpose: str) -> bytes:
        """A new challenge."""
        ends_at = int((now() + ANSWERED_WITHIN).timestamp())
        body = ends_at.to_bytes(_TIME) + secrets.token_bytes(_RANDOM)
        return body + self._sign(purpose, body)

    async def use(self, session: AsyncSession, purpose: str, challenge: bytes) -> None:
        """Notes within the unit of work that a challenge is answered. Raises PasskeyTooLate."""
        body, signature = challenge[: _TIME + _RANDOM], challenge[_TIME + _RANDOM :]
        ends_at = datetime.fromtimestamp(0, UTC)
        if hmac.compare_digest(signature, self._sign(purpose, body)):
            ends_at = datetime.fromtimestamp(int.from_bytes(body[:_TIME]), UTC)
        if ends_at <= now():
            raise PasskeyTooLate("This took too long. Try once more.")
        await session.execute(delete(UsedChallenge).where(UsedChallenge.expires_at <= now()))
        session.add(UsedChallenge(challenge=challenge, expires_at=ends_at))
        try:
            await session.flush()
        except IntegrityError as error:
            raise PasskeyTooLate("This was sent before. Try once more.") from error

    def _sign(self, purpose: str, body: bytes) -> bytes:
        return hmac.digest(self._secret, purpose.encode() + b"\0" + body, hashlib.sha256)
