"""The first start of an instance: an administrator, an organization with credit, and a first key."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from skyhook.accounts.models import Organization, User
from skyhook.accounts.service import Accounts
from skyhook.billing import Billing
from skyhook.configuration import Configuration, write_private
from skyhook.database import Database
from skyhook.keys.service import KeyLimits, Keys
from skyhook.operations.caller import Caller

ADMINISTRATOR = "admin@localhost"
SLUG = "first"
STARTING_CREDIT = 5_000_000_000
"""Nano-dollars that the first organization, and each of a new account, begins with: 5 dollars."""


@dataclass(frozen=True, slots=True)
class FirstRun:
    """What the first start made, or found made."""

    organization: Organization
    key_file: Path
    password_file: Path
    is_new: bool


async def ensure_first_run(
    configuration: Configuration, database: Database, accounts: Accounts, keys: Keys, billing: Billing
) -> FirstRun:
    """Makes what is missing. It may be cut off anywhere and run again: each step looks before it acts."""
    key_file = configuration.data / "first-key"
    password_file = configuration.data / "first-password"
    user, organization = await _existing(database)
    is_new = organization is None
    if user is None:
        password = secrets.token_urlsafe(15)
        write_private(password_file, password)
        user = await accounts.create_user(
            ADMINISTRATOR, "Administrator", password, is_instance_administrator=True
        )
    if organization is None:
        organization = await accounts.create_organization("First organization", SLUG, user.id)
    await billing.grant(organization.id, STARTING_CREDIT, reason="starting credit", key="starting-credit")
    if not key_file.exists():
        caller = Caller(organization.id, user.id, key_id=None, scopes=frozenset({"*"}))
        _, text = await keys.create(caller, "First key", KeyLimits(scopes=["*"]))
        write_private(key_file, text)
    return FirstRun(organization, key_file, password_file, is_new)


async def _existing(database: Database) -> tuple[User | None, Organization | None]:
    async with database.read() as session:
        user = await session.scalar(select(User).where(User.email == ADMINISTRATOR))
        organization = await session.scalar(select(Organization).where(Organization.slug == SLUG))
    return user, organization
