"""`skyhook prices`: the price list."""

from __future__ import annotations

import click

from skyhook.cli.run import with_services
from skyhook.services import Services


@click.group()
def prices() -> None:
    """Prices: set one."""


@prices.command("set")
@click.argument("meter")
@click.argument("nano", type=click.IntRange(0, 10**15))
@click.option("--model", help="For this model alone; without it, for all that have no price of their own.")
def set_price(meter: str, nano: int, model: str | None) -> None:
    """Charge NANO nano-dollars for each unit of METER from now on."""

    async def work(services: Services) -> None:
        await services.seed_prices()
        await services.billing.set_prices(model, {meter: nano})

    with_services(work)
    click.echo(f"{meter} costs {nano} nano-dollars a unit; running servers charge it within half a minute.")
