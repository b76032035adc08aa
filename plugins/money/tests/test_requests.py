"""Requests: a payee asks, the payer accepts or declines, once."""

from __future__ import annotations

import time

import pytest
from banking import FIELDS, Bank, eur


def ask(bank: Bank, payer: str, payee: str, units: int, **more: object) -> str:
    asked = {"from": payer, "to": payee, "amount": eur(units), "memo": "rent"} | more
    return bank.do("moneyRequest", input=asked)["id"]  # type: ignore[no-any-return]


def look(bank: Bank, request: str) -> tuple[str, str | None]:
    """A request's state, and the transfer that paid it."""
    query = f"query ($id: ID!) {{ node(id: $id) {{ ... on MoneyRequest {{ {FIELDS['MoneyRequest']} }} }} }}"
    found = bank.query(query, id=request)["data"]["node"]
    return found["state"], found["transferId"]


def test_a_request_that_is_accepted_is_paid_once(anna: Bank, ben: Bank) -> None:
    mine, theirs = anna.open(units=500), ben.open()
    request = ask(ben, mine, theirs, 200)
    assert look(anna, request) == look(ben, request) == ("OPEN", None)
    assert ben.refused("moneyRequestAccept", request=request) == ("FORBIDDEN", None)
    paid = anna.do("moneyRequestAccept", request=request)
    assert (paid["kind"], paid["memo"], paid["amount"]["units"]) == ("REQUEST", "rent", "200")
    assert look(ben, request) == ("PAID", paid["id"])
    for operation in ("moneyRequestAccept", "moneyRequestDecline"):
        assert anna.refused(operation, request=request) == ("REQUEST_NOT_OPEN", None)
    assert ben.refused("moneyRequestCancel", request=request) == ("REQUEST_NOT_OPEN", None)
    assert (anna.balance(mine), ben.balance(theirs)) == ((300, 0), (200, 0))


def test_a_request_that_cannot_be_paid_stays_open(anna: Bank, ben: Bank) -> None:
    mine, theirs = anna.open(units=199), ben.open()
    request = ask(ben, mine, theirs, 200)
    assert anna.refused("moneyRequestAccept", request=request) == ("INSUFFICIENT_FUNDS", None)
    assert look(anna, request) == ("OPEN", None)
    anna.pay("@treasury", mine, 1)
    anna.do("moneyRequestAccept", request=request)
    assert ben.balance(theirs) == (200, 0)


@pytest.mark.parametrize("operation", ["moneyRequestDecline", "moneyRequestCancel"])
def test_a_request_is_declined_by_one_side_and_cancelled_by_the_other(
    anna: Bank, ben: Bank, operation: str
) -> None:
    mine, theirs = anna.open(units=500), ben.open()
    request = ask(ben, mine, theirs, 200)
    may, may_not = (anna, ben) if operation == "moneyRequestDecline" else (ben, anna)
    assert may_not.refused(operation, request=request) == ("FORBIDDEN", None)
    ended = "DECLINED" if may is anna else "CANCELLED"
    assert may.do(operation, request=request)["state"] == ended
    assert anna.refused("moneyRequestAccept", request=request) == ("REQUEST_NOT_OPEN", None)
    assert anna.balance(mine) == (500, 0)


def test_a_request_expires(anna: Bank, ben: Bank) -> None:
    mine, theirs = anna.open(units=500), ben.open()
    request = ask(ben, mine, theirs, 200, expiresIn=1)
    while look(anna, request)[0] == "OPEN":
        time.sleep(0.1)
    assert look(anna, request) == ("EXPIRED", None)
    assert anna.refused("moneyRequestAccept", request=request) == ("REQUEST_NOT_OPEN", None)
    assert anna.balance(mine) == (500, 0)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"to": "MINE", "from": "THEIRS"}, ("NOT_FOUND", "to")),
        ({"from": "THEIRS"}, ("SAME_WALLET", "to")),
        ({"from": "@nobody-has-this"}, ("NOT_FOUND", "from")),
        ({"amount": eur(-5)}, ("AMOUNT_INVALID", "amount")),
        ({"expiresIn": 0}, ("INVALID_INPUT", "expiresIn")),
    ],
)
def test_a_wrong_request_is_refused(
    anna: Bank, ben: Bank, change: dict[str, object], refusal: tuple[str, str]
) -> None:
    names = {"MINE": anna.open(), "THEIRS": ben.open()}
    asked = {"from": names["MINE"], "to": names["THEIRS"], "amount": eur(1)} | change
    asked = {name: names.get(str(value), value) for name, value in asked.items()}
    assert ben.refused("moneyRequest", input=asked) == refusal
