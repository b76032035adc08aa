"""Stripe's test cards, as far as payments differ by them: https://docs.stripe.com/testing."""

from __future__ import annotations

from dataclasses import dataclass

VISA = "4242424242424242"
DECLINED = "4000000000000002"
NO_FUNDS = "4000000000009995"
DECLINED_LATER = "4000000000000341"
"""Can be saved; every charge is declined."""
ASKS_ONCE = "4000002500003155"
"""Asks its owner, unless it was set up for later."""
ASKS_ALWAYS = "4000002760003184"
DISPUTED = "4000000000000259"


@dataclass(frozen=True)
class Card:
    """What a card does."""

    number: str
    decline_code: str | None = None
    declines_setup: bool = False
    asks: bool = False
    asks_after_setup: bool = False
    disputes: bool = False


CARDS = {
    card.number: card
    for card in (
        Card(VISA),
        Card(DECLINED, decline_code="generic_decline", declines_setup=True),
        Card(NO_FUNDS, decline_code="insufficient_funds", declines_setup=True),
        Card(DECLINED_LATER, decline_code="generic_decline"),
        Card(ASKS_ONCE, asks=True),
        Card(ASKS_ALWAYS, asks=True, asks_after_setup=True),
        Card(DISPUTED, disputes=True),
    )
}
# The payment methods that Stripe offers by name in place of numbers.
NAMED = {
    "pm_card_visa": VISA,
    "pm_card_chargeDeclined": DECLINED,
    "pm_card_chargeDeclinedInsufficientFunds": NO_FUNDS,
    "pm_card_chargeCustomerFail": DECLINED_LATER,
    "pm_card_authenticationRequiredOnSetup": ASKS_ONCE,
    "pm_card_authenticationRequired": ASKS_ALWAYS,
    "pm_card_createDispute": DISPUTED,
}
