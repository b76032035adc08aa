"""Sessions: people who logged in with a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from skyhook.accounts import audit
from skyhook.accounts.errors import (
    AdministratorNeeded,
    LoginFailed,
    SessionEnded,
    WrongPassword,
)
from skyhook.accounts.models import LoginFailure, MailRequest, Member, Role, Session, User
from skyhook.accounts.passwords import verify_password
from skyhook.accounts.roles import scopes_of
from skyhook.accounts.throttle import THROTTLED_FOR, check_failures, count_failure
from skyhook.accounts.tokens import Tokens
from skyhook.clock import now
from skyhook.database import Database
from skyhook.errors import NotFound
from skyhook.operations.caller import Caller
from skyhook.plugins.switches import disabled_plugins

COOKIE = "skyhook_session"
"""In which a browser keeps its session's token."""
IDLE = timedelta(days=14)
"""A session ends when it was not used for so long,"""
LONGEST = timedelta(days=90)
"""and so long after the login in any case."""
USED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a session was last used."""
RECENT = timedelta(minutes=15)
"""How long after a login dangerous acts need no other."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something began that goes on: a session, and its user's role in an organization then."""

    session_id: UUID
    member_id: UUID
    role: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is logged in, and where they are a member."""

    session: Session
    user: User
    members: Sequence[Member]
    """By the organization's name, with the organizations."""
    known_scopes: frozenset[str]
    disabled_plugins: Mapping[UUID, frozenset[str]]
    """By organization."""

    @property
    def is_recent(self) -> bool:
        """Whether the user has shown who they are so lately that dangerous acts need no more."""
        return now() - self.session.authenticated_at < RECENT

    def member_of(self, slug: str) -> Member:
        """The user's place in an organization. Raises NotFound, also where there is no such organization."""
        for member in self.members:
            if member.organization.slug == slug:
                return member
        raise NotFound("There is no such organization, or you are not a member of it.")

    def place(self, slug: str) -> Place:
        """Where a stream begins, for `Sessions.check`. Raises NotFound as `member_of` does."""
        member = self.member_of(slug)
        return Place(self.session.id, member.id, member.role)

    def require_instance_administrator(self) -> None:
        """Raises AdministratorNeeded unless the user may change the whole instance."""
        if not self.user.is_instance_administrator:
            raise AdministratorNeeded("This needs an administrator of the whole instance: ask the operator.")

    def caller(self, member: Member) -> Caller:
        """The user, acting for an organization."""
        scopes = scopes_of(Role(member.role), self.known_scopes)
        disabled = self.disabled_plugins[member.organization_id]
        return Caller(
            member.organization_id,
            self.user.id,
            None,
            scopes,
            disabled_plugins=disabled,
            is_recent=self.is_recent,
        )


class Sessions:
    """Logs in and out, and tells who is logged in."""

    def __init__(self, database: Database, secret: bytes, known_scopes: Iterable[str]) -> None:
        self._database = database
        self._tokens = Tokens(secret, b"sessions")
        self._known_scopes = frozenset(known_scopes)

    async def log_in(self, email: str, password: str, address: str, user_agent: str) -> str:
        """A new session's token. Raises LoginFailed, or LoginThrottled."""
        email = email.strip().lower()[:320]
        async with self._database.read() as session:
            user = await session.scalar(select(User).where(User.email == email))
        if not await self._is_password(user, email, password, address) or user is None:
            raise LoginFailed("The e-mail address and the password do not belong together.")
        return await self.open(user, address, user_agent)

    async def open(self, user: User, address: str, user_agent: str) -> str:
        """A new session's token, for a user who has just shown who they are."""
        token, token_hash = self._tokens.make()
        async with self._database.write() as session:
            await session.execute(delete(LoginFailure).where(LoginFailure.email == user.email))
            await _clear(session)
            session.add(
                Session(
                    user_id=user.id,
                    token_hash=token_hash,
                    address=address,
                    user_agent=user_agent[:200],
                    expires_at=now() + IDLE,
                )
            )
        return token

    async def authenticate(self, visitor: Visitor, password: str, address: str) -> str:
        """The session's new token, after its user gave the password again.

        Raises WrongPassword, or LoginThrottled.
        """
        if not await self._is_password(visitor.user, visitor.user.email, password, address):
            raise WrongPassword("This is not your password.", field="password")
        return await self.renew(visitor)

    async def renew(self, visitor: Visitor) -> str:
        """The session's new token, after its user has shown once more who they are."""
        token, token_hash = self._tokens.make()
        async with self._database.write() as session:
            await session.execute(
                update(Session)
                .where(Session.id == visitor.session.id)
                .values(token_hash=token_hash, authenticated_at=now())
            )
        return token

    async def visitor(self, token: str | None) -> Visitor | None:
        """Who a token belongs to, None where nobody is logged in with it; the session is used by this."""
        visitor = await self.look(token)
        if visitor is not None and now() - visitor.session.used_at > USED_EVERY:
            await self._use(visitor.session)
        return visitor

    async def look(self, token: str | None) -> Visitor | None:
        """As `visitor`, for what a browser asks for by itself: the session ends when it would have."""
        if not token:
            return None
        async with self._database.read() as session:
            query = select(Session).where(
                Session.token_hash == self._tokens.hash(token), Session.expires_at > now()
            )
            found = await session.scalar(query)
            user = await session.get(User, found.user_id) if found else None
            if found is None or user is None:
                return None
            members = await session.scalars(
                select(Member).where(Member.user_id == user.id).options(joinedload(Member.organization))
            )
            by_name = sorted(members, key=lambda member: member.organization.name)
            disabled = await disabled_plugins(session, [member.organization_id for member in by_name])
        return Visitor(found, user, by_name, self._known_scopes, disabled)

    async def caller_of(self, token: str | None, slug: str) -> Caller:
        """Who is logged in, acting for an organization.

        Raises SessionEnded, or NotFound for an organization of which the user is no member.
        """
        visitor = await self._logged_in(token)
        return visitor.caller(visitor.member_of(slug))

    async def place_of(self, token: str | None, slug: str) -> Place:
        """Where a stream begins, for `check`. Raises as `caller_of` does."""
        return (await self._logged_in(token)).place(slug)

    async def check(self, place: Place) -> None:
        """Raises SessionEnded where the session has ended, or its user is no member or has another role.

        A session is not kept alive by it: nobody need be there who watches a stream.
        """
        query = (
            select(Session.id)
            .join(Member, Member.user_id == Session.user_id)
            .where(Session.id == place.session_id, Session.expires_at > now())
            .where(Member.id == place.member_id, Member.role == place.role)
        )
        async with self._database.read() as session:
            if await session.scalar(query) is None:
                raise SessionEnded("You are logged out, or may not see this any more. Load the page again.")

    async def _logged_in(self, token: str | None) -> Visitor:
        visitor = await self.visitor(token)
        if visitor is None:
            raise SessionEnded("You are logged out. Log in again, in the console.")
        return visitor

    async def of_user(self, user_id: UUID) -> Sequence[Session]:
        """The sessions in which a user is logged in, last used first."""
        async with self._database.read() as session:
            query = select(Session).where(Session.user_id == user_id, Session.expires_at > now())
            return (await session.scalars(query.order_by(Session.used_at.desc()))).all()

    async def end(self, user_id: UUID, session_id: UUID) -> None:
        """Logs a user out of one of their sessions. Raises NotFound."""
        async with self._database.write() as session:
            ended = await session.execute(
                delete(Session)
                .where(Session.id == session_id, Session.user_id == user_id)
                .returning(Session.id)
            )
            if ended.first() is None:
                raise NotFound("You have no such session.")

    async def end_others(self, visitor: Visitor) -> None:
        """Logs a user out everywhere else."""
        async with self._database.write() as session:
            await session.execute(
                delete(Session).where(Session.user_id == visitor.user.id, Session.id != visitor.session.id)
            )
            await audit.record_of_user(session, visitor.user.id, "sessions.ended")

    def form_token(self, token: str) -> str:
        """What a form of a session carries, so that no other site can send it."""
        return self._tokens.hash(f"form:{token}").hex()

    async def _is_password(self, user: User | None, email: str, password: str, address: str) -> bool:
        await check_failures(self._database, email, address)
        known_hash = user.password_hash if user else None
        if await asyncio.to_thread(verify_password, known_hash, password):
            return True
        await count_failure(self._database, email, address)
        return False

    async def _use(self, found: Session) -> None:
        at = now()
        async with self._database.write() as session:
            await session.execute(
                update(Session)
                .where(Session.id == found.id)
                .values(used_at=at, expires_at=min(at + IDLE, found.created_at + LONGEST))
            )


async def _clear(session: AsyncSession) -> None:
    await session.execute(delete(Session).where(Session.expires_at <= now()))
    for table in (LoginFailure, MailRequest):
        await session.execute(delete(table).where(table.created_at <= now() - THROTTLED_FOR))
