"""Credit that runs out: a clear refusal, nothing overspent, and on again after a grant."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.serving import Server

ANSWER = 'mutation { probeAnswer(text: "x") }'  # holds 2,000,000 nano-dollars and costs 1,000,000


def poor(server: Server, slug: str, dollars: str) -> str:
    """A key of a new organization with so much credit."""
    server.command("organizations", "create", slug, "--owner", "admin@localhost")
    server.command("credit", "grant", slug, dollars)
    return server.command("keys", "create", slug).strip()


def balance(server: Server, key: str) -> int:
    answer = server.graphql("{ viewer { organization { balance { balance } } } }", key=key)
    return int(answer["data"]["viewer"]["organization"]["balance"]["balance"])


def test_an_organization_without_credit_is_refused_until_it_has_some(server: Server) -> None:
    key = poor(server, "poor", "0.003")
    answers = [server.graphql(ANSWER, key=key) for _ in range(4)]
    codes = [answer["errors"][0]["extensions"]["code"] if "errors" in answer else None for answer in answers]
    assert codes == [None, None, "INSUFFICIENT_CREDIT", "INSUFFICIENT_CREDIT"]
    assert balance(server, key) == 1_000_000
    server.command("credit", "grant", "poor", "1")
    assert "errors" not in server.graphql(ANSWER, key=key)


def test_many_calls_at_once_never_spend_more_than_there_is(server: Server) -> None:
    key = poor(server, "crowded", "0.02")

    def call(_: int) -> dict[str, Any]:
        return server.graphql(ANSWER, key=key)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(call, range(48)))
    served = sum("errors" not in answer for answer in answers)
    refused = {answer["errors"][0]["extensions"]["code"] for answer in answers if "errors" in answer}
    assert refused == {"INSUFFICIENT_CREDIT"}
    assert balance(server, key) == 20_000_000 - served * 1_000_000 >= 0


def test_the_books_agree(server: Server) -> None:
    assert "agree" in server.command("credit", "check")


@pytest.mark.parametrize("amount", ["0", "-1", "abc", "0.0000000001", "1e10", "nan"])
def test_an_amount_that_makes_no_sense_is_not_granted(server: Server, amount: str) -> None:
    with pytest.raises(RuntimeError, match=r"(?i)amount|invalid value|no such option"):
        server.command("credit", "grant", "first", "--", amount)


def test_a_grant_repeated_with_its_key_is_made_once(server: Server) -> None:
    poor(server, "once", "1")
    for _ in range(2):
        assert "has 3 dollars" in server.command("credit", "grant", "once", "2", "--key", "top-up")
