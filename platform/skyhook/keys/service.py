"""Keys of an organization: create, rotate, revoke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts import audit
from skyhook.clock import new_id, now
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound
from skyhook.keys import format
from skyhook.keys.authentication import Authentication
from skyhook.keys.errors import KeyExceedsCreator, KeyExpired, KeyRevoked
from skyhook.keys.models import Key
from skyhook.operations.caller import Caller

LONGEST_OVERLAP = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What a key may do, and for how long."""

    scopes: Sequence[str]
    rate_limit_per_minute: int | None = None
    """In points; a simple call costs one."""
    monthly_budget: int | None = None
    """In nano-dollars for each calendar month in UTC."""
    expires_at: datetime | None = None
    allowed_ips: Sequence[str] = field(default_factory=list)


class Keys:
    """Creates, rotates and revokes the keys of an organization."""

    def __init__(
        self, database: Database, authentication: Authentication, secret: bytes, known_scopes: frozenset[str]
    ) -> None:
        self._database = database
        self._authentication = authentication
        self._secret = secret
        self._known_scopes = known_scopes

    async def newest(self, caller: Caller, limit: int, before: UUID | None = None) -> Sequence[Key]:
        """An organization's keys, newest first; `before` is the id of the last one of the page before."""
        query = select(Key).where(Key.organization_id == caller.organization_id)
        if before is not None:
            query = query.where(Key.id < before)
        async with self._database.read() as session:
            return (await session.scalars(query.order_by(Key.id.desc()).limit(limit))).all()

    async def budgeted(self, caller: Caller) -> Sequence[Key]:
        """The organization's keys that work and have a monthly budget, newest first."""
        query = select(Key).where(
            Key.organization_id == caller.organization_id,
            Key.monthly_budget.is_not(None),
            Key.revoked_at.is_(None),
            or_(Key.expires_at.is_(None), Key.expires_at > now()),
        )
        async with self._database.read() as session:
            return (await session.scalars(query.order_by(Key.id.desc()))).all()

    async def named(self, caller: Caller, ids: Sequence[UUID]) -> Mapping[UUID, Key]:
        """Keys of the organization by id, as many as exist."""
        query = select(Key).where(Key.id.in_(ids), Key.organization_id == caller.organization_id)
        async with self._database.read() as session:
            return {key.id: key for key in await session.scalars(query)}

    async def create(self, caller: Caller, name: str, limits: KeyLimits) -> tuple[Key, str]:
        """A new key and its text, which is shown this once.

        Raises InvalidInput for a limit that makes no sense, and KeyExceedsCreator where the key would
        be allowed more than the caller itself: a caller with a budget or a rate limit makes no keys, since
        each would bring a budget and a limit of its own.
        """
        limits = replace(limits, allowed_ips=_networks(limits.allowed_ips))
        self._check(name, limits)
        if caller.rate_limit_per_minute is not None or caller.monthly_budget is not None:
            raise KeyExceedsCreator("A key with a rate limit or a budget cannot create keys.")
        _require_within(caller, limits)
        async with self._database.write() as session:
            return self._add(session, caller, name.strip(), limits)

    async def rotate(self, caller: Caller, key_id: UUID, overlap: timedelta) -> tuple[Key, str]:
        """A new key with the old one's name and limits; the old one works for `overlap` more.

        Raises NotFound, KeyRevoked, InvalidInput, or KeyExceedsCreator.
        """
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise InvalidInput("The overlap is 0 to 30 days.", field="overlapSeconds")
        async with self._database.write() as session:
            old = await _key(session, caller, key_id)
            if old.revoked_at is not None:
                raise KeyRevoked("A revoked key cannot be rotated; create a new one.")
            if old.expires_at is not None and old.expires_at <= now():
                raise KeyExpired("An expired key cannot be rotated; create a new one.")
            limits = KeyLimits(
                old.scopes, old.rate_limit_per_minute, old.monthly_budget, old.expires_at, old.allowed_ips
            )
            _require_within(caller, limits)
            new, text = self._add(session, caller, old.name, limits, rotated_from=old)
            ends = now() + overlap
            old.expires_at = min(ends, old.expires_at) if old.expires_at else ends
            audit.record(session, caller, "key.rotated", old.id, new_key=str(new.id))
        self._authentication.forget(old.public_id)
        return new, text

    async def revoke(self, caller: Caller, key_id: UUID) -> Key:
        """Revokes a key for good; revoking twice changes nothing. Raises NotFound."""
        async with self._database.write() as session:
            key = await _key(session, caller, key_id)
            if key.revoked_at is None:
                key.revoked_at = now()
                audit.record(session, caller, "key.revoked", key.id)
        self._authentication.forget(key.public_id)
        return key

    def _check(self, name: str, limits: KeyLimits) -> None:
        if not 1 <= len(name.strip()) <= 200:
            raise InvalidInput("A key's name has 1 to 200 characters.", field="name")
        if not limits.scopes:
            raise InvalidInput("A key needs at least one scope.", field="scopes")
        for scope in limits.scopes:
            if not self._is_known(scope):
                raise InvalidInput(
                    f"There is no scope {scope!r}. Known: *, {', '.join(sorted(self._known_scopes))}; "
                    "and a plugin's name with :*.",
                    field="scopes",
                )
        if limits.rate_limit_per_minute is not None and not 1 <= limits.rate_limit_per_minute <= 10**9:
            raise InvalidInput("A rate limit is 1 to 1,000,000,000 a minute.", field="rateLimitPerMinute")
        if limits.monthly_budget is not None and not 0 <= limits.monthly_budget <= 10**18:
            raise InvalidInput("A budget is 0 to 10^18 nano-dollars.", field="monthlyBudget")
        if limits.expires_at is not None and limits.expires_at <= now():
            raise InvalidInput("The time of expiry has passed already.", field="expiresAt")

    def _is_known(self, scope: str) -> bool:
        domain, _, verb = scope.partition(":")
        if scope == "*" or scope in self._known_scopes:
            return True
        return verb == "*" and any(known.startswith(f"{domain}:") for known in self._known_scopes)

    def _add(
        self,
        session: AsyncSession,
        caller: Caller,
        name: str,
        limits: KeyLimits,
        *,
        rotated_from: Key | None = None,
    ) -> tuple[Key, str]:
        new, key_id = format.generate(), new_id()
        key = Key(
            id=key_id,
            organization_id=caller.organization_id,
            created_by_id=caller.user_id,
            name=name,
            public_id=new.public_id,
            secret_hash=format.hash_key(self._secret, new.text),
            scopes=sorted(set(limits.scopes)),
            rate_limit_per_minute=limits.rate_limit_per_minute,
            monthly_budget=limits.monthly_budget,
            allowed_ips=list(limits.allowed_ips),
            expires_at=limits.expires_at,
            limits_key_id=rotated_from.limits_key_id if rotated_from else key_id,
            rotated_from_id=rotated_from.id if rotated_from else None,
        )
        session.add(key)
        audit.record(session, caller, "key.created", key.id, name=name, public_id=new.public_id)
        return key, new.text


async def _key(session: AsyncSession, caller: Caller, key_id: UUID) -> Key:
    query = select(Key).where(Key.id == key_id, Key.organization_id == caller.organization_id)
    key = await session.scalar(query.with_for_update())
    if key is None:
        raise NotFound("This organization has no such key.")
    return key


def _networks(texts: Sequence[str]) -> list[str]:
    networks = []
    for text in texts:
        try:
            networks.append(str(ip_network(text.strip())))
        except ValueError as error:
            raise InvalidInput(
                f"{text!r} is neither an address nor a network: {error}.", field="allowedIps"
            ) from error
    return networks


def _require_within(caller: Caller, limits: KeyLimits) -> None:
    """A key never makes a key that may do more than itself; a session has no such bound."""
    if caller.key_id is None:
        return
    missing = [scope for scope in limits.scopes if not caller.covers(scope)]
    if missing:
        raise KeyExceedsCreator(f"The calling key lacks {', '.join(missing)}.", field="scopes")
    own, asked = caller.expires_at, limits.expires_at
    if own is not None and (asked is None or asked > own):
        raise KeyExceedsCreator(
            f"The calling key ends at {own.isoformat()}; the new one must not outlive it.", field="expiresAt"
        )
    if caller.allowed_ips and not _covered(limits.allowed_ips, caller.allowed_ips):
        raise KeyExceedsCreator(
            "The calling key has an IP allow-list; the new key's must lie inside it.", field="allowedIps"
        )


def _covered(asked: Sequence[str], own: Sequence[str]) -> bool:
    networks = [ip_network(text) for text in own]
    return bool(asked) and all(
        any(a.version == n.version and a.subnet_of(n) for n in networks)  # type: ignore[arg-type]
        for a in map(ip_network, asked)
    )
