"""Users, organizations and their members."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from skyhook.accounts import audit
from skyhook.accounts.errors import EmailTaken, LastOwner, RoleTooHigh, SlugTaken
from skyhook.accounts.models import Member, Organization, Role, User
from skyhook.accounts.passwords import hash_password
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound
from skyhook.operations.caller import Caller

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|[^@\s]+@localhost")


class Accounts:
    """People, organizations and who belongs to which."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_user(
        self, email: str, name: str, password: str | None = None, *, is_instance_administrator: bool = False
    ) -> User:
        """A new user. Raises InvalidInput, or EmailTaken."""
        email = checked_email(email)
        user = User(
            email=email,
            name=checked_name(name),
            password_hash=hash_password(password) if password is not None else None,
            is_instance_administrator=is_instance_administrator,
        )
        try:
            async with self._database.write() as session:
                session.add(user)
        except IntegrityError as error:
            raise EmailTaken(f"A user with the address {email} exists already.", field="email") from error
        return user

    async def create_organization(self, name: str, slug: str, owner_id: UUID) -> Organization:
        """A new organization with its owner. Raises InvalidInput, or SlugTaken."""
        if not SLUG.fullmatch(slug):
            raise InvalidInput(
                "A slug is 1 to 63 lower-case letters, digits and inner hyphens.", field="slug"
            )
        organization = Organization(name=checked_name(name), slug=slug)
        try:
            async with self._database.write() as session:
                session.add(organization)
                await session.flush()
                session.add(Member(organization_id=organization.id, user_id=owner_id, role=Role.OWNER))
                owner = Caller(organization.id, owner_id, None, frozenset({"*"}))
                audit.record(session, owner, "organization.created", organization.id, name=organization.name)
        except IntegrityError as error:
            raise SlugTaken(
                f"An organization with the slug {slug!r} exists already.", field="slug"
            ) from error
        return organization

    async def organization(self, organization_id: UUID) -> Organization:
        """Raises NotFound."""
        async with self._database.read() as session:
            organization = await session.get(Organization, organization_id)
        if organization is None:
            raise NotFound("There is no such organization.")
        return organization

    async def organization_named(self, slug: str) -> Organization:
        """Raises NotFound."""
        async with self._database.read() as session:
            organization = await session.scalar(select(Organization).where(Organization.slug == slug))
        if organization is None:
            raise NotFound(f"There is no organization {slug!r}.")
        return organization

    async def user_named(self, email: str) -> User:
        """Raises NotFound."""
        async with self._database.read() as session:
            user = await session.scalar(select(User).where(User.email == email.strip().lower()))
        if user is None:
            raise NotFound(f"There is no user with the address {email!r}.")
        return user

    async def set_instance_administrator(self, email: str, is_administrator: bool) -> None:
        """Lets a user change the whole instance in the console, or no longer. Raises NotFound."""
        user = await self.user_named(email)
        async with self._database.write() as session:
            user.is_instance_administrator = is_administrator
            await session.merge(user)

    async def users(self, ids: Sequence[UUID]) -> dict[UUID, User]:
        """Users by id, as many as exist."""
        async with self._database.read() as session:
            found = await session.scalars(select(User).where(User.id.in_(ids)))
            return {user.id: user for user in found}

    async def rename(self, caller: Caller, name: str) -> Organization:
        """Gives the organization another name; its slug stays. Raises InvalidInput, or NotFound."""
        name = checked_name(name)
        async with self._database.write() as session:
            organization = await session.get(Organization, caller.organization_id)
            if organization is None:
                raise NotFound("There is no such organization.")
            if organization.name != name:
                before, organization.name = organization.name, name
                audit.record(
                    session, caller, "organization.renamed", organization.id, name=name, before=before
                )
        return organization

    async def members(self, caller: Caller) -> Sequence[Member]:
        """The organization's members with their users, by the time they joined."""
        query = select(Member).where(Member.organization_id == caller.organization_id)
        async with self._database.read() as session:
            found = await session.scalars(
                query.options(joinedload(Member.user)).order_by(Member.created_at, Member.id)
            )
            return found.all()

    async def set_role(self, caller: Caller, member_id: UUID, role: Role) -> Member:
        """Gives a member another role. Raises NotFound, RoleTooHigh, or LastOwner."""
        async with self._database.write() as session:
            member = await _member(session, caller, member_id)
            if member.role == Role.OWNER and role != Role.OWNER:
                await _require_another_owner(session, member)
            await require_rank(session, caller, role, Role(member.role))
            audit.record(session, caller, "member.role_set", member.id, role=role, before=member.role)
            member.role = role
        return member

    async def remove_member(self, caller: Caller, member_id: UUID) -> UUID:
        """Takes a member out of the organization. Raises NotFound, RoleTooHigh, or LastOwner."""
        async with self._database.write() as session:
            member = await _member(session, caller, member_id)
            if member.role == Role.OWNER:
                await _require_another_owner(session, member)
            await require_rank(session, caller, Role(member.role))
            audit.record(session, caller, "member.removed", member.id, email=member.user.email)
            await session.delete(member)
        return member_id

    async def leave(self, caller: Caller, member_id: UUID) -> None:
        """Takes the caller out of the organization, whatever their role. Raises NotFound, or LastOwner."""
        async with self._database.write() as session:
            member = await _member(session, caller, member_id)
            if member.user_id != caller.user_id:
                raise NotFound("This is not your own place in the organization.")
            if member.role == Role.OWNER:
                await _require_another_owner(session, member)
            audit.record(session, caller, "member.left", member.id, email=member.user.email)
            await session.delete(member)


async def emails_for_billing(session: AsyncSession, organization_id: UUID) -> Sequence[str]:
    """Where those are written to who look after an organization's money."""
    query = (
        select(User.email)
        .join(Member, Member.user_id == User.id)
        .where(Member.organization_id == organization_id, Member.role.in_((Role.OWNER, Role.BILLING)))
    )
    return (await session.scalars(query)).all()


async def require_rank(session: AsyncSession, caller: Caller, *roles: Role) -> None:
    """Raises RoleTooHigh if one of the roles is above the one of the caller, or of who made its key."""
    query = select(Member.role).where(
        Member.user_id == caller.user_id, Member.organization_id == caller.organization_id
    )
    own = await session.scalar(query)
    ranks = list(Role)
    if own is None or any(ranks.index(role) < ranks.index(Role(own)) for role in roles):
        raise RoleTooHigh("This needs a role that is at least as high. Ask somebody who has it.")


async def _member(session: AsyncSession, caller: Caller, member_id: UUID) -> Member:
    # Every owner's row is locked as well, so that two owners cannot both leave at the same moment; in an
    # order, so that they do not wait for each other.
    locked = (
        select(Member.id)
        .where(Member.organization_id == caller.organization_id)
        .where(or_(Member.role == Role.OWNER, Member.id == member_id))
        .order_by(Member.id)
        .with_for_update()
    )
    await session.execute(locked)
    query = select(Member).where(Member.id == member_id, Member.organization_id == caller.organization_id)
    member = await session.scalar(query.options(joinedload(Member.user)))
    if member is None:
        raise NotFound("This organization has no such member.")
    return member


async def _require_another_owner(session: AsyncSession, member: Member) -> None:
    owners = select(func.count()).where(
        Member.organization_id == member.organization_id, Member.role == Role.OWNER
    )
    if (await session.scalar(owners) or 0) < 2:
        raise LastOwner("An organization needs an owner: make somebody else one first.")


def checked_email(email: str) -> str:
    """An e-mail address in lower case. Raises InvalidInput."""
    email = email.strip().lower()
    if len(email) > 320 or not EMAIL.fullmatch(email):
        raise InvalidInput(f"{email[:320]!r} is not an e-mail address.", field="email")
    return email


def slugs_of(name: str) -> tuple[str, str]:
    """A slug that says a name, and another for where that is taken."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].rstrip("-") or "organization"
    return slug, f"{slug[:54].rstrip('-')}-{secrets.token_hex(4)}"


def checked_name(name: str) -> str:
    """A name without space around it. Raises InvalidInput."""
    name = name.strip()
    if not 1 <= len(name) <= 200:
        raise InvalidInput("A name has 1 to 200 characters.", field="name")
    return name
