"""Spending alerts over real charges; their rounds run only when a test says so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email import message_from_string
from pathlib import Path
from uuid import UUID

import pytest
from tests.billing.conftest import METERS, Clock, served

from skyhook.accounts.models import Member, Role, User
from skyhook.alerts import Alerts
from skyhook.billing import Billing, Payer
from skyhook.clock import new_id
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.mail.post import Post
from skyhook.mail.service import Mail
from skyhook.operations.caller import Caller
from skyhook.webhooks.service import Webhooks

TOKENS_PER_DOLLAR = 10**7


class Spender:
    """An organization that spends, and whoever is told of it."""

    def __init__(self, database: Database, clock: Clock, folder: Path, organization: UUID) -> None:
        self.database, self.clock, self.organization = database, clock, organization
        self.billing = Billing(database, clock=clock)
        self.post = Post(database, Mail(None, "skyhook@localhost", folder), clock=clock)
        self.folder = folder
        self.webhooks = Webhooks(database, b"s" * 32, allow_private=True, clock=clock)
        self.caller = Caller(organization, None, None, frozenset({"*"}))
        self.alerts = self.process()

    def process(self) -> Alerts:
        """The alerts of one more server process."""
        configuration = Configuration(self.folder, 8000, "127.0.0.1", "sqlite://")
        return Alerts(self.database, configuration, self.post, self.webhooks, clock=self.clock)

    async def grant(self, dollars: int) -> None:
        await self.billing.grant(self.organization, dollars * 10**9, reason="test", key=new_id().hex)

    async def spend(self, dollars: int) -> None:
        payer = Payer(self.organization, None, None, None)
        tokens = dollars * TOKENS_PER_DOLLAR
        hold = await self.billing.hold(payer, {"chat.tokens": tokens}, None)
        await self.billing.settle(served(payer, hold, tokens, at=self.clock()))

    async def letters(self) -> list[tuple[str, str]]:
        """To whom, and the subject, of all that was written."""
        await self.post.round()
        found = [message_from_string(path.read_text()) for path in sorted(self.folder.glob("*.eml"))]
        return sorted((one["To"], one["Subject"]) for one in found)


@pytest.fixture
async def spender(database: Database, organization: UUID, tmp_path: Path) -> AsyncIterator[Spender]:
    """Acme, with an owner and a billing member who are told, and a developer who is not."""
    async with database.write() as session:
        for role in (Role.OWNER, Role.BILLING, Role.DEVELOPER):
            user = User(id=new_id(), email=f"{role}@example.com", name=role, password_hash=None)
            session.add(user)
            await session.flush()
            session.add(Member(organization_id=organization, user_id=user.id, role=role))
    spender = Spender(database, Clock(), tmp_path / "mail", organization)
    await spender.billing.seed_prices(METERS, ())
    yield spender
    await spender.billing.close()
    await spender.webhooks.close()
