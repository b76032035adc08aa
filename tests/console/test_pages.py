"""What pages show and change, and how large they are."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime

import httpx
import pytest
from tests.console.conftest import browser
from tests.console.test_login import form_token
from tests.serving import Server

from skyhook_console.formats import dollars

KEYS = "/console/o/first/keys"


def make_key(client: httpx.Client, **form: object) -> httpx.Response:
    return client.post(KEYS, data={"form_token": form_token(client), "scopes": "*"} | form)


def secret_of(page: str) -> str:
    found = re.search(r"sk_live_\w+", page)
    assert found, page
    return found[0]


def answer_once(server: Server, key: str) -> dict[str, object]:
    return server.graphql('mutation { probeAnswer(behaviour: "answer", text: "yes") }', key=key)


def test_a_key_is_made_used_seen_in_the_usage_and_revoked(server: Server, client: httpx.Client) -> None:
    made = make_key(client, name="walk", scopes=["probe:answer"], monthly_budget="1.50")
    assert made.status_code == 200
    key = secret_of(made.text)
    assert key not in client.get(KEYS).text
    assert answer_once(server, key)["data"] == {"probeAnswer": "yes"}
    row = re.search(r"<tr[^>]*>\s*<th scope=\"row\">walk</th>.*?</tr>", client.get(KEYS).text, re.DOTALL)
    assert row
    assert "$0.001" in row[0]
    assert "of $1.50" in row[0]
    revoke = re.search(r'action="(/console/o/first/keys/([\w-]+)/revoke)"', row[0])
    assert revoke
    of_key = f"by=operation&key={revoke[2]}"
    (used,) = csv.DictReader(io.StringIO(client.get(f"/console/o/first/usage.csv?{of_key}").text))
    assert {"operation": "probeAnswer", "cost_nano_usd": "1000000"}.items() <= used.items()
    assert f"{datetime.now(UTC):%Y-%m-%d}: $0.001" in client.get(f"/console/o/first/usage?{of_key}").text
    client.post(revoke[1], data={"form_token": form_token(client)})
    assert answer_once(server, key)["errors"][0]["extensions"]["code"] == "KEY_REVOKED"  # type: ignore[index]


def test_a_key_is_rotated_and_the_old_one_ends_when_it_was_asked_to(
    server: Server, client: httpx.Client
) -> None:
    old = secret_of(make_key(client, name="turn").text)
    row = re.search(r'action="(/console/o/first/keys/[\w-]+/rotate)"', client.get(KEYS).text)
    assert row
    answer = client.post(row[1], data={"form_token": form_token(client), "overlap": "0"})
    new = secret_of(answer.text)
    assert answer_once(server, new)["data"] == {"probeAnswer": "yes"}
    assert answer_once(server, old)["errors"][0]["extensions"]["code"] == "KEY_EXPIRED"  # type: ignore[index]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": "  "}, "1 to 200 characters"),
        ({"scopes": []}, "at least one scope"),
        ({"scopes": ["chat:fly"]}, "no scope"),
        ({"monthly_budget": "much"}, "Write dollars"),
        ({"monthly_budget": "-1"}, "A budget is 0"),
        ({"monthly_budget": "1e400"}, "A budget is"),
        ({"rate_limit_per_minute": "2.5"}, "whole number"),
        ({"expires_on": "soon"}, "Write a day"),
        ({"expires_on": "2020-01-01"}, "passed already"),
        ({"allowed_ips": "10.0.0.0/8 home"}, "neither an address nor a network"),
    ],
)
def test_a_wrong_form_is_shown_again_with_what_was_written(
    client: httpx.Client, wrong: dict[str, object], told: str
) -> None:
    answer = make_key(client, **({"name": "kept <b>", "rate_limit_per_minute": "60"} | wrong))
    assert answer.status_code == 400
    assert told in answer.text
    if "name" not in wrong:
        assert "kept &lt;b&gt;" in answer.text
    assert "kept <b>" not in answer.text


@pytest.mark.parametrize(
    "page",
    [
        "",
        "/keys",
        "/keys/new",
        "/usage?period=90",
        "/billing",
        "/billing/statement",
        "/billing/prices",
        "/billing/payments",
        "/billing/plan",
        "/billing/invoices",
        "/billing/invoices/preview",
        "/billing/details",
        "/playground",
        "/playground/chat/talk",
        "/plugins",
        "/plugins/chat",
        "/plugins/probe/pages/words",
        "/jobs",
        "/files",
        "/functions",
        "/members",
        "/audit",
        "/organization",
    ],
)
def test_a_page_with_all_it_loads_is_under_60_kb(client: httpx.Client, page: str) -> None:
    assert 10_000 < weight(client, f"/console/o/first{page}") < 60_000


@pytest.mark.parametrize(
    "page",
    [
        "account",
        "organizations/new",
        "instance/plugins",
        "instance/plugins/imagine",
        "instance/functions",
        "instance/functions/skyhook_functions.chat.local:ChatModel",
    ],
)
def test_a_page_of_the_visitor_is_as_light(client: httpx.Client, page: str) -> None:
    client.post("/console/account/sessions/end-others", data={"form_token": form_token(client)})
    assert 10_000 < weight(client, f"/console/{page}") < 60_000


def test_the_login_with_passkeys_is_as_light(server: Server) -> None:
    with browser(server) as client:
        client.base_url = f"http://localhost:{server.port}"
        assert 10_000 < weight(client, "/console/login") < 60_000


def weight(client: httpx.Client, page: str) -> int:
    """The bytes of a page with all that it loads, as they are sent."""
    answer = client.get(page)
    assert answer.status_code == 200
    size = len(answer.content)
    for address in set(re.findall(r'(?:src|href)="(/console/static/[^"]+)"', answer.text)):
        with client.stream("GET", address, headers={"Accept-Encoding": "gzip"}) as file:
            assert file.status_code == 200, address
            size += sum(map(len, file.iter_raw()))
    return size


def test_an_unknown_address_is_told_as_a_page(client: httpx.Client) -> None:
    for address in ("/console/nothing", "/console/o/first/nothing", "/console/o/first/keys/new/nothing"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert "There is nothing at this address." in answer.text
        assert "script-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (0, "$0.00"),
        (5_000_000_000, "$5.00"),
        (1_000, "$0.000001"),
        (1_234_567_890_000, "$1,234.56789"),
        (-1, "−$0.000000001"),
    ],
)
def test_amounts_are_exact(nano: int, text: str) -> None:
    assert dollars(nano) == text
