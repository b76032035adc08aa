"""Billing details as somebody gives them, checked."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

from skyhook.errors import InvalidInput
from skyhook.invoices.countries import COUNTRIES

_TAX_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./-]{2,28}[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class GivenDetails:
    """The columns of `BillingDetails`; what is empty is not given."""

    legal_name: str
    line1: str
    city: str
    country: str
    line2: str = ""
    postal_code: str = ""
    tax_id: str = ""
    purchase_reference: str = ""

    def checked(self) -> dict[str, str]:
        """The values without spaces around them. Raises InvalidInput, with the field's name in camelCase."""
        values = {name: value.strip() for name, value in asdict(self).items()}
        for name, label, most, is_needed in _FIELDS:
            text = values[name]
            if is_needed and not text:
                raise InvalidInput(f"{label} is missing.", field=_camel(name))
            if len(text) > most or not text.isprintable():
                raise InvalidInput(f"{label} has at most {most} characters, on one line.", field=_camel(name))
        values["country"] = values["country"].upper()
        if values["country"] not in COUNTRIES:
            raise InvalidInput("Name the country by its two letters, such as DE or US.", field="country")
        if values["tax_id"] and not _TAX_ID.fullmatch(values["tax_id"]):
            raise InvalidInput(
                "A tax id has 4 to 30 letters and digits, such as DE123456789; leave it empty for none.",
                field="taxId",
            )
        return values


_FIELDS = (
    ("legal_name", "The legal name", 200, True),
    ("line1", "The address", 200, True),
    ("line2", "The address's second line", 200, False),
    ("city", "The city", 100, True),
    ("postal_code", "The postal code", 20, False),
    ("country", "The country", 2, True),
    ("tax_id", "The tax id", 30, False),
    ("purchase_reference", "The purchase reference", 80, False),
)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
