"""Invitations: a link by mail that makes its reader a member."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from skyhook.accounts import audit
from skyhook.accounts.errors import AlreadyMember, LinkExpired
from skyhook.accounts.models import Invitation, Member, Organization, Role, User
from skyhook.accounts.passwords import check_password, hash_password
from skyhook.accounts.service import checked_email, checked_name, require_rank
from skyhook.accounts.throttle import count_mail
from skyhook.accounts.tokens import Tokens
from skyhook.clock import now
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import Forbidden, NotFound
from skyhook.mail.message import Letter
from skyhook.mail.service import Mail
from skyhook.operations.caller import Caller

ACCEPTED_WITHIN = timedelta(days=7)


class Invitations:
    """Invites people into organizations."""

    def __init__(self, database: Database, configuration: Configuration, secret: bytes, mail: Mail) -> None:
        self._database = database
        self._address = configuration.address
        self._tokens = Tokens(secret, b"invitations")
        self._mail = mail

    async def create(self, caller: Caller, email: str, role: Role) -> Invitation:
        """Invites somebody; an older invitation of the same address is replaced.

        Raises InvalidInput, RoleTooHigh, AlreadyMember, MailThrottled or MailFailed.
        """
        email = checked_email(email)
        token, token_hash = self._tokens.make()
        async with self._database.read() as session:
            await require_rank(session, caller, role)
            if await session.scalar(_member_with(caller.organization_id, email)):
                raise AlreadyMember(f"{email} is a member already.", field="email")
            older = await session.scalar(_of(caller.organization_id).where(Invitation.email == email))
            if older is not None:
                await require_rank(session, caller, Role(older.role))
            organization = await session.get_one(Organization, caller.organization_id)
        await count_mail(self._database, email, str(caller.organization_id))
        await self._mail.check()
        invitation = Invitation(
            organization_id=caller.organization_id,
            email=email,
            role=role,
            token_hash=token_hash,
            invited_by=caller.user_id,
            expires_at=now() + ACCEPTED_WITHIN,
        )
        async with self._database.write() as session:
            await session.execute(
                delete(Invitation).where(
                    Invitation.organization_id == caller.organization_id, Invitation.email == email
                )
            )
            session.add(invitation)
            await session.flush()
            audit.record(session, caller, "invitation.created", invitation.id, email=email, role=role)
        await self._mail.send(self._letter(invitation, organization, token))
        return invitation

    async def resend(self, caller: Caller, invitation_id: UUID) -> Invitation:
        """Sends a new link, for seven days; the one before ends. Raises NotFound and as `create` does."""
        async with self._database.read() as session:
            invitation = await _one(session, caller, invitation_id)
            await require_rank(session, caller, Role(invitation.role))
            organization = await session.get_one(Organization, caller.organization_id)
        await count_mail(self._database, invitation.email, str(caller.organization_id))
        await self._mail.check()
        token, token_hash = self._tokens.make()
        async with self._database.write() as session:
            invitation = await _one(session, caller, invitation_id)
            invitation.token_hash, invitation.expires_at = token_hash, now() + ACCEPTED_WITHIN
            audit.record(session, caller, "invitation.resent", invitation.id, email=invitation.email)
        await self._mail.send(self._letter(invitation, organization, token))
        return invitation

    async def revoke(self, caller: Caller, invitation_id: UUID) -> None:
        """Ends an invitation. Raises NotFound, or RoleTooHigh."""
        async with self._database.write() as session:
            invitation = await _one(session, caller, invitation_id)
            await require_rank(session, caller, Role(invitation.role))
            audit.record(session, caller, "invitation.revoked", invitation.id, email=invitation.email)
            await session.delete(invitation)

    async def of_organization(self, caller: Caller) -> Sequence[Invitation]:
        """The open invitations, and those that have expired, newest first."""
        async with self._database.read() as session:
            found = await session.scalars(_of(caller.organization_id).order_by(Invitation.created_at.desc()))
            return found.all()

    async def of_token(self, token: str) -> tuple[Invitation, User | None]:
        """What a link invites to, with its organization, and the user whom it invites if there is one.

        Raises LinkExpired.
        """
        query = select(Invitation).where(
            Invitation.token_hash == self._tokens.hash(token), Invitation.expires_at > now()
        )
        async with self._database.read() as session:
            invitation = await session.scalar(query.options(joinedload(Invitation.organization)))
            if invitation is None:
                raise LinkExpired(
                    "This invitation was accepted, withdrawn, or is too old. Ask for another one."
                )
            user = await session.scalar(select(User).where(User.email == invitation.email))
        return invitation, user

    async def accept(self, token: str, user: User) -> Organization:
        """Makes the invited user a member. Raises LinkExpired, Forbidden, or AlreadyMember."""
        invitation, _ = await self.of_token(token)
        if user.email != invitation.email:
            raise Forbidden(f"This invitation is for {invitation.email}. Log in with that address.")
        async with self._database.write() as session:
            await self._join(session, invitation, user)
        return invitation.organization

    async def accept_new(self, token: str, name: str, password: str) -> tuple[User, Organization]:
        """Makes an account for the invited address, and a member of it.

        Raises LinkExpired, InvalidInput, or AlreadyMember where the address has an account by now.
        """
        name = checked_name(name)
        check_password(password)
        invitation, known = await self.of_token(token)
        if known is not None:
            raise AlreadyMember("This address has an account. Log in with it and open the link again.")
        password_hash = await asyncio.to_thread(hash_password, password)
        user = User(email=invitation.email, name=name, password_hash=password_hash)
        async with self._database.write() as session:
            session.add(user)
            await session.flush()
            await self._join(session, invitation, user)
        return user, invitation.organization

    async def _join(self, session: AsyncSession, invitation: Invitation, user: User) -> None:
        used = await session.execute(
            delete(Invitation)
            .where(Invitation.id == invitation.id, Invitation.token_hash == invitation.token_hash)
            .returning(Invitation.role)
        )
        role = used.scalar()
        if role is None:
            raise LinkExpired("This invitation was accepted or withdrawn.")
        if await session.scalar(_member_with(invitation.organization_id, user.email)):
            raise AlreadyMember("You are a member of this organization already.")
        member = Member(organization_id=invitation.organization_id, user_id=user.id, role=role)
        session.add(member)
        await session.flush()
        caller = Caller(invitation.organization_id, user.id, None, frozenset())
        audit.record(session, caller, "member.joined", member.id, email=user.email, role=role)

    def _letter(self, invitation: Invitation, organization: Organization, token: str) -> Letter:
        return Letter(
            invitation.email,
            f"You are invited to {organization.name}",
            [
                f"You are invited to work with {organization.name} on Skyhook, as {invitation.role}.",
                "The link works for seven days. If you do not know who this is from, do nothing.",
            ],
            "Accept the invitation",
            f"{self._address}/console/invitations/{token}",
        )


def _of(organization_id: UUID) -> Select[Invitation]:
    return select(Invitation).where(Invitation.organization_id == organization_id)


def _member_with(organization_id: UUID, email: str) -> Select[UUID]:
    return (
        select(Member.id)
        .join(User, User.id == Member.user_id)
        .where(Member.organization_id == organization_id, User.email == email)
    )


async def _one(session: AsyncSession, caller: Caller, invitation_id: UUID) -> Invitation:
    invitation = await session.scalar(_of(caller.organization_id).where(Invitation.id == invitation_id))
    if invitation is None:
        raise NotFound("This organization has no such invitation.")
    return invitation
