"""Statements as pages and files, and the entries as they happen."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import httpx
from banking import ENTRY, Bank

EXPORT = """mutation ($wallet: String!, $from: DateTime, $to: DateTime) {
  moneyStatementExport(wallet: $wallet, from: $from, to: $to) { id name mediaType url } }"""
ACTIVITY = f"""subscription ($wallet: String, $after: Int) {{
  moneyActivity(wallet: $wallet, after: $after) {{ {ENTRY} }} }}"""


def moment() -> str:
    return datetime.now(UTC).isoformat()


def export(bank: Bank, wallet: str, **period: str) -> list[dict[str, str]]:
    """The rows of a statement's file."""
    answer = bank.query(EXPORT, wallet=wallet, **period)
    assert "errors" not in answer, answer
    artifact = answer["data"]["moneyStatementExport"]
    assert artifact["mediaType"] == "text/csv"
    assert artifact["name"] == f"statement-{wallet[1:]}.csv"
    return list(csv.DictReader(io.StringIO(httpx.get(artifact["url"]).text)))


def test_opening_entries_and_closing_agree_in_each_period(anna: Bank) -> None:
    wallet, other = anna.open(units=1000), anna.open(units=1000)
    anna.pay(wallet, other, 100)
    between = moment()
    anna.pay(other, wallet, 30)
    anna.pay(wallet, other, 7)
    first, second = anna.statement(wallet, to=between), anna.statement(wallet, **{"from": between})
    assert [int(first[name]["units"]) for name in ("openingBalance", "closingBalance")] == [0, 900]
    assert [int(second[name]["units"]) for name in ("openingBalance", "closingBalance")] == [900, 923]
    assert anna.entries(wallet, to=between) == [(1, 1000, 1000), (2, -100, 900)]
    assert anna.entries(wallet, **{"from": between}) == [(3, 30, 930), (4, -7, 923)]
    empty = anna.statement(wallet, **{"from": between, "to": between})
    assert empty["openingBalance"] == empty["closingBalance"] == first["closingBalance"]
    assert empty["entries"]["edges"] == []


def test_the_entries_are_a_connection(anna: Bank) -> None:
    wallet, other = anna.open(units=100), anna.open()
    for units in (1, 2, 3):
        anna.pay(wallet, other, units)
    query = """query ($wallet: String!, $after: String) { moneyStatement(wallet: $wallet) {
      entries(first: 2, after: $after) {
        edges { node { number } } pageInfo { hasNextPage endCursor } } } }"""
    numbers, after = [], None
    while True:
        page = anna.query(query, wallet=wallet, after=after)["data"]["moneyStatement"]["entries"]
        numbers += [edge["node"]["number"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert numbers == [1, 2, 3, 4]


def test_a_file_has_the_same_exactly(anna: Bank, ben: Bank) -> None:
    wallet, theirs = anna.open(units=100_000), ben.open()
    for units in range(1, 12):
        anna.pay(wallet, theirs, units * 10, memo=f'a "memo", {units}')
    rows = export(anna, wallet)
    assert [row["line"] for row in rows] == ["opening", *["entry"] * 12, "closing"]
    amounts = [Decimal(row["amount"]) for row in rows[1:-1]]
    assert amounts == [Decimal(1000), *(Decimal(-units) / 10 for units in range(1, 12))]
    assert Decimal(rows[0]["balance"]) + sum(amounts) == Decimal(rows[-1]["balance"]) == Decimal("993.40")
    assert (rows[2]["memo"], rows[2]["kind"], rows[2]["currency"]) == ('a "memo", 1', "transfer", "EUR")
    assert rows[2]["counterparty"] == theirs[1:]
    assert [(int(row["number"]), Decimal(row["balance"]) * 100) for row in rows[1:-1]] == [
        (number, balance) for number, _, balance in anna.entries(wallet)
    ]


def test_a_memo_is_no_formula(anna: Bank, ben: Bank) -> None:
    wallet, theirs = anna.open(), ben.open(units=100)
    ben.pay(theirs, wallet, 1, memo='=HYPERLINK("http://evil")')
    assert export(anna, wallet)[1]["memo"] == '\'=HYPERLINK("http://evil")'


def test_nothing_falls_into_an_exported_period_later(anna: Bank) -> None:
    wallet, other = anna.open(units=100), anna.open()
    until = moment()
    before = export(anna, wallet, to=until)
    anna.pay(wallet, other, 1)
    assert export(anna, wallet, to=until) == before


def test_one_key_makes_one_file(anna: Bank) -> None:
    wallet = anna.open(units=100)
    headers = {"Idempotency-Key": f"export {wallet}"}
    files = []
    for _ in range(2):
        files.append(anna.query(EXPORT, headers, wallet=wallet)["data"]["moneyStatementExport"]["id"])
        anna.pay("@treasury", wallet, 1)
    assert files[0] == files[1]


def test_a_wrong_period_is_refused(anna: Bank) -> None:
    wallet = anna.open()
    period = "(wallet: $w, from: $f, to: $t)"
    variables = "($w: String!, $f: DateTime, $t: DateTime)"
    for query in (
        f"query {variables} {{ moneyStatement{period} {{ openingBalance {{ units }} }} }}",
        f"mutation {variables} {{ moneyStatementExport{period} {{ id }} }}",
    ):
        answer = anna.query(query, w=wallet, f="2030-01-01T00:00:00Z", t="2029-01-01T00:00:00Z")
        assert answer["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
        assert answer["errors"][0]["extensions"]["field"] == "to"


def test_activity_tells_of_both_sides_wallets_as_it_happens(anna: Bank, ben: Bank) -> None:
    mine, theirs = anna.open(units=100), ben.open()
    mine_events, their_events = anna.events(ACTIVITY), ben.events(ACTIVITY, wallet=theirs)
    for events in (mine_events, their_events):
        next(events)
    paid = anna.pay(mine, theirs, 60)
    for events, handle, amount, balance in (
        (mine_events, mine, "-60", "40"),
        (their_events, theirs, "60", "60"),
    ):
        entry = next(events)["data"]["moneyActivity"]
        assert (entry["amount"]["units"], entry["balance"]["units"]) == (amount, balance)
        assert entry["wallet"]["handle"] == handle
        assert entry["transfer"]["id"] == paid["id"]


def test_activity_goes_on_behind_a_number_and_leaves_nothing_out(anna: Bank) -> None:
    wallet, other = anna.open(units=100), anna.open()
    for units in (1, 2, 3):
        anna.pay(wallet, other, units)
    events = anna.events(ACTIVITY, wallet=wallet, after=2)
    next(events)
    assert [next(events)["data"]["moneyActivity"]["number"] for _ in range(2)] == [3, 4]
    anna.pay(wallet, other, 4)
    assert next(events)["data"]["moneyActivity"]["amount"]["units"] == "-4"
    events.close()
    refused = list(anna.events(ACTIVITY, after=2))
    assert refused[1]["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
