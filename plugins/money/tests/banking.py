"""The money plugin as its clients see it: two organizations, each with a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
from click.testing import CliRunner
from tests.serving import Server

from skyhook.cli import main

AMOUNT = "{ units currency scale text }"
PARTIES = f"amount {AMOUNT} memo createdAt from {{ handle name }} to {{ handle name }}"
FIELDS = {
    "MoneyWallet": f"""id handle name currency closedAt
        balance {AMOUNT} held {AMOUNT} available {AMOUNT}""",
    "MoneyTransfer": f"id kind {PARTIES} refunded {AMOUNT} refundOfId holdId",
    "MoneyHold": f"id {PARTIES} state remaining {AMOUNT} expiresAt",
    "MoneyRequest": f"id {PARTIES} state transferId expiresAt",
}
OPERATIONS = {
    "moneyWalletCreate": ("$input: MoneyWalletInput!", "input: $input", "MoneyWallet"),
    "moneyWalletClose": ("$wallet: String!", "wallet: $wallet", "MoneyWallet"),
    "moneyTransfer": ("$input: MoneyTransferInput!", "input: $input", "MoneyTransfer"),
    "moneyRefund": (
        '$transfer: ID!, $amount: MoneyAmountInput, $memo: String! = ""',
        "transfer: $transfer, amount: $amount, memo: $memo",
        "MoneyTransfer",
    ),
    "moneyHold": ("$input: MoneyHoldInput!", "input: $input", "MoneyHold"),
    "moneyCapture": (
        "$hold: ID!, $amount: MoneyAmountInput",
        "hold: $hold, amount: $amount",
        "MoneyTransfer",
    ),
    "moneyRelease": ("$hold: ID!", "hold: $hold", "MoneyHold"),
    "moneyRequest": ("$input: MoneyRequestInput!", "input: $input", "MoneyRequest"),
    "moneyRequestAccept": ("$request: ID!", "request: $request", "MoneyTransfer"),
    "moneyRequestDecline": ("$request: ID!", "request: $request", "MoneyRequest"),
    "moneyRequestCancel": ("$request: ID!", "request: $request", "MoneyRequest"),
}
ENTRY = f"number amount {AMOUNT} balance {AMOUNT} transfer {{ id kind }} wallet {{ handle }}"
_NUMBERS = count()


def eur(units: int) -> dict[str, Any]:
    """An amount of euro cents."""
    return {"units": units, "currency": "EUR"}


def document(operation: str) -> str:
    """The mutation with everything that its answer shows."""
    variables, arguments, kind = OPERATIONS[operation]
    return f"mutation ({variables}) {{ {operation}({arguments}) {{ {FIELDS[kind]} }} }}"


@dataclass(frozen=True, slots=True)
class Bank:
    """What one organization does with its key."""

    server: Server
    key: str
    treasury: Bank | None = None
    """Who fills new wallets, from its wallet @treasury; None for the treasurer itself."""

    def ask(self, operation: str, idempotency_key: str | None = None, **variables: Any) -> dict[str, Any]:
        """The whole response to a mutation."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self.query(document(operation), headers, **variables)

    def query(self, query: str, headers: dict[str, str] | None = None, **variables: Any) -> dict[str, Any]:
        """The whole response to a document."""
        with self.server.client(self.key) as client:
            body = {"query": query, "variables": variables}
            response = client.post("/graphql", json=body, headers=headers or {})
            return response.json()  # type: ignore[no-any-return]

    def do(self, operation: str, idempotency_key: str | None = None, **variables: Any) -> dict[str, Any]:
        """What a mutation gives that must succeed."""
        answer = self.ask(operation, idempotency_key, **variables)
        assert "errors" not in answer, (answer, self.server.log()[-3000:])
        return answer["data"][operation]  # type: ignore[no-any-return]

    def refused(self, operation: str, **variables: Any) -> tuple[str, str | None]:
        """The code and the field of a refusal, which is free."""
        answer = self.ask(operation, **variables)
        assert answer.get("errors"), answer
        credit = answer.get("extensions", {}).get("cost", {}).get("credit", {"charged": 0})
        assert credit["charged"] == 0, answer
        error = answer["errors"][0]["extensions"]
        return error["code"], error.get("field")

    def open(self, currency: str = "EUR", *, units: int = 0, name: str = "A wallet") -> str:
        """The @handle of a new wallet, with so much in it."""
        handle = f"@wallet-{next(_NUMBERS)}"
        self.do("moneyWalletCreate", input={"handle": handle, "name": name, "currency": currency})
        if units:
            (self.treasury or self).pay("@treasury", handle, units)
        return handle

    def operate(self, verb: str, handle: str, amount: str, reference: str | None = None) -> str:
        """What the operator's command `skyhook money issue` or `redeem` prints."""
        reference = reference or f"reference-{next(_NUMBERS)}"
        arguments = ["money", verb, "--wallet", handle, "--amount", amount, "--reference", reference]
        return CliRunner().invoke(main, arguments, env=self.server.variables()).output.strip()

    def pay(self, payer: str, payee: str, units: int, **more: Any) -> dict[str, Any]:
        """A transfer that must succeed."""
        return self.do("moneyTransfer", input={"from": payer, "to": payee, "amount": eur(units)} | more)

    def balance(self, handle: str) -> tuple[int, int]:
        """A wallet's balance and what of it is held."""
        query = f"query ($wallet: String!) {{ moneyWallet(wallet: $wallet) {{ {FIELDS['MoneyWallet']} }} }}"
        answer = self.query(query, wallet=handle)
        assert "errors" not in answer, answer
        wallet = answer["data"]["moneyWallet"]
        balance, held, available = (int(wallet[name]["units"]) for name in ("balance", "held", "available"))
        assert available == balance - held
        return balance, held

    def statement(self, handle: str, **period: str) -> dict[str, Any]:
        """A wallet's statement with its first hundred entries."""
        query = f"""query ($wallet: String!, $from: DateTime, $to: DateTime) {{
          moneyStatement(wallet: $wallet, from: $from, to: $to) {{
            openingBalance {AMOUNT} closingBalance {AMOUNT}
            entries(first: 100) {{ edges {{ node {{ {ENTRY} createdAt }} }} }} }} }}"""
        answer = self.query(query, wallet=handle, **period)
        assert "errors" not in answer, answer
        return answer["data"]["moneyStatement"]  # type: ignore[no-any-return]

    def entries(self, handle: str, **period: str) -> list[tuple[int, int, int]]:
        """The number, amount and balance of each entry."""
        edges = self.statement(handle, **period)["entries"]["edges"]
        return [
            (edge["node"]["number"], *(int(edge["node"][field]["units"]) for field in ("amount", "balance")))
            for edge in edges
        ]

    def credit(self) -> int:
        """The organization's credit with the platform, in nano-dollars."""
        answer = self.query("{ viewer { organization { balance { balance } } } }")
        return int(answer["data"]["viewer"]["organization"]["balance"]["balance"])

    def events(self, query: str, **variables: Any) -> Iterator[dict[str, Any]]:
        """The payloads of a subscription over SSE; an empty one when it begins."""
        body = {"query": query, "variables": variables}
        headers = {"Accept": "text/event-stream"}
        with (
            self.server.client(self.key) as client,
            client.stream("POST", "/graphql", json=body, headers=headers, timeout=60) as response,
        ):
            assert response.status_code == httpx.codes.OK, response.read()
            yield {}
            event = ""
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                event = value if name == "event" else event
                if name == "data" and event == "next":
                    yield json.loads(value)


def treasurer(server: Server) -> Bank:
    """The first organization, with a million euros in its wallet @treasury."""
    bank = Bank(server, server.key)
    treasury = {"handle": "@treasury", "name": "Treasury", "currency": "EUR"}
    bank.do("moneyWalletCreate", input=treasury)
    assert bank.operate("issue", "@treasury", "1000000") == "@treasury has 1000000.00 EUR."
    return bank
