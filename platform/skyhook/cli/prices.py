"""`skyhook prices`: the price list, its tiers, and what single organizations pay instead."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import click

from skyhook.billing.rates import Offer
from skyhook.billing.terms import PriceChange
from skyhook.cli.parameters import Moment
from skyhook.cli.run import with_services
from skyhook.services import Services

MODEL = click.option(
    "--model", help="For this model alone; without it, for all that have no price of their own."
)


@click.group()
def prices() -> None:
    """Prices: see and set them, for everybody or for one organization."""


@prices.command("set")
@click.argument("meter")
@click.argument("nano", type=int)
@MODEL
@click.option("--from-quantity", type=int, default=0, help="A tier: from so many units in a month on.")
@click.option("--organization", help="For this organization (its slug) alone, in place of the list's price.")
@click.option("--effective", type=Moment(), help="From this time on; the default is now.")
@click.option("--ends", type=Moment(), help="Until this time; with --organization alone.")
def set_price(
    meter: str,
    nano: int,
    model: str | None,
    from_quantity: int,
    organization: str | None,
    effective: datetime | None,
    ends: datetime | None,
) -> None:
    """Charge NANO nano-dollars for each unit of METER."""
    if ends is not None and organization is None:
        raise click.UsageError("--ends needs --organization: a price of the list holds until the next one.")
    change = PriceChange(meter, model, nano, from_quantity, effective, ends)

    async def work(services: Services) -> None:
        await services.seed_prices()
        await services.billing.set_price(change, await _named(services, organization))

    with_services(work)
    tier = f" from {from_quantity:,} units in a month on" if from_quantity else ""
    since = "" if effective is None else f", from {effective.astimezone(UTC):%Y-%m-%d %H:%M} UTC on"
    click.echo(
        f"{meter} costs {nano} nano-dollars a unit{tier}{since}; "
        "running servers charge it within half a minute."
    )


@prices.command("end")
@click.argument("meter")
@MODEL
@click.option("--organization", required=True, help="Whose own price it is (its slug).")
def end_price(meter: str, model: str | None, organization: str) -> None:
    """End an organization's own price of METER, its tiers too: the list's holds again."""

    async def work(services: Services) -> int:
        found = await services.accounts.organization_named(organization)
        return await services.billing.end_overrides(found.id, meter, model)

    if not with_services(work):
        raise click.ClickException(f"{organization} has no price of its own for {meter}.")
    click.echo(f"{organization} pays the list's price of {meter}, within half a minute.")


@prices.command()
@click.argument("organization")
@click.argument("percent", type=Decimal)
def discount(organization: str, percent: Decimal) -> None:
    """Take PERCENT (such as 12.5; 0 for none) off the list's prices for ORGANIZATION (its slug)."""
    basis_points = percent * 100
    if not basis_points.is_finite() or basis_points != basis_points.to_integral_value():
        raise click.BadParameter("A discount has at most two decimals.")

    async def work(services: Services) -> None:
        found = await services.accounts.organization_named(organization)
        await services.billing.set_discount(found.id, int(basis_points))

    with_services(work)
    click.echo(f"{organization} gets {percent} per cent off the list's prices, within half a minute.")


@prices.command("list")
@click.option("--organization", help="What this organization (its slug) pays.")
def list_prices(organization: str | None) -> None:
    """Show the prices that hold now, in nano-dollars for a unit."""

    async def work(services: Services) -> list[Offer]:
        await services.seed_prices()
        return await services.billing.offers(await _named(services, organization))

    for offer in with_services(work):
        (_, first), *tiers = offer.own or offer.listed
        name = offer.meter if offer.model is None else f"{offer.meter} of {offer.model}"
        steps = "".join(f", {price} from {start:,} units a month on" for start, price in tiers)
        terms = (
            " (its own)" if offer.own else f" less {Decimal(offer.discount) / 100} %" * bool(offer.discount)
        )
        click.echo(f"{name}: {first}{steps}{terms}")


async def _named(services: Services, organization: str | None) -> UUID | None:
    return None if organization is None else (await services.accounts.organization_named(organization)).id
