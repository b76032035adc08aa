"""Users, organizations and members."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import select

from skyhook.accounts.errors import EmailTaken, LastOwner, SlugTaken
from skyhook.accounts.models import AuditEvent, Member, Role, User
from skyhook.accounts.passwords import hash_password, verify_password
from skyhook.accounts.service import Accounts
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound
from skyhook.operations.caller import Caller


async def owned(accounts: Accounts, slug: str = "example") -> Caller:
    """The owner of a new organization."""
    user = await accounts.create_user(f"{slug}@example.com", "Owner")
    organization = await accounts.create_organization("Example", slug, user.id)
    return Caller(organization.id, user.id, None, frozenset({"*"}))


async def add_member(database: Database, caller: Caller, email: str, role: Role) -> UUID:
    """A further member of the caller's organization."""
    user = await Accounts(database).create_user(email, "Member")
    member = Member(id=new_id(), organization_id=caller.organization_id, user_id=user.id, role=role)
    async with database.write() as session:
        session.add(member)
    return member.id


async def member_id(database: Database, caller: Caller) -> UUID:
    """The caller's own place in the organization."""
    query = select(Member.id).where(
        Member.user_id == caller.user_id, Member.organization_id == caller.organization_id
    )
    async with database.read() as session:
        return (await session.scalars(query)).one()


async def test_an_address_belongs_to_one_user_whatever_its_case(database: Database) -> None:
    accounts = Accounts(database)
    await accounts.create_user("Anna@Example.com", "Anna")
    with pytest.raises(EmailTaken):
        await accounts.create_user("anna@example.com ", "Another Anna")


async def test_a_slug_belongs_to_one_organization_and_a_refused_one_leaves_nothing(
    database: Database,
) -> None:
    accounts = Accounts(database)
    caller = await owned(accounts)
    assert caller.user_id is not None
    with pytest.raises(SlugTaken):
        await accounts.create_organization("Example", "example", caller.user_id)
    async with database.read() as session:
        memberships = await session.scalars(select(Member.id).where(Member.user_id == caller.user_id))
        assert len(memberships.all()) == 1


@pytest.mark.parametrize("email", ["", "nobody", "a@b", "a b@example.com", "@example.com"])
async def test_what_is_no_address_is_refused(database: Database, email: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await Accounts(database).create_user(email, "Anna")
    assert caught.value.field == "email"


@pytest.mark.parametrize("slug", ["", "Upper", "-a", "a-", "a_b", "x" * 64])
async def test_what_is_no_slug_is_refused(database: Database, slug: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await Accounts(database).create_organization("Example", slug, new_id())
    assert caught.value.field == "slug"


async def test_the_last_owner_cannot_leave_or_step_down(database: Database) -> None:
    accounts = Accounts(database)
    caller = await owned(accounts)
    own = await member_id(database, caller)
    with pytest.raises(LastOwner):
        await accounts.set_role(caller, own, Role.VIEWER)
    with pytest.raises(LastOwner):
        await accounts.remove_member(caller, own)


async def test_two_owners_who_leave_at_once_leave_one(database: Database) -> None:
    accounts = Accounts(database)
    caller = await owned(accounts)
    own = await member_id(database, caller)
    other = await add_member(database, caller, "second@example.com", Role.OWNER)
    results = await asyncio.gather(
        accounts.remove_member(caller, own), accounts.remove_member(caller, other), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["LastOwner", "UUID"]


async def test_a_change_of_a_member_is_in_the_audit_log(database: Database) -> None:
    accounts = Accounts(database)
    caller = await owned(accounts)
    member = await add_member(database, caller, "dev@example.com", Role.DEVELOPER)
    await accounts.set_role(caller, member, Role.ADMIN)
    await accounts.remove_member(caller, member)
    async with database.read() as session:
        events = (await session.scalars(select(AuditEvent).order_by(AuditEvent.created_at))).all()
    assert [event.action for event in events] == ["organization.created", "member.role_set", "member.removed"]
    assert events[1].details == {"role": "admin", "before": "developer"}
    assert events[1].user_id == caller.user_id


async def test_another_organizations_member_cannot_be_seen(database: Database) -> None:
    accounts = Accounts(database)
    caller, stranger = await owned(accounts), await owned(accounts, "other")
    own = await member_id(database, caller)
    with pytest.raises(NotFound):
        await accounts.set_role(stranger, own, Role.VIEWER)
    with pytest.raises(NotFound):
        await accounts.remove_member(stranger, own)


async def test_a_password_is_stored_as_an_argon2_hash(database: Database) -> None:
    user = await Accounts(database).create_user("a@example.com", "Anna", "correct horse battery")
    async with database.read() as session:
        stored = await session.get(User, user.id)
    assert stored is not None
    assert stored.password_hash is not None
    assert stored.password_hash.startswith("$argon2id$")
    assert verify_password(stored.password_hash, "correct horse battery")
    assert not verify_password(stored.password_hash, "wrong horse battery")


def test_a_short_password_is_refused() -> None:
    with pytest.raises(InvalidInput):
        hash_password("short")
