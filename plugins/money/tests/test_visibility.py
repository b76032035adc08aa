"""Who sees and may do what: scopes of keys, and other organizations."""

from __future__ import annotations

import re

import pytest
from banking import OPERATIONS, Bank, document, eur
from tests.serving import Server

SCOPES = {
    "moneyWalletCreate": "money:manage",
    "moneyWalletClose": "money:manage",
    "moneyTransfer": "money:move",
    "moneyRefund": "money:move",
    "moneyHold": "money:move",
    "moneyCapture": "money:request",
    "moneyRelease": "money:request",
    "moneyRequest": "money:request",
    "moneyRequestAccept": "money:move",
    "moneyRequestDecline": "money:move",
    "moneyRequestCancel": "money:request",
}
READS = [
    "query ($wallet: String!) { moneyWallet(wallet: $wallet) { id } }",
    "query ($wallet: String!) { moneyStatement(wallet: $wallet) { closingBalance { units } } }",
    "query ($wallet: String!) { moneyTransfers(wallet: $wallet, first: 1) { edges { node { id } } } }",
    "query ($wallet: String!) { moneyHolds(wallet: $wallet, first: 1) { edges { node { id } } } }",
    "query ($wallet: String!) { moneyRequests(wallet: $wallet, first: 1) { edges { node { id } } } }",
    "mutation ($wallet: String!) { moneyStatementExport(wallet: $wallet) { id } }",
]
LISTS = [
    "{ moneyWallets(first: 1) { edges { node { id } } } }",
    "{ moneyTransfers(first: 1) { edges { node { id } } } }",
    "{ moneyHolds(first: 1) { edges { node { id } } } }",
    "{ moneyRequests(first: 1) { edges { node { id } } } }",
    "{ moneyActions(first: 1) { edges { node { operation } } } }",
]


def code(answer: dict[str, object]) -> object:
    return answer["errors"][0]["extensions"]["code"]  # type: ignore[index]


def with_scopes(bank: Bank, *scopes: str) -> Bank:
    """The same organization by a key that may do less."""
    create = "mutation ($input: KeyCreateInput!) { keyCreate(input: $input) { secret } }"
    answer = bank.query(create, input={"name": "narrow", "scopes": list(scopes)})
    return Bank(bank.server, answer["data"]["keyCreate"]["secret"])


@pytest.fixture(scope="module")
def things(anna: Bank) -> dict[str, str]:
    """One of everything, of the first organization alone."""
    payer, payee = anna.open(units=1000), anna.open()
    asked = {"from": payer, "to": payee, "amount": eur(10)}
    wallet = anna.query(READS[0], wallet=payer)["data"]["moneyWallet"]["id"]
    statement = """query ($w: String!) {
      moneyStatement(wallet: $w) { entries(first: 1) { edges { node { id } } } } }"""
    entries = anna.query(statement, w=payer)["data"]["moneyStatement"]["entries"]["edges"]
    return {
        "wallet": wallet,
        "entry": entries[0]["node"]["id"],
        "transfer": anna.do("moneyTransfer", input=asked)["id"],
        "hold": anna.do("moneyHold", input=asked)["id"],
        "request": anna.do("moneyRequest", input=asked)["id"],
    }


def variables(operation: str, things: dict[str, str]) -> dict[str, object]:
    given: dict[str, object] = dict(things)
    given["input"] = (
        {"handle": "@narrow", "name": "Narrow", "currency": "EUR"}
        if operation == "moneyWalletCreate"
        else {"from": things["wallet"], "to": "@treasury", "amount": eur(1)}
    )
    named = re.findall(r"\$(\w+):", OPERATIONS[operation][0])
    return {name: given[name] for name in named if name in given}


def test_every_operation_needs_its_scope(anna: Bank, things: dict[str, str]) -> None:
    narrow = with_scopes(anna, "money:read")
    for operation in OPERATIONS:
        answer = narrow.query(document(operation), **variables(operation, things))
        assert code(answer) == "SCOPE_MISSING", (operation, answer)
        assert SCOPES[operation] in answer["errors"][0]["message"]


def test_reading_needs_its_scope(anna: Bank, things: dict[str, str]) -> None:
    narrow = with_scopes(anna, "money:move", "money:request", "money:manage")
    for query in READS:
        assert code(narrow.query(query, wallet="@treasury")) == "SCOPE_MISSING", query
    for query in LISTS:
        assert code(narrow.query(query)) == "SCOPE_MISSING", query
    for id in things.values():
        answer = narrow.query("query ($id: ID!) { node(id: $id) { id } }", id=id)
        assert code(answer) == "SCOPE_MISSING"


def test_a_key_that_may_only_ask_cannot_pay(anna: Bank, things: dict[str, str]) -> None:
    narrow = with_scopes(anna, "money:request")
    asked = {"from": things["wallet"], "to": "@treasury", "amount": eur(1)}
    ask = "mutation ($input: MoneyRequestInput!) { moneyRequest(input: $input) { id } }"
    answer = narrow.query(ask, input=asked)
    assert "errors" not in answer, answer
    assert narrow.refused("moneyTransfer", input=asked)[0] == "SCOPE_MISSING"


def test_another_organizations_things_do_not_exist(ben: Bank, things: dict[str, str]) -> None:
    nodes = ben.query("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=list(things.values()))
    assert nodes["data"]["nodes"] == [None] * len(things)
    for query in READS:
        for wallet in (things["wallet"], "@treasury"):
            assert code(ben.query(query, wallet=wallet)) == "NOT_FOUND", query
    for operation in OPERATIONS:
        if operation != "moneyWalletCreate":
            asked = variables(operation, things)
            if operation == "moneyRequest":
                asked["input"] = {"from": "@treasury", "to": things["wallet"], "amount": eur(1)}
            assert code(ben.query(document(operation), **asked)) == "NOT_FOUND", operation


def test_lists_show_the_organizations_own(anna: Bank, ben: Bank, things: dict[str, str]) -> None:
    mine = {"wallet": ben.open(), "other": ben.open()}
    query = "{ moneyWallets(first: 100) { edges { node { id handle } } } }"
    shown = {edge["node"]["handle"] for edge in ben.query(query)["data"]["moneyWallets"]["edges"]}
    assert set(mine.values()) <= shown
    assert "@treasury" not in shown
    for field in ("moneyTransfers", "moneyHolds", "moneyRequests"):
        answer = ben.query(f"{{ {field}(first: 100) {{ edges {{ node {{ id }} }} }} }}")
        edges = answer["data"][field]["edges"]
        assert not {edge["node"]["id"] for edge in edges} & set(things.values())


def test_who_did_what_is_written_down(anna: Bank, server: Server) -> None:
    narrow = with_scopes(anna, "money:*")
    wallet = narrow.open()
    query = "{ moneyActions(first: 1) { edges { node { operation subjectId userId keyId } } } }"
    action = anna.query(query)["data"]["moneyActions"]["edges"][0]["node"]
    assert action["operation"] == "moneyWalletCreate"
    found = anna.query(READS[0], wallet=wallet)["data"]["moneyWallet"]["id"]
    assert action["subjectId"] == found
    node = anna.query("query ($id: ID!) { node(id: $id) { ... on Key { name } } }", id=action["keyId"])
    assert node["data"]["node"]["name"] == "narrow"


def test_statements_and_ledger_agree(server: Server) -> None:
    assert server.command("money", "check").strip() == "The wallets' statements and the ledger agree."
    assert server.command("credit", "check").strip() == "Usage, charges and the ledger agree."
