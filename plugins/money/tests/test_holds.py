"""Holds: money that is set aside for its payee, until it is captured, released or expires."""

from __future__ import annotations

import time

import pytest
from banking import FIELDS, Bank, eur


def hold(bank: Bank, payer: str, payee: str, units: int, **more: object) -> str:
    asked = {"from": payer, "to": payee, "amount": eur(units)} | more
    return bank.do("moneyHold", input=asked)["id"]  # type: ignore[no-any-return]


def look(bank: Bank, hold_id: str) -> tuple[str, int]:
    """A hold's state and what of it remains."""
    query = f"query ($id: ID!) {{ node(id: $id) {{ ... on MoneyHold {{ {FIELDS['MoneyHold']} }} }} }}"
    found = bank.query(query, id=hold_id)["data"]["node"]
    return found["state"], int(found["remaining"]["units"])


def test_what_is_held_cannot_be_spent_and_is_captured_in_parts(anna: Bank, ben: Bank) -> None:
    mine, theirs = anna.open(units=100), ben.open()
    held = hold(anna, mine, theirs, 80)
    assert anna.balance(mine) == (100, 80)
    asked = {"from": mine, "to": theirs, "amount": eur(21)}
    assert anna.refused("moneyTransfer", input=asked) == ("INSUFFICIENT_FUNDS", None)
    part = ben.do("moneyCapture", hold=held, amount=eur(30))
    assert (part["kind"], part["amount"]["units"], part["holdId"]) == ("CAPTURE", "30", held)
    assert look(ben, held) == look(anna, held) == ("OPEN", 50)
    assert ben.refused("moneyCapture", hold=held, amount=eur(51)) == ("HOLD_NOT_OPEN", None)
    assert ben.do("moneyCapture", hold=held)["amount"]["units"] == "50"
    assert look(ben, held) == ("CAPTURED", 0)
    assert (anna.balance(mine), ben.balance(theirs)) == ((20, 0), (80, 0))
    assert ben.refused("moneyCapture", hold=held) == ("HOLD_NOT_OPEN", None)
    assert ben.refused("moneyRelease", hold=held) == ("HOLD_NOT_OPEN", None)


def test_one_key_captures_once(anna: Bank) -> None:
    payer, payee = anna.open(units=100), anna.open()
    held = hold(anna, payer, payee, 80)
    first, second = (anna.do("moneyCapture", f"capture {held}", hold=held, amount=eur(30)) for _ in range(2))
    assert first == second
    assert anna.balance(payer) == (70, 50)


def test_the_payee_lets_go_and_the_payer_cannot(anna: Bank, ben: Bank) -> None:
    mine, theirs = anna.open(units=100), ben.open()
    held = hold(anna, mine, theirs, 80)
    assert anna.refused("moneyRelease", hold=held) == ("FORBIDDEN", None)
    assert anna.refused("moneyCapture", hold=held) == ("FORBIDDEN", None)
    released = ben.do("moneyRelease", hold=held)
    assert (released["state"], released["remaining"]["units"]) == ("RELEASED", "0")
    assert anna.balance(mine) == (100, 0)


def test_an_expired_hold_is_over_and_its_money_free_at_once(anna: Bank) -> None:
    payer, payee = anna.open(units=100), anna.open()
    held = hold(anna, payer, payee, 80, expiresIn=1)
    while look(anna, held)[0] == "OPEN":
        time.sleep(0.1)
    assert look(anna, held) == ("EXPIRED", 0)
    assert anna.refused("moneyCapture", hold=held, amount=eur(1)) == ("HOLD_NOT_OPEN", None)
    anna.pay(payer, payee, 100)
    assert anna.balance(payer) == (0, 0)


def test_what_was_captured_can_be_refunded(anna: Bank, ben: Bank) -> None:
    mine, theirs = anna.open(units=100), ben.open()
    captured = ben.do("moneyCapture", hold=hold(anna, mine, theirs, 80))
    assert ben.do("moneyRefund", transfer=captured["id"])["amount"]["units"] == "80"
    assert anna.balance(mine) == (100, 0)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"amount": eur(101)}, ("INSUFFICIENT_FUNDS", None)),
        ({"amount": eur(0)}, ("AMOUNT_INVALID", "amount")),
        ({"amount": {"units": 1, "currency": "USD"}}, ("CURRENCY_MISMATCH", "currency")),
        ({"expiresIn": 0}, ("INVALID_INPUT", "expiresIn")),
        ({"expiresIn": 2_592_001}, ("INVALID_INPUT", "expiresIn")),
    ],
)
def test_a_wrong_hold_is_refused(
    anna: Bank, change: dict[str, object], refusal: tuple[str, str | None]
) -> None:
    payer, payee = anna.open(units=100), anna.open()
    asked = {"from": payer, "to": payee, "amount": eur(1)} | change
    assert anna.refused("moneyHold", input=asked) == refusal
    assert anna.balance(payer) == (100, 0)


def test_a_wrong_capture_is_refused(anna: Bank) -> None:
    payer, payee = anna.open(units=100), anna.open()
    held = hold(anna, payer, payee, 80)
    assert anna.refused("moneyCapture", hold=held, amount=eur(0)) == ("AMOUNT_INVALID", "amount")
    dollars = {"units": 1, "currency": "USD"}
    assert anna.refused("moneyCapture", hold=held, amount=dollars) == ("CURRENCY_MISMATCH", "currency")
    other = anna.pay(payer, payee, 1)["id"]
    assert anna.refused("moneyCapture", hold=other) == ("INVALID_INPUT", "hold")
    assert look(anna, held) == ("OPEN", 80)


def test_a_wallet_with_a_hold_is_not_closed_and_a_closed_one_captures_nothing(anna: Bank) -> None:
    payer, payee = anna.open(units=80), anna.open()
    held = hold(anna, payer, payee, 80)
    assert anna.refused("moneyWalletClose", wallet=payer) == ("WALLET_NOT_EMPTY", None)
    anna.do("moneyWalletClose", wallet=payee)
    assert anna.refused("moneyCapture", hold=held) == ("WALLET_CLOSED", None)
    assert anna.do("moneyRelease", hold=held)["state"] == "RELEASED"
    assert anna.balance(payer) == (80, 0)
