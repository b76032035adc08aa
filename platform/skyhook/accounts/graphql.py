"""GraphQL of accounts: the viewer, organizations and their members."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from skyhook.accounts import models
from skyhook.accounts.roles import POWERFUL
from skyhook.billing.graphql import (
    Balance,
    CreditGrant,
    CreditHold,
    StatementEntry,
    balance_of,
    grants_of,
    holds_of,
    statement_of,
)
from skyhook.graphql.connections import Connection, Order, Page, paginate
from skyhook.graphql.context import Context, Info
from skyhook.graphql.ids import ByUuid, node_uuid
from skyhook.graphql.nodes import GlobalID, Node
from skyhook.keys.graphql import Key, keys_of
from skyhook.scopes import ACCOUNT_READ, ACCOUNT_WRITE, BILLING_READ, KEYS_READ, USAGE_READ
from skyhook.usage.graphql import UsageEvent, UsageFilter, UsageGroup, UsageTotal, events_of, totals_of


@strawberry.enum(description="What a member may do in an organization, from most to least.")
class Role(Enum):
    OWNER = models.Role.OWNER.value
    ADMIN = models.Role.ADMIN.value
    DEVELOPER = models.Role.DEVELOPER.value
    BILLING = models.Role.BILLING.value
    VIEWER = models.Role.VIEWER.value


@strawberry.type(description="A person who can log in.")
class User(ByUuid, Node):
    """A user as its fellow members see it."""

    id: strawberry.relay.NodeID[str]
    email: str
    name: str

    @classmethod
    def of(cls, user: models.User) -> User:
        """The GraphQL form of a row."""
        return cls(id=str(user.id), email=user.email, name=user.name)

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Users who are members of the caller's organization."""
        info.context.caller.require(ACCOUNT_READ)
        return (
            select(models.User)
            .join(models.Member, models.Member.user_id == models.User.id)
            .where(
                models.User.id.in_(ids),
                models.Member.organization_id == info.context.caller.organization_id,
            )
        )


@strawberry.type(description="A user's place in an organization.")
class Member(ByUuid, Node):
    """A member of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    role: Role
    created_at: datetime
    user: User

    @classmethod
    def of(cls, member: models.Member) -> Member:
        """The GraphQL form of a row whose user is loaded."""
        return cls(
            id=str(member.id),
            role=Role(member.role),
            created_at=member.created_at,
            user=User.of(member.user),
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Members of the caller's organization."""
        info.context.caller.require(ACCOUNT_READ)
        return _members(info.context.caller.organization_id).where(models.Member.id.in_(ids))


@strawberry.type(description="A mail that asks somebody to become a member.")
class Invitation(ByUuid, Node):
    """An invitation into the caller's organization."""

    id: strawberry.relay.NodeID[str]
    email: str
    role: Role
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, invitation: models.Invitation) -> Invitation:
        """The GraphQL form of a row."""
        return cls(
            id=str(invitation.id),
            email=invitation.email,
            role=Role(invitation.role),
            created_at=invitation.created_at,
            expires_at=invitation.expires_at,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Invitations into the caller's organization."""
        info.context.caller.require(ACCOUNT_WRITE)
        return _invitations(info.context.caller.organization_id).where(models.Invitation.id.in_(ids))


@strawberry.type(description="Who owns keys, credit and usage.")
class Organization(ByUuid, Node):
    """The caller's organization."""

    id: strawberry.relay.NodeID[str]
    name: str
    slug: str
    created_at: datetime

    @classmethod
    def of(cls, organization: models.Organization) -> Organization:
        """The GraphQL form of a row."""
        return cls(
            id=str(organization.id),
            name=organization.name,
            slug=organization.slug,
            created_at=organization.created_at,
        )

    @classmethod
    async def load(cls, info: Info, ids: Sequence[UUID]) -> Iterable[Organization]:
        """The caller's organization; any other does not exist for the caller."""
        own = await info.context.loader(_load_organizations).load(info.context.caller.organization_id)
        return [own]

    @strawberry.field(description="The members, by the time they joined.")
    async def members(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Member]:
        """A page of members."""
        info.context.caller.require(ACCOUNT_READ)
        order = Order(models.Member.created_at, models.Member.id)
        async with info.context.services.database.read() as session:
            page = Page(first, after, last, before)
            return await paginate(session, _members(UUID(self.id)), page, order, Member.of)

    @strawberry.field(description="The invitations that were not accepted yet, newest first.")
    async def invitations(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Invitation]:
        """A page of invitations."""
        info.context.caller.require(ACCOUNT_WRITE)
        order = Order(models.Invitation.created_at, models.Invitation.id, descending=True)
        async with info.context.services.database.read() as session:
            page = Page(first, after, last, before)
            return await paginate(session, _invitations(UUID(self.id)), page, order, Invitation.of)

    @strawberry.field(description="The keys, newest first.")
    async def keys(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Key]:
        """A page of keys."""
        info.context.caller.require(KEYS_READ)
        return await keys_of(info, UUID(self.id), Page(first, after, last, before))

    @strawberry.field(description="The prepaid credit.")
    async def balance(self, info: Info) -> Balance:
        """What is left to spend."""
        info.context.caller.require(BILLING_READ)
        return await balance_of(info, UUID(self.id))

    @strawberry.field(description="What happened to the credit from `since` to before `until`, newest first.")
    async def statement(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Connection[StatementEntry]:
        """A page of the statement."""
        info.context.caller.require(BILLING_READ)
        return await statement_of(info, UUID(self.id), Page(first, after, last, before), since, until)

    @strawberry.field(description="What of the credit is set aside now, oldest first.")
    async def credit_holds(self, info: Info) -> list[CreditHold]:
        """Open holds."""
        info.context.caller.require(BILLING_READ)
        return await holds_of(info, UUID(self.id))

    @strawberry.field(
        description="What is left of the credit by how it was added, in the order in which it is spent; the "
        "first 100 grants."
    )
    async def credit_grants(self, info: Info) -> list[CreditGrant]:
        """Grants with something left."""
        info.context.caller.require(BILLING_READ)
        return await grants_of(info, UUID(self.id))

    @strawberry.field(description="What was used from `since` to before `until`, in whole hours, by group.")
    async def usage(
        self,
        info: Info,
        since: datetime,
        until: datetime,
        by: list[UsageGroup],
        only: UsageFilter | None = None,
    ) -> list[UsageTotal]:
        """Totals from the roll-ups."""
        info.context.caller.require(USAGE_READ)
        return await totals_of(info, UUID(self.id), since, until, by, only)

    @strawberry.field(description="The calls one by one, newest first.")
    async def usage_events(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        only: UsageFilter | None = None,
    ) -> Connection[UsageEvent]:
        """A page of calls."""
        info.context.caller.require(USAGE_READ)
        return await events_of(info, UUID(self.id), Page(first, after, last, before), only)


@strawberry.type(description="Who is calling.")
class Viewer:
    """The caller, as the request's key or session says."""

    scopes: list[str] = strawberry.field(description="What the caller may do.")

    @strawberry.field(description="The organization that the caller acts for and that pays.")
    async def organization(self, info: Info) -> Organization:
        """The caller's organization."""
        return await info.context.loader(_load_organizations).load(info.context.caller.organization_id)

    @strawberry.field(description="The member behind the session, or the one who made the key.")
    async def user(self, info: Info) -> User | None:
        """The caller's user."""
        user_id = info.context.caller.user_id
        return await info.context.loader(_load_users).load(user_id) if user_id else None

    @strawberry.field(description="The organizations that this member belongs to, by name.")
    async def organizations(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[OrganizationName]:
        """A page of organizations; a key still acts for its own one alone."""
        info.context.caller.require(ACCOUNT_READ)
        query = (
            select(models.Organization)
            .join(models.Member, models.Member.organization_id == models.Organization.id)
            .where(models.Member.user_id == info.context.caller.user_id)
        )
        order = Order(models.Organization.name, models.Organization.id)
        async with info.context.services.database.read() as session:
            return await paginate(
                session, query, Page(first, after, last, before), order, OrganizationName.of
            )


@strawberry.type(description="An organization as those of its members see it who act for another one.")
class OrganizationName:
    """An organization's name and slug."""

    name: str
    slug: str

    @classmethod
    def of(cls, organization: models.Organization) -> OrganizationName:
        """The GraphQL form of a row."""
        return cls(name=organization.name, slug=organization.slug)


@strawberry.type
class AccountsQuery:
    """Root fields of accounts."""

    @strawberry.field(description="Who is calling, and for which organization.")
    async def viewer(self, info: Info) -> Viewer:
        """The caller."""
        return Viewer(scopes=sorted(info.context.caller.scopes))


InvitationId = Annotated[GlobalID, strawberry.argument(description="The invitation's id.")]
MemberId = Annotated[GlobalID, strawberry.argument(description="The member's id.")]


@strawberry.type
class AccountsMutation:
    """Root fields of accounts that change something."""

    @strawberry.mutation(description="Gives a member another role.")
    async def member_set_role(self, info: Info, id: MemberId, role: Role) -> Member:
        """Changes a role."""
        info.context.caller.require(ACCOUNT_WRITE)
        info.context.caller.require_recent()
        accounts = info.context.services.accounts
        member_id = node_uuid(id, "Member", "id")
        return Member.of(await accounts.set_role(info.context.caller, member_id, models.Role(role.value)))

    @strawberry.mutation(description="Takes a member out of the organization; gives back the member's id.")
    async def member_remove(self, info: Info, id: MemberId) -> GlobalID:
        """Removes a member."""
        info.context.caller.require(ACCOUNT_WRITE)
        info.context.caller.require_recent()
        await info.context.services.accounts.remove_member(info.context.caller, node_uuid(id, "Member", "id"))
        return id

    @strawberry.mutation(description="Invites somebody by mail; one who is invited already gets a new link.")
    async def member_invite(self, info: Info, email: str, role: Role) -> Invitation:
        """A new invitation."""
        info.context.caller.require(ACCOUNT_WRITE)
        if models.Role(role.value) in POWERFUL:
            info.context.caller.require_recent()
        invitations = info.context.services.invitations
        return Invitation.of(await invitations.create(info.context.caller, email, models.Role(role.value)))

    @strawberry.mutation(description="Sends an invitation with a new link; the one before ends.")
    async def invitation_resend(self, info: Info, id: InvitationId) -> Invitation:
        """The invitation, for seven days from now."""
        info.context.caller.require(ACCOUNT_WRITE)
        invitation_id = node_uuid(id, "Invitation", "id")
        return Invitation.of(
            await info.context.services.invitations.resend(info.context.caller, invitation_id)
        )

    @strawberry.mutation(description="Withdraws an invitation; gives back its id.")
    async def invitation_revoke(self, info: Info, id: InvitationId) -> GlobalID:
        """Ends an invitation."""
        info.context.caller.require(ACCOUNT_WRITE)
        invitation_id = node_uuid(id, "Invitation", "id")
        await info.context.services.invitations.revoke(info.context.caller, invitation_id)
        return id


def _invitations(organization_id: UUID) -> Select[Any]:
    return select(models.Invitation).where(models.Invitation.organization_id == organization_id)


def _members(organization_id: UUID) -> Select[Any]:
    return (
        select(models.Member)
        .where(models.Member.organization_id == organization_id)
        .options(joinedload(models.Member.user))
    )


async def _load_organizations(context: Context, ids: list[UUID]) -> list[Organization]:
    return [Organization.of(await context.services.accounts.organization(one)) for one in ids]


async def _load_users(context: Context, ids: list[UUID]) -> list[User | None]:
    found = await context.services.accounts.users(ids)
    return [User.of(found[user_id]) if user_id in found else None for user_id in ids]
