"""How a presented key becomes a caller, without a database trip for each request."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.clock import now
from skyhook.database import Database
from skyhook.keys import format
from skyhook.keys.errors import KeyAddressDenied, KeyExpired, KeyInvalid, KeyRevoked
from skyhook.keys.models import Key
from skyhook.operations.caller import Caller
from skyhook.plugins.switches import disabled_plugins

CACHED_S = 5.0
"""How long another process may still accept a key after it was revoked, in seconds."""
CACHED_KEYS = 10_000
FLUSH_S = 5.0


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered of a key."""

    secret_hash: bytes
    caller: Caller
    revoked_at: datetime | None
    networks: tuple[IPv4Network | IPv6Network, ...]
    read_at: float


class Authentication:
    """Authenticates keys; remembers them for seconds and collects when each was last used."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._secret = secret
        self._known: dict[str, _Known] = {}
        self._used: dict[UUID, datetime] = {}
        self._flusher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to write down, every few seconds, when keys were last used."""
        self._flusher = asyncio.create_task(self._flush_forever())

    async def close(self) -> None:
        """Writes down what is left to write."""
        if self._flusher is not None:
            self._flusher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flusher
        await self.flush()

    async def authenticate(self, authorization: str | None, client_address: str) -> Caller | None:
        """The caller behind an `Authorization` header, or None without one.

        Raises KeyInvalid, KeyExpired, KeyRevoked or KeyAddressDenied.
        """
        if authorization is None:
            return None
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise KeyInvalid("Send the key as `Authorization: Bearer sk_live_...`.")
        text = text.strip()
        public_id = format.public_id(text)
        known = self._known.get(public_id)
        if known is None or time.monotonic() - known.read_at > CACHED_S:
            known = await self._read(public_id)
        if known is None or not hmac.compare_digest(known.secret_hash, format.hash_key(self._secret, text)):
            raise KeyInvalid("There is no such key. Create one with keyCreate.")
        _check_usable(known)
        if known.networks and not _allowed(client_address, known.networks):
            raise KeyAddressDenied(f"This key may not be used from {client_address}.")
        caller = known.caller
        self._used[caller.key_id] = now()  # type: ignore[index]
        return caller

    async def caller_of(self, key_id: UUID) -> Caller:
        """The caller behind a key that was presented before, as it is now. Raises KeyRevoked, KeyExpired."""
        async with self._database.read() as session:
            key = await session.get(Key, key_id)
            if key is None:
                raise KeyInvalid("There is no such key any more.")
            known = await _remember(session, key)
        _check_usable(known)
        return known.caller

    def forget_organization(self, organization_id: UUID) -> None:
        """Forgets the keys of an organization for which a plugin was switched off or on."""
        for public_id, known in list(self._known.items()):
            if known.caller.organization_id == organization_id:
                del self._known[public_id]

    def forget(self, public_id: str) -> None:
        """Forgets a key that was changed, so that its next use reads it anew."""
        self._known.pop(public_id, None)

    async def flush(self) -> None:
        """Writes down when keys were last used."""
        used, self._used = self._used, {}
        if not used:
            return
        async with self._database.write() as session:
            for key_id, at in used.items():
                await session.execute(update(Key).where(Key.id == key_id).values(last_used_at=at))

    async def _read(self, public_id: str) -> _Known | None:
        async with self._database.read() as session:
            key = await session.scalar(select(Key).where(Key.public_id == public_id))
            if key is None:
                return None
            known = await _remember(session, key)
        if len(self._known) >= CACHED_KEYS:
            self._known.clear()
        self._known[public_id] = known
        return known

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            await self.flush()


async def _remember(session: AsyncSession, key: Key) -> _Known:
    read_at = time.monotonic()
    disabled = await disabled_plugins(session, [key.organization_id])
    caller = Caller(
        organization_id=key.organization_id,
        user_id=key.created_by_id,
        key_id=key.id,
        scopes=frozenset(key.scopes),
        limits_key_id=key.limits_key_id,
        rate_limit_per_minute=key.rate_limit_per_minute,
        monthly_budget=key.monthly_budget,
        expires_at=key.expires_at,
        allowed_ips=tuple(key.allowed_ips),
        disabled_plugins=disabled[key.organization_id],
    )
    networks = tuple(ip_network(text) for text in key.allowed_ips)
    return _Known(key.secret_hash, caller, key.revoked_at, networks, read_at)


def _check_usable(known: _Known) -> None:
    expires_at = known.caller.expires_at
    if known.revoked_at is not None:
        raise KeyRevoked("This key was revoked. Create a new one.")
    if expires_at is not None and expires_at <= now():
        raise KeyExpired(f"This key expired at {expires_at.isoformat()}. Create a new one.")


def _allowed(client_address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    try:
        address = ip_address(client_address)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
