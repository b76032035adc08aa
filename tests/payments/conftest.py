"""Payments over a stand-in for Stripe, on both databases; their rounds run only when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from uuid import UUID

import pytest
from tests.stripe.conftest import stand_in
from tests.stripe.server import SECRET_KEY, StandIn

from skyhook.accounts.models import Member, Role, User
from skyhook.billing import Billing
from skyhook.clock import new_id, now
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.mail.post import Post
from skyhook.mail.service import Mail
from skyhook.operations.caller import Caller
from skyhook.payments import Payments
from skyhook.payments.funds import NANO_PER_CENT
from skyhook.payments.subscriptions import Subscriptions

__all__ = ["stand_in"]


@pytest.fixture
def configuration(tmp_path: Path, stand_in: StandIn) -> Configuration:
    return Configuration(
        data=tmp_path,
        port=8000,
        host="127.0.0.1",
        database_url="sqlite://",
        stripe_secret_key=SECRET_KEY,
        stripe_webhook_secret="whsec_test",
        stripe_url=stand_in.address,
    )


@pytest.fixture
async def payments(database: Database, configuration: Configuration) -> AsyncIterator[Payments]:
    payments = Payments(database, configuration, post_of(database, configuration))
    yield payments
    await payments.close()


@pytest.fixture
async def without_stripe(database: Database, configuration: Configuration) -> Payments:
    """The payments of an instance that takes no cards."""
    bare = replace(configuration, stripe_secret_key=None, stripe_webhook_secret=None, stripe_url=None)
    return Payments(database, bare, post_of(database, bare))


@pytest.fixture
def caller(organization: UUID) -> Caller:
    return Caller(organization, None, None, frozenset({"*"}))


def post_of(database: Database, configuration: Configuration) -> Post:
    return Post(database, Mail(None, "skyhook@localhost", configuration.data / "mail"))


async def owner(database: Database, organization: UUID) -> None:
    """Somebody who gets the organization's letters."""
    async with database.write() as session:
        user = User(id=new_id(), email="owner@example.com", name="Owner", password_hash="", created_at=now())
        session.add(user)
        await session.flush()
        session.add(Member(organization_id=organization, user_id=user.id, role=Role.OWNER))


async def letters(database: Database, configuration: Configuration) -> list[str]:
    """The subjects of the mails that were sent, oldest first."""
    await post_of(database, configuration).round()
    paths = sorted((configuration.data / "mail").glob("*.eml"))
    return [message_from_bytes(path.read_bytes())["Subject"] for path in paths]


async def cents_of(database: Database, organization: UUID) -> int:
    """The organization's credit."""
    balance = (await Billing(database).balance(organization)).balance
    assert balance % NANO_PER_CENT == 0
    return balance // NANO_PER_CENT


async def apply_events(payments: Payments, stand_in: StandIn, *, copies: int = 1) -> None:
    """Gives the instance all that Stripe has to tell, oldest first, and applies it."""
    import json

    from tests.stripe.payments import shown

    for event in list(stand_in.store.all("event"))[::-1] * copies:
        await payments.inbox.receive(json.dumps(shown(event)).encode())
    while await payments.inbox.apply_due():
        pass


@pytest.fixture
def subscriptions(database: Database, payments: Payments) -> Subscriptions:
    return Subscriptions(database, payments)


@pytest.fixture
async def offered(subscriptions: Subscriptions) -> None:
    """Two plans: $20 a month with $25 of credit and 5 per cent off, and $50 with $70 and 10."""
    await subscriptions.plans.set("starter", "Starter", 2_000, 2_500, 500)
    await subscriptions.plans.set("team", "Team", 5_000, 7_000, 1_000)
