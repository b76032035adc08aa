"""Keys of an organization, and how they authenticate."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from tests.keys.conftest import SECRET, Office

from skyhook.accounts.models import AuditEvent
from skyhook.accounts.service import Accounts
from skyhook.clock import new_id, now
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound, SkyhookError
from skyhook.keys.authentication import Authentication
from skyhook.keys.errors import KeyAddressDenied, KeyExceedsCreator, KeyExpired, KeyInvalid, KeyRevoked
from skyhook.keys.models import Key
from skyhook.keys.service import KeyLimits
from skyhook.operations.caller import Caller, ScopeMissing

ANYWHERE = "203.0.113.7"
ALL = KeyLimits(scopes=["*"])


async def authenticate(office: Office, text: str, address: str = ANYWHERE) -> Caller:
    caller = await office.authentication.authenticate(f"Bearer {text}", address)
    assert caller is not None
    return caller


async def test_a_new_key_authenticates_as_its_organization_with_its_scopes(office: Office) -> None:
    key, text = await office.keys.create(office.owner, "CI", KeyLimits(scopes=["chat:complete"]))
    caller = await authenticate(office, text)
    assert (caller.organization_id, caller.key_id) == (office.owner.organization_id, key.id)
    assert caller.has_scope("chat:complete")
    with pytest.raises(ScopeMissing):
        caller.require("keys:write")


async def test_the_text_of_a_key_is_stored_nowhere(office: Office, database: Database) -> None:
    key, text = await office.keys.create(office.owner, "CI", ALL)
    async with database.read() as session:
        row = await session.get(Key, key.id)
    assert row is not None
    assert text not in repr(vars(row))


async def test_without_a_header_nobody_is_known(office: Office) -> None:
    assert await office.authentication.authenticate(None, ANYWHERE) is None


@pytest.mark.parametrize("header", ["Basic abc", "Bearer nonsense", "Bearer sk_live_short", "Bearer"])
async def test_a_malformed_header_is_refused(office: Office, header: str) -> None:
    with pytest.raises(KeyInvalid):
        await office.authentication.authenticate(header, ANYWHERE)


async def test_a_well_formed_but_unknown_key_is_refused(office: Office) -> None:
    await office.keys.create(office.owner, "CI", ALL)
    from skyhook.keys import format

    with pytest.raises(KeyInvalid):
        await authenticate(office, format.generate().text)


async def test_a_right_id_with_another_secret_is_refused(office: Office) -> None:
    from skyhook.keys import format

    key, _ = await office.keys.create(office.owner, "CI", ALL)
    body = f"sk_live_{key.public_id}_{'0' * 43}"
    with pytest.raises(KeyInvalid):
        await authenticate(office, body + format.checksum(body))


async def test_a_revoked_key_is_refused_at_once_in_this_process(office: Office) -> None:
    key, text = await office.keys.create(office.owner, "CI", ALL)
    await authenticate(office, text)
    await office.keys.revoke(office.owner, key.id)
    with pytest.raises(KeyRevoked):
        await authenticate(office, text)


async def test_a_revoked_key_is_refused_within_seconds_in_another_process(
    office: Office, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Authentication(database, SECRET)
    key, text = await office.keys.create(office.owner, "CI", ALL)
    await other.authenticate(f"Bearer {text}", ANYWHERE)
    await office.keys.revoke(office.owner, key.id)
    monkeypatch.setattr("skyhook.keys.authentication.CACHED_S", 0.0)
    with pytest.raises(KeyRevoked):
        await other.authenticate(f"Bearer {text}", ANYWHERE)


async def test_an_expired_key_is_refused_also_from_the_cache(office: Office) -> None:
    soon = now() + timedelta(milliseconds=300)
    _, text = await office.keys.create(office.owner, "CI", KeyLimits(scopes=["*"], expires_at=soon))
    await authenticate(office, text)
    import asyncio

    await asyncio.sleep(max(0.0, (soon - now()).total_seconds()) + 0.01)
    with pytest.raises(KeyExpired):
        await authenticate(office, text)


async def test_a_rotated_key_and_its_successor_both_work_during_the_overlap(office: Office) -> None:
    key, old = await office.keys.create(office.owner, "CI", ALL)
    successor, new = await office.keys.rotate(office.owner, key.id, timedelta(hours=1))
    assert successor.rotated_from_id == key.id
    assert (await authenticate(office, old)).key_id == key.id
    assert (await authenticate(office, new)).key_id == successor.id


async def test_a_rotated_key_ends_at_once_without_an_overlap(office: Office) -> None:
    key, old = await office.keys.create(office.owner, "CI", ALL)
    await office.keys.rotate(office.owner, key.id, timedelta(0))
    with pytest.raises(KeyExpired):
        await authenticate(office, old)


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("192.0.2.1", False), ("2001:db8::1", True), ("", False)],
)
async def test_an_allow_list_holds_for_addresses_of_both_kinds(
    office: Office, address: str, is_allowed: bool
) -> None:
    limits = KeyLimits(scopes=["*"], allowed_ips=["10.0.0.0/8", "2001:db8::/32"])
    _, text = await office.keys.create(office.owner, "CI", limits)
    if is_allowed:
        await authenticate(office, text, address)
    else:
        with pytest.raises(KeyAddressDenied):
            await authenticate(office, text, address)


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        (KeyLimits(scopes=[]), "scopes"),
        (KeyLimits(scopes=["chat:fly"]), "scopes"),
        (KeyLimits(scopes=["nothing:*"]), "scopes"),
        (KeyLimits(scopes=["*"], rate_limit_per_minute=0), "rateLimitPerMinute"),
        (KeyLimits(scopes=["*"], monthly_budget=-1), "monthlyBudget"),
        (KeyLimits(scopes=["*"], allowed_ips=["10.0.0.1/8"]), "allowedIps"),
        (KeyLimits(scopes=["*"], expires_at=now() - timedelta(1)), "expiresAt"),
    ],
)
async def test_a_limit_that_makes_no_sense_is_refused_by_name(
    office: Office, limits: KeyLimits, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await office.keys.create(office.owner, "CI", limits)
    assert caught.value.field == field


@pytest.mark.parametrize("scopes", [["*"], ["chat:*"], ["chat:complete", "chat:read"]])
async def test_a_key_never_makes_a_key_that_may_do_more(office: Office, scopes: list[str]) -> None:
    own = KeyLimits(scopes=["chat:complete", "keys:write"])
    _, text = await office.keys.create(office.owner, "CI", own)
    caller = await authenticate(office, text)
    with pytest.raises(KeyExceedsCreator):
        await office.keys.create(caller, "Child", KeyLimits(scopes=scopes))
    await office.keys.create(caller, "Child", KeyLimits(scopes=["chat:complete"]))


@pytest.mark.parametrize(
    "own", [KeyLimits(["*"], monthly_budget=1000), KeyLimits(["*"], rate_limit_per_minute=10)]
)
async def test_a_key_with_limits_makes_no_keys_that_would_bring_limits_of_their_own(
    office: Office, own: KeyLimits
) -> None:
    _, text = await office.keys.create(office.owner, "CI", own)
    caller = await authenticate(office, text)
    with pytest.raises(KeyExceedsCreator):
        await office.keys.create(caller, "Child", own)


async def test_a_rotated_key_draws_from_the_limits_of_the_first_one(office: Office) -> None:
    first, _ = await office.keys.create(office.owner, "CI", KeyLimits(["*"], monthly_budget=1000))
    second, _ = await office.keys.rotate(office.owner, first.id, timedelta(hours=1))
    _, text = await office.keys.rotate(office.owner, second.id, timedelta(hours=1))
    assert (await authenticate(office, text)).limits_key_id == first.id


async def test_an_expired_key_cannot_be_rotated(office: Office) -> None:
    first, _ = await office.keys.create(office.owner, "CI", ALL)
    await office.keys.rotate(office.owner, first.id, timedelta(0))
    with pytest.raises(KeyExpired):
        await office.keys.rotate(office.owner, first.id, timedelta(hours=1))


async def test_another_organizations_key_cannot_be_seen(office: Office, database: Database) -> None:
    key, _ = await office.keys.create(office.owner, "CI", ALL)
    accounts = Accounts(database)
    user = await accounts.create_user("stranger@example.com", "Stranger")
    organization = await accounts.create_organization("Other", "other", user.id)
    stranger = Caller(organization.id, user.id, None, frozenset({"*"}))
    for attempt in (office.keys.revoke(stranger, key.id), office.keys.rotate(stranger, key.id, timedelta(0))):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(NotFound):
        await office.keys.revoke(office.owner, new_id())


async def test_last_use_is_written_down(office: Office, database: Database) -> None:
    key, text = await office.keys.create(office.owner, "CI", ALL)
    before = now()
    await authenticate(office, text)
    await office.authentication.close()
    async with database.read() as session:
        row = await session.get(Key, key.id)
    assert row is not None
    assert row.last_used_at is not None
    assert row.last_used_at >= before


async def test_every_change_of_a_key_is_in_the_audit_log(office: Office, database: Database) -> None:
    key, _ = await office.keys.create(office.owner, "CI", ALL)
    successor, _ = await office.keys.rotate(office.owner, key.id, timedelta(0))
    await office.keys.revoke(office.owner, successor.id)
    async with database.read() as session:
        actions = (await session.scalars(select(AuditEvent.action).order_by(AuditEvent.id))).all()
    assert actions == ["organization.created", "key.created", "key.created", "key.rotated", "key.revoked"]


async def test_a_refused_rotation_changes_nothing(office: Office, database: Database) -> None:
    key, text = await office.keys.create(office.owner, "CI", ALL)
    with pytest.raises(SkyhookError):
        await office.keys.rotate(office.owner, key.id, timedelta(days=31))
    assert (await authenticate(office, text)).key_id == key.id
