"""Sign-up: the account and its starting credit are made together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import func, select

from skyhook.accounts import sign_up
from skyhook.accounts.models import Organization, User
from skyhook.accounts.sign_up import STARTING_CREDIT, SignUps
from skyhook.billing import Billing
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.mail.service import Mail

EMAIL, PASSWORD = "heron@example.com", "a long-legged bird"


@pytest.fixture
def sign_ups(database: Database, tmp_path: Path) -> SignUps:
    configuration = Configuration(tmp_path, 1, "localhost", str(database.url), signup_is_open=True)
    return SignUps(database, configuration, bytes(32), Mail(None, "skyhook@localhost", tmp_path / "mail"))


async def ask(sign_ups: SignUps, folder: Path) -> str:
    """The token of the link that a new sign-up is sent."""
    await sign_ups.ask(EMAIL, PASSWORD, "Herons", "127.0.0.1")
    (letter,) = (folder / "mail").iterdir()
    found = re.search(r"/console/signup/([\w-]+)", letter.read_text())
    assert found
    return found[1]


async def rows(database: Database) -> tuple[int | None, int | None]:
    async with database.read() as session:
        users = await session.scalar(select(func.count()).select_from(User))
        return users, await session.scalar(select(func.count()).select_from(Organization))


async def test_an_account_that_is_cut_off_before_its_credit_is_not_made_and_its_link_still_works(
    database: Database, sign_ups: SignUps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await ask(sign_ups, tmp_path)

    async def cut_off(*_: object, **__: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(sign_up.credit, "grant", cut_off)
        with pytest.raises(ConnectionResetError):
            await sign_ups.confirm(token, PASSWORD)
    assert await rows(database) == (0, 0)
    _, organization = await sign_ups.confirm(token, PASSWORD)
    assert (await Billing(database).balance(organization.id)).available == STARTING_CREDIT
    assert await rows(database) == (1, 1)
