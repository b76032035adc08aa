"""Pages call the API in the name of who is logged in, and no other site can."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest
from strawberry.relay import to_base64
from tests.console.conftest import ADMINISTRATOR, browser
from tests.console.test_people import make_old
from tests.serving import Server

HEADERS = {"Skyhook-Organization": "first"}


def call(client: httpx.Client, headers: dict[str, str]) -> httpx.Response:
    query = 'mutation { probeAnswer(behaviour: "answer", text: "yes") }'
    return client.post("/graphql", json={"query": query}, headers=headers)


def code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


def test_a_page_calls_for_an_organization_and_is_charged_to_it(client: httpx.Client) -> None:
    answer = call(client, HEADERS).json()
    assert answer["data"] == {"probeAnswer": "yes"}
    assert answer["extensions"]["cost"]["credit"]["charged"] == 1_000_000


def test_a_stream_is_for_a_session_too(client: httpx.Client) -> None:
    headers = HEADERS | {"Accept": "text/event-stream"}
    query = 'subscription { probeWords(text: "one", count: 2) }'
    answer = client.post("/graphql", json={"query": query}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert "event: complete" in answer.text


def test_the_cookie_alone_calls_nothing(client: httpx.Client) -> None:
    assert code(call(client, {})) == "UNAUTHENTICATED"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none"])
def test_another_site_calls_nothing(client: httpx.Client, site: str) -> None:
    assert code(call(client, HEADERS | {"Sec-Fetch-Site": site})) == "UNAUTHENTICATED"


def test_no_site_is_allowed_to_send_the_header(client: httpx.Client) -> None:
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Headers": "skyhook-organization"}
    answer = client.options("/graphql", headers=asks | {"Access-Control-Request-Method": "POST"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_an_organization_of_others_is_not_found(client: httpx.Client) -> None:
    assert code(call(client, {"Skyhook-Organization": "other"})) == "NOT_FOUND"


def test_after_the_session_nothing_is_called(server: Server, client: httpx.Client) -> None:
    with browser(server) as other:
        assert code(call(other, HEADERS)) == "SESSION_ENDED"


def test_a_key_goes_before_the_session(server: Server, client: httpx.Client) -> None:
    assert code(call(client, HEADERS | {"Authorization": "Bearer sk_live_wrong"})) == "KEY_INVALID"


DANGEROUS = [
    'keyCreate(input: {name: "K", scopes: ["*"]}) { secret }',
    f'keyRotate(id: "{to_base64("Key", uuid4())}") {{ secret }}',
    f'memberSetRole(id: "{to_base64("Member", uuid4())}", role: OWNER) {{ id }}',
    f'memberRemove(id: "{to_base64("Member", uuid4())}")',
    'memberInvite(email: "heron@example.com", role: ADMIN) { id }',
    "autoTopUpSet(input: {thresholdCents: 500, cents: 2000, monthlyCapCents: 2000}) { paused }",
    'pluginDisable(name: "probe") { name }',
    'pluginEnable(name: "probe") { name }',
]


@pytest.mark.parametrize("field", DANGEROUS, ids=lambda field: field.partition("(")[0])
def test_what_is_dangerous_needs_a_login_of_lately(server: Server, client: httpx.Client, field: str) -> None:
    def ask() -> httpx.Response:
        return client.post("/graphql", json={"query": f"mutation {{ {field} }}"}, headers=HEADERS)

    make_old(server, ADMINISTRATOR)
    assert code(ask()) == "LOGIN_TOO_OLD"
    assert call(client, HEADERS).json()["data"] == {"probeAnswer": "yes"}


def test_a_key_is_not_asked_for_a_login(server: Server, client: httpx.Client) -> None:
    make_old(server, ADMINISTRATOR)
    assert server.graphql('mutation { pluginEnable(name: "probe") { name } }')["data"]
