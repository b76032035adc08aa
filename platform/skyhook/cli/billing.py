"""`skyhook billing`: payments by card, as their operator sees them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from uuid import UUID

import click

from skyhook.billing.reconciliation import reconcile_side_by_side
from skyhook.cli.run import with_services
from skyhook.database import Database
from skyhook.payments.checkup import checkup, checkup_of_meters, differences
from skyhook.payments.plan_checkup import plan_checkup, plan_differences
from skyhook.payments.reconciliation import verify as verify_payments
from skyhook.services import Services


@click.group()
def billing() -> None:
    """Billing: payments through Stripe, and whether all books agree."""


@billing.command("stripe-check")
@click.option("--create", "creates", is_flag=True, help="Make the meters of usage that Stripe has not.")
def stripe_check(creates: bool) -> None:
    """Ask Stripe whether its account is set up for this instance; exit with 1 where something is missing."""

    async def work(services: Services) -> list[tuple[bool, str]]:
        configuration, gateway = services.configuration, services.payments.gateway
        has_secret = configuration.stripe_webhook_secret is not None
        found = await asyncio.to_thread(checkup, gateway, configuration.address, has_secret=has_secret)
        if configuration.stripe_meters:
            found += await checkup_of_meters(
                services.database, gateway, services.plugins.meters, creates=creates
            )
        elif creates:
            raise click.UsageError("--create needs SKYHOOK_STRIPE_METERS=on: it makes the meters of usage.")
        found += await asyncio.to_thread(plan_checkup, gateway, await services.subscriptions.plans.offered())
        return found

    found = with_services(work)
    for is_right, sentence in found:
        click.secho(f"{'ok ' if is_right else 'no '} {sentence}", fg="green" if is_right else "red")
    if not all(is_right for is_right, _ in found):
        raise SystemExit(1)


@billing.command()
def reconcile() -> None:
    """Compare usage, the ledger and Stripe; print every difference and exit with 1 if there is one."""

    async def work(services: Services) -> list[str]:
        database, payments = services.database, services.payments
        parts = [reconcile_side_by_side(database), payments_here(database)]
        if payments.are_taken:
            parts.append(differences(database, payments.gateway))
            parts.append(plan_differences(database, payments.gateway))
        return [finding for findings in await asyncio.gather(*parts) for finding in findings]

    async def payments_here(database: Database) -> list[str]:
        async with database.read() as session:
            return await verify_payments(session)

    findings = with_services(work)
    for finding in findings:
        click.secho(finding, fg="red")
    if findings:
        raise SystemExit(1)
    click.echo("Usage, charges, the ledger and payments agree.")


@billing.command()
@click.argument("event", required=False)
def replay(event: str | None) -> None:
    """Apply one of Stripe's events again (evt_...), or all that were given up."""

    async def work(services: Services) -> int:
        count = await services.payments.inbox.replay(event)
        while await services.payments.inbox.apply_due():
            pass
        return count

    click.echo(f"{with_services(work)} applied again.")


@billing.command()
@click.argument("payment", type=click.UUID)
@click.argument("dollars", required=False, type=Decimal)
def refund(payment: UUID, dollars: Decimal | None) -> None:
    """Give PAYMENT back to its card, all that is left of it or so many DOLLARS, and take its credit back."""
    cents = None if dollars is None else dollars * 100
    if cents is not None and cents != cents.to_integral_value():
        raise click.BadParameter("An amount has at most two decimals.")

    async def work(services: Services) -> int:
        found = await services.payments.refund(payment, None if cents is None else int(cents))
        return found.taken_back

    click.echo(f"{Decimal(with_services(work)) / 100} dollars of it are given back now.")
