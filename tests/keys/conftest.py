"""An organization with an owner, for the tests of keys."""

from __future__ import annotations

from dataclasses import dataclass

import pytest_asyncio

from skyhook.accounts.service import Accounts
from skyhook.database import Database
from skyhook.keys.authentication import Authentication
from skyhook.keys.service import Keys
from skyhook.operations.caller import Caller

SECRET = b"s" * 32
SCOPES = frozenset({"chat:complete", "chat:read", "keys:read", "keys:write"})


@dataclass
class Office:
    """The services of keys, and an owner's session."""

    authentication: Authentication
    keys: Keys
    owner: Caller


@pytest_asyncio.fixture
async def office(database: Database) -> Office:
    accounts = Accounts(database)
    user = await accounts.create_user("owner@example.com", "Owner")
    organization = await accounts.create_organization("Example", "example", user.id)
    authentication = Authentication(database, SECRET)
    owner = Caller(organization.id, user.id, None, frozenset({"*"}))
    return Office(authentication, Keys(database, authentication, SECRET, SCOPES), owner)
