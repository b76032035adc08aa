"""Wallets, transfers and refunds, between two organizations."""

from __future__ import annotations

import pytest
from banking import FIELDS, Bank, eur


def test_a_wallet_is_opened_and_found_by_handle_and_id(anna: Bank) -> None:
    made = anna.do("moneyWalletCreate", input={"handle": "@shop", "name": "The shop", "currency": "EUR"})
    assert made["balance"] == {"units": "0", "currency": "EUR", "scale": 2, "text": "0.00"}
    query = f"query ($wallet: String!) {{ moneyWallet(wallet: $wallet) {{ {FIELDS['MoneyWallet']} }} }}"
    assert anna.query(query, wallet="@shop")["data"]["moneyWallet"] == made
    assert anna.query(query, wallet=made["id"])["data"]["moneyWallet"] == made
    node = f"query ($id: ID!) {{ node(id: $id) {{ ... on MoneyWallet {{ {FIELDS['MoneyWallet']} }} }} }}"
    assert anna.query(node, id=made["id"])["data"]["node"] == made


@pytest.mark.parametrize(("currency", "text"), [("EUR", "10.50"), ("JPY", "1050"), ("BHD", "1.050")])
def test_an_amount_has_the_scale_of_its_currency(anna: Bank, currency: str, text: str) -> None:
    wallet = anna.open(currency)
    assert anna.operate("issue", wallet, text) == f"{wallet} has {text} {currency}."
    assert anna.balance(wallet) == (1050, 0)


def test_money_moves_to_another_organization(anna: Bank, ben: Bank) -> None:
    mine, theirs = anna.open(units=1000, name="Anna"), ben.open(name="Ben")
    moved = anna.pay(mine, theirs, 300, memo="lunch")
    assert moved["from"] == {"handle": mine, "name": "Anna"}
    assert moved["to"] == {"handle": theirs, "name": "Ben"}
    assert (moved["kind"], moved["memo"], moved["amount"]["text"]) == ("TRANSFER", "lunch", "3.00")
    assert (anna.balance(mine), ben.balance(theirs)) == ((700, 0), (300, 0))
    node = f"query ($id: ID!) {{ node(id: $id) {{ ... on MoneyTransfer {{ {FIELDS['MoneyTransfer']} }} }} }}"
    for bank in (anna, ben):
        assert bank.query(node, id=moved["id"])["data"]["node"] == moved


def test_one_key_moves_once_and_is_charged_once(anna: Bank) -> None:
    payer, payee = anna.open(units=1000), anna.open()
    credit = anna.credit()
    asked = {"from": payer, "to": payee, "amount": eur(10)}
    answers = [anna.do("moneyTransfer", "one-key", input=asked) for _ in range(3)]
    assert answers == [answers[0]] * 3
    assert anna.balance(payer) == (990, 0)
    assert credit - anna.credit() == 100_000
    assert (
        anna.ask("moneyTransfer", "one-key", input=asked | {"amount": eur(11)})["errors"][0]["extensions"][
            "code"
        ]
        == "IDEMPOTENCY_KEY_REUSED"
    )


def test_the_key_may_be_an_argument(anna: Bank) -> None:
    payer, payee = anna.open(units=1000), anna.open()
    query = """mutation ($input: MoneyTransferInput!) {
      moneyTransfer(input: $input, idempotencyKey: "argument") { id } }"""
    asked = {"from": payer, "to": payee, "amount": eur(10)}
    first, second = (anna.query(query, input=asked)["data"]["moneyTransfer"] for _ in range(2))
    assert first == second
    assert anna.balance(payee) == (10, 0)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"amount": eur(0)}, ("AMOUNT_INVALID", "amount")),
        ({"amount": eur(-1)}, ("AMOUNT_INVALID", "amount")),
        ({"amount": eur(10**15 + 1)}, ("AMOUNT_INVALID", "amount")),
        ({"amount": eur(2**63)}, ("BAD_VARIABLE", "input.amount.units")),
        ({"amount": eur(1.5)}, ("BAD_VARIABLE", "input.amount.units")),  # type: ignore[arg-type]
        ({"amount": {"units": 1, "currency": "USD"}}, ("CURRENCY_MISMATCH", "currency")),
        ({"amount": {"units": 1, "currency": "XYZ"}}, ("CURRENCY_UNKNOWN", "currency")),
        ({"amount": {"units": 1, "currency": "XAU"}}, ("CURRENCY_UNKNOWN", "currency")),
        ({"amount": eur(101)}, ("INSUFFICIENT_FUNDS", None)),
        ({"to": "PAYER"}, ("SAME_WALLET", "to")),
        ({"to": "@nobody-has-this"}, ("NOT_FOUND", "to")),
        ({"to": "nonsense"}, ("INVALID_INPUT", "to")),
        ({"from": "THEIRS"}, ("NOT_FOUND", "from")),
        ({"memo": "x" * 141}, ("INVALID_INPUT", "memo")),
        ({"memo": "two\nlines"}, ("INVALID_INPUT", "memo")),
    ],
)
def test_a_wrong_transfer_is_refused_and_moves_nothing(
    anna: Bank, ben: Bank, change: dict[str, object], refusal: tuple[str, str | None]
) -> None:
    payer, payee = anna.open(units=100), ben.open(units=100)
    names = {"PAYER": payer, "THEIRS": payee}
    asked = {"from": payer, "to": payee, "amount": eur(1)} | change
    asked = {name: names.get(str(value), value) for name, value in asked.items()}
    code, field = anna.refused("moneyTransfer", input=asked)
    assert code == refusal[0]
    assert refusal[1] is None or (field or "").endswith(refusal[1])
    assert (anna.balance(payer), ben.balance(payee)) == ((100, 0), (100, 0))


def test_wallets_of_two_currencies_do_not_pay_each_other(anna: Bank) -> None:
    payer, payee = anna.open(units=100), anna.open("JPY")
    asked = {"from": payer, "to": payee, "amount": eur(1)}
    assert anna.refused("moneyTransfer", input=asked) == ("CURRENCY_MISMATCH", "currency")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"handle": "@ab"}, ("INVALID_INPUT", "handle")),
        ({"handle": "@Shop"}, ("INVALID_INPUT", "handle")),
        ({"handle": "@taken"}, ("HANDLE_TAKEN", "handle")),
        ({"name": ""}, ("INVALID_INPUT", "name")),
        ({"currency": "eur"}, ("CURRENCY_UNKNOWN", "currency")),
    ],
)
def test_a_wrong_wallet_is_refused(
    anna: Bank, ben: Bank, change: dict[str, object], refusal: tuple[str, str]
) -> None:
    ben.ask("moneyWalletCreate", "taken", input={"handle": "@taken", "name": "B", "currency": "EUR"})
    asked = {"handle": "@sound-one", "name": "A wallet", "currency": "EUR"} | change
    assert anna.refused("moneyWalletCreate", input=asked) == refusal


def test_a_wallet_is_closed_once_it_is_empty(anna: Bank) -> None:
    wallet, other = anna.open(units=100), anna.open(units=100)
    assert anna.refused("moneyWalletClose", wallet=wallet) == ("WALLET_NOT_EMPTY", None)
    anna.pay(wallet, other, 100)
    closed = anna.do("moneyWalletClose", wallet=wallet)
    assert closed["closedAt"] is not None
    assert anna.do("moneyWalletClose", wallet=wallet) == closed
    for payer, payee in ((wallet, other), (other, wallet)):
        asked = {"from": payer, "to": payee, "amount": eur(1)}
        assert anna.refused("moneyTransfer", input=asked) == ("WALLET_CLOSED", None)
    assert anna.entries(wallet) == [(1, 100, 100), (2, -100, 0)]


def test_who_was_paid_gives_it_back_in_parts_and_never_more(anna: Bank, ben: Bank) -> None:
    mine, theirs = anna.open(units=1000), ben.open(units=1000)
    paid = anna.pay(mine, theirs, 300)["id"]
    assert anna.refused("moneyRefund", transfer=paid) == ("FORBIDDEN", None)
    part = ben.do("moneyRefund", transfer=paid, amount=eur(100), memo="a flaw")
    assert (part["kind"], part["refundOfId"], part["amount"]["units"]) == ("REFUND", paid, "100")
    assert part["from"]["handle"] == theirs
    assert ben.refused("moneyRefund", transfer=paid, amount=eur(201)) == ("REVERSAL_EXCEEDS", None)
    assert ben.refused("moneyRefund", transfer=paid, amount=eur(0)) == ("AMOUNT_INVALID", "amount")
    rest = ben.do("moneyRefund", transfer=paid)
    assert rest["amount"]["units"] == "200"
    assert ben.refused("moneyRefund", transfer=paid) == ("REVERSAL_EXCEEDS", None)
    assert ben.refused("moneyRefund", transfer=paid, amount=eur(1)) == ("REVERSAL_EXCEEDS", None)
    assert anna.refused("moneyRefund", transfer=rest["id"]) == ("NOT_REFUNDABLE", None)
    assert (anna.balance(mine), ben.balance(theirs)) == ((1000, 0), (1000, 0))


def test_a_refund_needs_the_money_to_be_there(anna: Bank, ben: Bank) -> None:
    mine, theirs = anna.open(units=100), ben.open()
    paid = anna.pay(mine, theirs, 100)["id"]
    ben.pay(theirs, ben.open(), 1)
    assert ben.refused("moneyRefund", transfer=paid) == ("INSUFFICIENT_FUNDS", None)
    assert ben.balance(theirs) == (99, 0)


def test_what_was_issued_is_redeemed_and_not_refunded(anna: Bank) -> None:
    wallet = anna.open()
    anna.operate("issue", wallet, "5")
    query = """query ($wallet: String!) {
      moneyTransfers(wallet: $wallet, first: 10) { edges { node { id kind from { handle } memo } } } }"""
    issued = anna.query(query, wallet=wallet)["data"]["moneyTransfers"]["edges"][0]["node"]
    assert (issued["kind"], issued["from"]) == ("ISSUE", None)
    assert anna.refused("moneyRefund", transfer=issued["id"]) == ("NOT_REFUNDABLE", None)
    for _ in range(2):
        assert anna.operate("redeem", wallet, "4.00", f"out {wallet}") == f"{wallet} has 1.00 EUR."
    assert "INSUFFICIENT_FUNDS" in anna.operate("redeem", wallet, "1.01")
    assert anna.entries(wallet) == [(1, 500, 500), (2, -400, 100)]


def test_a_wrong_issue_is_refused(anna: Bank) -> None:
    wallet = anna.open()
    anna.operate("issue", wallet, "1.00", f"the same {wallet}")
    for amount in ("1.005", "-1", "0", "nan", "inf", "1e30", "one"):
        assert "AMOUNT_INVALID" in anna.operate("issue", wallet, amount)
    assert "NOT_FOUND" in anna.operate("issue", "@nobody-has-this", "1")
    assert "IDEMPOTENCY_KEY_REUSED" in anna.operate("issue", wallet, "2", f"the same {wallet}")
    assert "INVALID_INPUT" in anna.operate("issue", wallet, "1", "x" * 141)
    assert anna.balance(wallet) == (100, 0)
