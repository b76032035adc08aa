"""Passkeys: which answers of devices are believed."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from skyhook.accounts import challenges
from skyhook.accounts.errors import (
    LoginThrottled,
    PasskeyRefused,
    PasskeysTooMany,
    PasskeysUnavailable,
    PasskeyTaken,
    PasskeyTooLate,
)
from skyhook.accounts.models import LoginFailure, Passkey, UsedChallenge
from skyhook.accounts.passkeys import MOST, Passkeys
from skyhook.accounts.service import Accounts
from skyhook.accounts.sessions import Sessions, Visitor
from skyhook.clock import now
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import NotFound
from skyhook.mail.service import Mail

from .authenticator import PRESENT, Authenticator

ORIGIN, HOST = "https://api.example.com", "api.example.com"
ADDRESS = "192.0.2.1"
SECRET = bytes(32)
OLD = timedelta(hours=1)


@pytest.fixture
def sessions(database: Database) -> Sessions:
    return Sessions(database, SECRET, [])


@pytest.fixture
def passkeys(database: Database, sessions: Sessions, tmp_path: Path) -> Passkeys:
    return at(ORIGIN, database, sessions, tmp_path)


def at(public_url: str, database: Database, sessions: Sessions, folder: Path) -> Passkeys:
    configuration = Configuration(folder, 1, "localhost", str(database.url), public_url=public_url)
    mail = Mail(None, "skyhook@localhost", folder / "mail")
    return Passkeys(database, configuration, SECRET, mail, sessions)


@pytest.fixture
async def visitor(database: Database, sessions: Sessions) -> Visitor:
    return await logged_in(database, sessions, "heron@example.com")


async def logged_in(database: Database, sessions: Sessions, email: str) -> Visitor:
    user = await Accounts(database).create_user(email, "Heron")
    visitor = await sessions.visitor(await sessions.open(user, ADDRESS, "a browser"))
    assert visitor is not None
    return visitor


@pytest.fixture
async def device(passkeys: Passkeys, visitor: Visitor) -> Authenticator:
    """A device whose passkey is registered."""
    device = Authenticator(ORIGIN, HOST)
    await passkeys.add(visitor, " Phone ", device.register(await passkeys.options_to_add(visitor)))
    return device


async def log_in(passkeys: Passkeys, device: Authenticator) -> str:
    return await passkeys.log_in(device.log_in(passkeys.options_to_log_in()), ADDRESS, "a browser")


async def test_a_passkey_logs_its_user_in_and_is_seen_in_the_list(
    passkeys: Passkeys, sessions: Sessions, visitor: Visitor, device: Authenticator
) -> None:
    (before,) = await passkeys.of_user(visitor.user.id)
    assert (before.name, before.used_at) == ("Phone", None)
    found = await sessions.visitor(await log_in(passkeys, device))
    assert found is not None
    assert found.user.id == visitor.user.id
    (after,) = await passkeys.of_user(visitor.user.id)
    assert after.used_at is not None
    assert after.sign_count == device.sign_count


async def test_it_shows_once_more_who_somebody_is_in_their_own_session(
    passkeys: Passkeys, sessions: Sessions, database: Database, visitor: Visitor, device: Authenticator
) -> None:
    options = await passkeys.options_again(visitor)
    assert len(options["allowCredentials"]) == 1
    answer = device.log_in(options)
    other = await logged_in(database, sessions, "ibis@example.com")
    with pytest.raises(PasskeyRefused):
        await passkeys.authenticate(other, answer, ADDRESS)
    with pytest.raises(PasskeyTooLate):  # of another purpose
        await passkeys.log_in(answer, ADDRESS, "a browser")
    token = await passkeys.authenticate(visitor, answer, ADDRESS)
    renewed = await sessions.visitor(token)
    assert renewed is not None
    assert renewed.session.id == visitor.session.id
    assert renewed.session.authenticated_at > visitor.session.authenticated_at


@pytest.mark.parametrize("wrong", ["origin", "host", "unverified", "user", "unknown", "signature"])
async def test_a_wrong_answer_is_refused_and_none_tells_why(
    passkeys: Passkeys, database: Database, device: Authenticator, wrong: str
) -> None:
    match wrong:
        case "origin":
            device.origin = "https://api.example.com.evil.example"
        case "host":
            device.host = "evil.example"
        case "unverified":
            device.flags = PRESENT
        case "user":
            device.user_handle = bytes(16)
        case "unknown":
            device.credential_id = bytes(32)
        case "signature":
            other = Authenticator(ORIGIN, HOST)
            other.credential_id, other.user_handle = device.credential_id, device.user_handle
            device = other
    with pytest.raises(PasskeyRefused) as refused:
        await log_in(passkeys, device)
    assert refused.value.message == "This passkey was not accepted. Try another one, or your password."
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(LoginFailure)) == 1


@pytest.mark.parametrize("wrong", ["origin", "host", "unverified"])
async def test_a_passkey_of_elsewhere_is_not_added(passkeys: Passkeys, visitor: Visitor, wrong: str) -> None:
    device = Authenticator(ORIGIN, HOST)
    match wrong:
        case "origin":
            device.origin = "http://api.example.com"
        case "host":
            device.host = "example.com"
        case "unverified":
            device.flags = PRESENT
    with pytest.raises(PasskeyRefused):
        await passkeys.add(visitor, "Phone", device.register(await passkeys.options_to_add(visitor)))
    assert await passkeys.of_user(visitor.user.id) == []


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", "ÿ", '{"id": "a", "rawId": "a", "type": "b"}'])
async def test_what_is_no_answer_is_refused(passkeys: Passkeys, visitor: Visitor, answer: str) -> None:
    with pytest.raises(PasskeyRefused):
        await passkeys.log_in(answer, ADDRESS, "a browser")
    with pytest.raises(PasskeyRefused):
        await passkeys.add(visitor, "Phone", answer)


async def test_an_answer_is_believed_once_even_if_it_comes_twice_at_once(
    passkeys: Passkeys, database: Database, device: Authenticator
) -> None:
    answer = device.log_in(passkeys.options_to_log_in())
    answers = await asyncio.gather(
        *(passkeys.log_in(answer, ADDRESS, "a browser") for _ in range(4)), return_exceptions=True
    )
    assert len([one for one in answers if isinstance(one, str)]) == 1
    assert {type(one) for one in answers} <= {str, PasskeyTooLate, PasskeyRefused}
    with pytest.raises((PasskeyTooLate, PasskeyRefused)):
        await passkeys.log_in(answer, ADDRESS, "a browser")


async def test_a_synchronized_passkey_which_counts_nothing_is_not_replayed_either(
    passkeys: Passkeys, database: Database, device: Authenticator
) -> None:
    async with database.write() as session:
        await session.execute(update(Passkey).values(sign_count=0))
    device.sign_count = -1
    answer = device.log_in(passkeys.options_to_log_in())
    await passkeys.log_in(answer, ADDRESS, "a browser")
    with pytest.raises(PasskeyTooLate):
        await passkeys.log_in(answer, ADDRESS, "a browser")


async def test_a_challenge_ends_and_is_of_this_instance(
    passkeys: Passkeys, database: Database, sessions: Sessions, device: Authenticator, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(challenges, "ANSWERED_WITHIN", timedelta(seconds=-1))
        options = passkeys.options_to_log_in()
    with pytest.raises(PasskeyTooLate):
        await passkeys.log_in(device.log_in(options), ADDRESS, "a browser")
    configuration = Configuration(tmp_path, 1, "localhost", str(database.url), public_url=ORIGIN)
    mail = Mail(None, "skyhook@localhost", tmp_path / "mail")
    other = Passkeys(database, configuration, bytes(31) + b"1", mail, sessions)
    with pytest.raises(PasskeyTooLate):
        await passkeys.log_in(device.log_in(other.options_to_log_in()), ADDRESS, "a browser")


async def test_a_count_that_goes_back_is_refused_as_a_copys(
    passkeys: Passkeys, device: Authenticator
) -> None:
    await log_in(passkeys, device)
    device.sign_count -= 2
    with pytest.raises(PasskeyRefused):
        await log_in(passkeys, device)


async def test_challenges_that_are_asked_for_write_nothing_and_used_ones_go_when_they_are_old(
    passkeys: Passkeys, database: Database, device: Authenticator
) -> None:
    for _ in range(5):
        passkeys.options_to_log_in()
    await log_in(passkeys, device)
    async with database.write() as session:
        used = await session.scalars(select(UsedChallenge))
        assert len(used.all()) == 2
        await session.execute(update(UsedChallenge).values(expires_at=now() - OLD))
    await log_in(passkeys, device)
    async with database.read() as session:
        assert len((await session.scalars(select(UsedChallenge))).all()) == 1


async def test_failed_answers_are_throttled_for_the_passkey_and_others_still_log_in(
    passkeys: Passkeys, database: Database, sessions: Sessions, device: Authenticator
) -> None:
    other = Authenticator(ORIGIN, HOST)
    visitor = await logged_in(database, sessions, "ibis@example.com")
    await passkeys.add(visitor, "Key", other.register(await passkeys.options_to_add(visitor)))
    device.host = "evil.example"
    for _ in range(10):
        with pytest.raises(PasskeyRefused):
            await log_in(passkeys, device)
    device.host = HOST
    with pytest.raises(LoginThrottled):
        await log_in(passkeys, device)
    await log_in(passkeys, other)


async def test_a_passkey_is_of_one_account_and_a_removed_one_is_refused(
    passkeys: Passkeys, database: Database, sessions: Sessions, visitor: Visitor, device: Authenticator
) -> None:
    other = await logged_in(database, sessions, "ibis@example.com")
    with pytest.raises(PasskeyTaken):
        await passkeys.add(other, "Mine now", device.register(await passkeys.options_to_add(other)))
    device.user_handle = visitor.user.id.bytes
    (passkey,) = await passkeys.of_user(visitor.user.id)
    with pytest.raises(NotFound):
        await passkeys.remove(other, passkey.id)
    await log_in(passkeys, device)
    await passkeys.remove(visitor, passkey.id)
    with pytest.raises(PasskeyRefused):
        await log_in(passkeys, device)


async def test_a_user_has_so_many_passkeys_and_is_not_offered_to_add_one_twice(
    passkeys: Passkeys, visitor: Visitor, device: Authenticator
) -> None:
    for _ in range(MOST - 1):
        one = Authenticator(ORIGIN, HOST)
        await passkeys.add(visitor, "Key", one.register(await passkeys.options_to_add(visitor)))
    options = await passkeys.options_to_add(visitor)
    assert len(options["excludeCredentials"]) == MOST
    with pytest.raises(PasskeysTooMany):
        await passkeys.add(visitor, "Key", Authenticator(ORIGIN, HOST).register(options))


async def test_what_browsers_are_asked_for_needs_the_user_and_names_nobody_at_the_login(
    passkeys: Passkeys, visitor: Visitor, device: Authenticator
) -> None:
    options = passkeys.options_to_log_in()
    assert (options["rpId"], options["userVerification"]) == (HOST, "required")
    assert not options.get("allowCredentials")
    made = await passkeys.options_to_add(visitor)
    assert made["authenticatorSelection"]["residentKey"] == "required"
    assert made["authenticatorSelection"]["userVerification"] == "required"
    assert json.dumps([options, made])


@pytest.mark.parametrize(
    ("address", "origin", "are_possible"),
    [
        ("https://API.example.com:443/", "https://api.example.com", True),
        ("https://api.example.com:8443", "https://api.example.com:8443", True),
        ("http://localhost:8000", "http://localhost:8000", True),
        ("http://api.example.com", "http://api.example.com", False),
        ("https://192.0.2.1", "https://192.0.2.1", False),
    ],
)
async def test_passkeys_are_of_the_public_address_where_browsers_know_them(
    database: Database, sessions: Sessions, tmp_path: Path, address: str, origin: str, *, are_possible: bool
) -> None:
    passkeys = at(address, database, sessions, tmp_path)
    assert (passkeys.origin, passkeys.are_possible) == (origin, are_possible)
    if not are_possible:
        with pytest.raises(PasskeysUnavailable):
            passkeys.options_to_log_in()
