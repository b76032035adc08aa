"""`skyhook money`: how money comes in and goes out, and the proof that statements and the ledger agree."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

import click
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.plugin import NotFound, WithServices
from skyhook_money import movements
from skyhook_money.actions import Order, once
from skyhook_money.audit import verify
from skyhook_money.currencies import code_of, from_words, in_words
from skyhook_money.tables import Wallet
from skyhook_money.wallets import LEDGER

_WALLET = click.option("--wallet", required=True, help="Its @handle.")
_AMOUNT = click.option("--amount", required=True, help="In the wallet's currency, such as 12.50.")
_REFERENCE = click.option(
    "--reference", required=True, help="What it belongs to; done once for each reference."
)


@click.group()
def money() -> None:
    """Money: issue it into wallets, redeem it, check the books."""


@money.command()
@_WALLET
@_AMOUNT
@_REFERENCE
@click.pass_obj
def issue(with_services: WithServices, wallet: str, amount: str, reference: str) -> None:
    """Bring money into a wallet that arrived outside, such as by bank."""
    click.echo(
        with_services(lambda services: _move(services, "issue", movements.issue, wallet, amount, reference))
    )


@money.command()
@_WALLET
@_AMOUNT
@_REFERENCE
@click.pass_obj
def redeem(with_services: WithServices, wallet: str, amount: str, reference: str) -> None:
    """Take money out of a wallet that was paid out outside."""
    click.echo(
        with_services(lambda services: _move(services, "redeem", movements.redeem, wallet, amount, reference))
    )


@money.command()
@click.pass_obj
def check(with_services: WithServices) -> None:
    """Compare statements with the ledger; print every difference, exit with 1 if there is one."""

    async def work(services: Any) -> list[str]:
        async with services.database.read() as session:
            return await verify(session)

    findings = with_services(work)
    for finding in findings:
        click.secho(finding, fg="red")
    if findings:
        raise SystemExit(1)
    click.echo("The wallets' statements and the ledger agree.")


async def _move(
    services: Any,
    operation: str,
    move: Callable[[AsyncSession, UUID, str, int, str], Awaitable[Sequence[Wallet]]],
    handle: str,
    amount: str,
    reference: str,
) -> str:
    wallet = await _named(services, handle)
    units = from_words(amount, wallet.asset)
    fingerprint = hashlib.sha256(f"{wallet.id} {units}".encode()).digest()
    order = Order(operation, None, f"{operation} {reference}", fingerprint)
    await once(
        services.database, order, lambda session, id: move(session, id, str(wallet.id), units, reference)
    )
    async with services.database.read() as session:
        has = (await LEDGER.balances(session, [wallet.account_id]))[wallet.account_id]
    return f"@{wallet.handle} has {in_words(has.balance, wallet.asset)} {code_of(wallet.asset)}."


async def _named(services: Any, handle: str) -> Wallet:
    async with services.database.read() as session:
        query = select(Wallet).where(Wallet.handle == handle.removeprefix("@"))
        wallet: Wallet | None = (await session.scalars(query)).one_or_none()
    if wallet is None:
        raise NotFound(f"There is no wallet {handle}.")
    return wallet
