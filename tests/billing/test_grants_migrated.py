"""Credit of before there were grants."""

from __future__ import annotations

import importlib.util
from types import ModuleType
from uuid import UUID

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Connection

from skyhook.accounts.models import Organization
from skyhook.billing import Billing
from skyhook.billing.funds import Fund, open_fund
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.ledger.service import Movement, post
from skyhook.migrations.environment import FOLDER

from .conftest import prove


def migration() -> ModuleType:
    (path,) = (FOLDER / "versions").glob("*_credit_grants_and_plans.py")
    spec = importlib.util.spec_from_file_location("credit_grants_and_plans", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def migrate(connection: Connection) -> None:
    with Operations.context(MigrationContext.configure(connection)):
        migration()._grant_what_is_there()


async def test_what_an_organization_has_left_becomes_one_grant(
    database: Database, organization: UUID, billing: Billing
) -> None:
    spender, empty = new_id(), new_id()
    async with database.write() as session:
        for one in (spender, empty):
            session.add(Organization(id=one, name="A", slug=f"a-{one.hex}"))
        await session.flush()
        for one, spent in ((organization, 0), (spender, 300), (empty, 1_000)):
            accounts = await open_fund(session, Fund(one))
            await post(session, [Movement(accounts.source, accounts.funded, 1_000)], reference="before")
            if spent:
                await post(session, [Movement(accounts.funded, accounts.spent, spent)], reference="before")
    async with database.write() as session:
        await (await session.connection()).run_sync(migrate)
    for one, left in ((organization, [1_000]), (spender, [700]), (empty, [])):
        found = await billing.grants(one, 10)
        assert [(grant.remaining, grant.expires_at) for grant in found] == [(amount, None) for amount in left]
    await prove(database)
