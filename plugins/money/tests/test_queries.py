"""However many wallets, transfers, holds and requests are shown, the database is asked as often."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.test_n_plus_one import count_queries, run

from skyhook.configuration import Configuration
from skyhook.operations.caller import Caller
from skyhook.plugins.host import PluginHost
from skyhook.services import Services
from skyhook_money.actions import Order, once
from skyhook_money.movements import issue

PARTIES = "from { handle name } to { handle name }"
QUERIES = [
    "{ moneyWallets(first: 50) { edges { node { handle balance { text } held { text } } } } }",
    f"{{ moneyTransfers(first: 50) {{ edges {{ node {{ kind {PARTIES} refunded {{ text }} }} }} }} }}",
    f"{{ moneyHolds(first: 50) {{ edges {{ node {{ state remaining {{ text }} {PARTIES} }} }} }} }}",
    f"{{ moneyRequests(first: 50) {{ edges {{ node {{ state {PARTIES} }} }} }} }}",
    f"""{{ moneyStatement(wallet: "@first") {{
         entries(first: 50) {{ edges {{ node {{
           balance {{ text }} wallet {{ held {{ text }} }} transfer {{ {PARTIES} }} }} }} }} }} }}""",
    "{ moneyActions(first: 50) { edges { node { operation subjectId } } } }",
]


@pytest.fixture
async def services(sqlite_url: Callable[[], str], tmp_path: Path) -> AsyncIterator[Services]:
    """Services that are not started, over an empty database."""
    services = Services.build(Configuration(tmp_path, 0, "127.0.0.1", sqlite_url()), PluginHost.discover())
    await services.seed_prices()
    yield services
    await services.billing.close()
    await services.database.close()


@pytest.fixture
async def caller(services: Services) -> Caller:
    """An organization with credit, and a wallet that has enough."""
    user = await services.accounts.create_user("owner@example.com", "Owner")
    organization = await services.accounts.create_organization("Example", "example", user.id)
    await services.billing.grant(organization.id, 10**9, reason="test", key="test")
    caller = Caller(organization.id, user.id, None, frozenset({"*"}))
    await add_wallet(services, caller, "@first")
    order = Order("issue", None, None, b"")
    await once(services.database, order, lambda session, id: issue(session, id, "@first", 1000, "test"))
    return caller


async def add_wallet(services: Services, caller: Caller, handle: str) -> None:
    new = f'handle: "{handle}", name: "A wallet", currency: "EUR"'
    await run(services, caller, f"mutation {{ moneyWalletCreate(input: {{ {new} }}) {{ id }} }}")


async def add_rows(services: Services, caller: Caller, numbers: range) -> None:
    """Wallets, each with a transfer, a hold and a request."""
    for number in numbers:
        other = f"@wallet-{number}"
        await add_wallet(services, caller, other)
        for operation, payer, payee in (
            ("moneyTransfer", "@first", other),
            ("moneyHold", "@first", other),
            ("moneyRequest", other, "@first"),
        ):
            asked = f'from: "{payer}", to: "{payee}", amount: {{ units: 1, currency: "EUR" }}'
            await run(services, caller, f"mutation {{ {operation}(input: {{ {asked} }}) {{ id }} }}")


async def test_more_rows_need_no_more_queries(services: Services, caller: Caller) -> None:
    await add_rows(services, caller, range(2))
    few = [await count_queries(services, caller, query) for query in QUERIES]
    await add_rows(services, caller, range(2, 9))
    assert [await count_queries(services, caller, query) for query in QUERIES] == few
    assert all(few)
