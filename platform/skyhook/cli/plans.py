"""`skyhook plans`: what customers can subscribe to by the month."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import click

from skyhook.cli.run import with_services
from skyhook.payments.plan_models import Plan
from skyhook.services import Services


class Cents(click.ParamType[int]):
    """An amount of dollars such as 20 or 12.50, read exactly; in US cents."""

    name = "dollars"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            cents = Decimal(value) * 100
        except InvalidOperation:
            self.fail(f"{value!r} is not an amount such as 12.50", param, ctx)
        if cents != cents.to_integral_value() or not 0 <= cents <= 10**9:
            self.fail("an amount is at least 0 and has at most two decimals", param, ctx)
        return int(cents)


@click.group()
def plans() -> None:
    """Plans: what customers can subscribe to by the month."""


@plans.command("set")
@click.argument("name")
@click.option("--title", help="How customers see it; the default is the name.")
@click.option("--price", type=Cents(), required=True, help="Dollars a month.")
@click.option("--included", type=Cents(), default="0", help="Dollars of credit that each paid month gives.")
@click.option("--discount", type=click.FloatRange(0, 100), default=0.0, help="Per cent off the price list.")
def set_plan(name: str, title: str | None, price: int, included: int, discount: float) -> None:
    """Make the plan NAME, or change it, here and at Stripe, and offer it.

    Whoever has subscribed goes on paying the price they chose.
    """

    async def work(services: Services) -> Plan:
        shown = title or name.replace("-", " ").capitalize()
        return await services.subscriptions.plans.set(name, shown, price, included, round(discount * 100))

    click.echo(_line(with_services(work)))


@plans.command("list")
def list_plans() -> None:
    """Show every plan, those that are withdrawn too."""

    async def work(services: Services) -> list[Plan]:
        return list(await services.subscriptions.plans.all())

    found = with_services(work)
    for plan in found:
        click.echo(_line(plan))
    if not found:
        click.echo("There is no plan yet: skyhook plans set NAME --price DOLLARS")


@plans.command()
@click.argument("name")
def withdraw(name: str) -> None:
    """Offer the plan NAME no more; whoever has it keeps it."""

    async def work(services: Services) -> None:
        await services.subscriptions.plans.withdraw(name)

    with_services(work)
    click.echo(f"{name} is offered no more. `skyhook plans set` offers it again.")


def _line(plan: Plan) -> str:
    offered = "" if plan.is_offered else " (withdrawn)"
    return (
        f"{plan.name}: {plan.title}, ${plan.price / 100:.2f} a month with ${plan.included / 100:.2f} "
        f"of credit and {plan.discount / 100:g} % off{offered}"
    )
