"""Plans as their operator makes them, and as customers choose among them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import select

from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound
from skyhook.ledger.service import insert_if_absent
from skyhook.payments.plan_gateway import PlanGateway
from skyhook.payments.plan_models import Plan, PlanPrice

NAME = re.compile(r"[a-z][a-z0-9-]{0,38}")
SMALLEST, LARGEST = 100, 1_000_000
"""US cents of a month."""
MOST_INCLUDED = 10 * LARGEST


class Plans:
    """The plans of this instance."""

    def __init__(self, database: Database, gateway: PlanGateway) -> None:
        self._database = database
        self._gateway = gateway

    async def set(self, name: str, title: str, price: int, included: int, discount: int) -> Plan:
        """Makes a plan, or changes it, and offers it; `price` and `included` are US cents.

        Whoever has subscribed goes on paying the price they chose; what is included and the discount change
        for them too, from the next renewal and within half a minute. Raises InvalidInput,
        PaymentsNotConfigured, PaymentProviderUnavailable.
        """
        if not NAME.fullmatch(name):
            raise InvalidInput("A plan's name has small letters, digits and hyphens.", field="name")
        if not 1 <= len(title.strip()) <= 80:
            raise InvalidInput("A plan's title has 1 to 80 characters.", field="title")
        if not SMALLEST <= price <= LARGEST:
            raise InvalidInput(f"A month costs ${SMALLEST // 100} to ${LARGEST // 100:,}.", field="price")
        if not 0 <= included <= MOST_INCLUDED:
            raise InvalidInput(f"A month includes $0 to ${MOST_INCLUDED // 100:,}.", field="included")
        if not 0 <= discount <= 10_000:
            raise InvalidInput("A discount is 0 to 100 per cent.", field="discount")
        async with self._database.read() as session:
            before = await session.get(Plan, name)
        product = before.product if before is not None else None
        if before is not None and before.price == price:
            stripe_price = before.stripe_price
        else:
            product, stripe_price = await self._gateway.plan_price(name, title, price, product)
        if before is not None and before.title != title:
            await self._gateway.rename_product(before.product, title)
        async with self._database.write() as session:
            new = {"stripe_id": stripe_price, "plan": name, "price": price}
            await session.execute(insert_if_absent(session, PlanPrice).values(new))
            plan = Plan(
                name=name, title=title.strip(), price=price, included=included, discount=discount,
                is_offered=True, product=product, stripe_price=stripe_price,
            )  # fmt: skip
            return await session.merge(plan)

    async def withdraw(self, name: str) -> None:
        """Offers a plan no more; whoever has it keeps it. Raises NotFound."""
        async with self._database.write() as session:
            plan = await session.get(Plan, name, with_for_update=True)
            if plan is None:
                raise NotFound(f"There is no plan {name!r}.")
            plan.is_offered = False

    async def offered(self) -> Sequence[Plan]:
        """The plans that can be chosen, cheapest first."""
        return [plan for plan in await self.all() if plan.is_offered]

    async def all(self) -> Sequence[Plan]:
        """Every plan, those that were withdrawn too, cheapest first."""
        async with self._database.read() as session:
            return (await session.scalars(select(Plan).order_by(Plan.price, Plan.name))).all()

    async def named(self, name: str | None) -> Plan | None:
        """The plan of a name, offered or not."""
        async with self._database.read() as session:
            return None if name is None else await session.get(Plan, name)
