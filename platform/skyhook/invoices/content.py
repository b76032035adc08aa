"""What stands on a billing document: the seller, the customer and the lines, as they were at its issue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from skyhook.accounts.models import Organization
from skyhook.configuration import Configuration
from skyhook.invoices.countries import COUNTRIES
from skyhook.invoices.models import BillingDetails


@dataclass(frozen=True, slots=True)
class Party:
    """Who sells, or who buys."""

    name: str
    address: tuple[str, ...] = ()
    """Line by line."""
    tax_id: str = ""
    purchase_reference: str = ""
    """What the customer wants to find on documents."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a document. Amounts are nano-dollars."""

    title: str
    amount: int
    detail: str = ""
    """Such as the model that was used."""
    quantity: int = 1
    unit: str = ""
    """Singular; empty where nothing is counted."""
    unit_price: int | None = None
    """What each unit cost, where that was the same for all of them."""
    meter: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """All that is kept of a document beside its amounts."""

    seller: Party
    customer: Party
    lines: tuple[Line, ...]
    refers_to: str = ""
    """The number of the document that this one corrects."""
    payment: str = ""
    """How Stripe names the payment."""
    paid_on: str = ""
    """The day in UTC of a payment by card, as `YYYY-MM-DD`."""

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Content:
        """What a document's row has."""
        return msgspec.convert(stored, cls)

    def stored(self) -> dict[str, Any]:
        """As a document's row has it."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built


def seller_of(configuration: Configuration) -> Party:
    """The operator of the instance, as its settings name it."""
    return Party(configuration.seller_name, configuration.seller_address, configuration.seller_tax_id or "")


def customer_of(organization: Organization, details: BillingDetails | None) -> Party:
    """An organization by its billing details; by its name alone where it has given none."""
    if details is None:
        return Party(organization.name)
    address = (
        details.line1,
        details.line2,
        f"{details.postal_code} {details.city}".strip(),
        COUNTRIES[details.country],
    )
    return Party(
        details.legal_name,
        tuple(line for line in address if line),
        details.tax_id,
        details.purchase_reference,
    )
