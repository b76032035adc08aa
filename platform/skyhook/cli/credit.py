"""`skyhook credit`: prepaid credit, and the proof that no charge was lost."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from skyhook.billing.grants import LOWEST_PRIORITY, USUAL_PRIORITY
from skyhook.billing.reconciliation import reconcile_side_by_side
from skyhook.cli.run import with_services
from skyhook.clock import new_id
from skyhook.services import Services

NANO = 1_000_000_000


class Dollars(click.ParamType[int]):
    """An amount such as 12.50, read exactly; in nano-dollars."""

    name = "dollars"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            nano = Decimal(value) * NANO
        except InvalidOperation:
            self.fail(f"{value!r} is not an amount such as 12.50", param, ctx)
        if nano != nano.to_integral_value() or not 0 < nano <= 10**18:
            self.fail("an amount is above 0, at most 10^9, with at most nine decimals", param, ctx)
        return int(nano)


@click.group()
def credit() -> None:
    """Credit: grant some, check the books."""


@credit.command()
@click.argument("organization")
@click.argument("amount", type=Dollars())
@click.option("--reason", default="granted by the operator", show_default=True)
@click.option(
    "--expires", type=click.DateTime(["%Y-%m-%d"]), help="The day (UTC) at whose begin what is left expires."
)
@click.option(
    "--priority",
    type=click.IntRange(0, LOWEST_PRIORITY),
    default=USUAL_PRIORITY,
    show_default=True,
    help="Credit with a lower number is spent first.",
)
@click.option("--key", help="Granting again with the same key changes nothing; the default is a new one.")
def grant(
    organization: str, amount: int, reason: str, expires: datetime | None, priority: int, key: str | None
) -> None:
    """Grant AMOUNT dollars of credit to ORGANIZATION (its slug)."""
    expires_at = None if expires is None else expires.replace(tzinfo=UTC)

    async def work(services: Services) -> int:
        found = await services.accounts.organization_named(organization)
        await services.billing.grant(
            found.id,
            amount,
            reason=reason,
            key=key or str(new_id()),
            expires_at=expires_at,
            priority=priority,
        )
        return (await services.billing.balance(found.id)).balance

    click.echo(f"{organization} has {Decimal(with_services(work)) / NANO} dollars of credit.")


@credit.command()
def check() -> None:
    """Compare usage, charges and the ledger; print every difference and exit with 1 if there is one."""

    async def work(services: Services) -> list[str]:
        return await reconcile_side_by_side(services.database)

    findings = with_services(work)
    for finding in findings:
        click.secho(finding, fg="red")
    if findings:
        raise SystemExit(1)
    click.echo("Usage, charges and the ledger agree.")
