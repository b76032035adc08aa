"""Pages that a plugin brings to the console: who sees them, what its forms do, and what goes wrong in it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from tests.console.conftest import ADMINISTRATOR, browser, log_in, password
from tests.console.test_login import form_token
from tests.console.test_routes import People
from tests.serving import Server

from skyhook.accounts.models import Role

PLUGIN = "/console/o/first/plugins/probe"
PAGE = f"{PLUGIN}/pages/words"
CREDIT = "{ viewer { organization { balance { balance } } } }"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One whose log may have the trace of what the plugin raises."""
    server = Server(tmp_path_factory.mktemp("plugin-pages"))
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def people(server: Server) -> Iterator[People]:
    with ExitStack() as browsers:
        yield People(server, browsers)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with browser(server) as client:
        assert log_in(client, ADMINISTRATOR, password(server)).status_code == 303
        yield client


def send(client: httpx.Client, form: str, *, to: str = PAGE, **fields: str) -> httpx.Response:
    data = {"form_token": form_token(client), "text": "word", "behaviour": "none"} | fields
    return client.post(f"{to}/{form}", data=data)


def balance(server: Server) -> int:
    return int(server.graphql(CREDIT)["data"]["viewer"]["organization"]["balance"]["balance"])


def test_a_page_is_shown_in_the_console_with_what_its_function_gives(client: httpx.Client) -> None:
    answer = client.get(f"{PAGE}?of=herons&of=<b>")
    assert answer.status_code == 200
    page = answer.text
    assert "<h1>Words of the probe</h1>" in page
    assert f'<a href="{PAGE}" aria-current="page">Words of the probe</a>' in page
    assert '<td class="number">3</td>' in page
    assert f'href="{PAGE}?behaviour=of&amp;more=a%26b"' in page
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_menus_lead_to_the_page(client: httpx.Client) -> None:
    assert f'data-address="{PAGE}"' in client.get("/console/o/first/keys").text
    assert f'<a href="{PAGE}">Words of the probe</a>' in client.get("/console/o/first/plugins").text
    assert f'<a href="{PAGE}">Words of the probe</a>' in client.get(PLUGIN).text


def test_each_organization_sees_its_own(server: Server, people: People, client: httpx.Client) -> None:
    other = people.browser(None)
    slug = re.search(r'href="/console/o/(other-\w+)"', other.get("/console/account").text)
    assert slug
    whose = [
        re.search(r'<code id="organization">([\w-]+)</code>', one.get(page).text)
        for one, page in ((client, PAGE), (other, PAGE.replace("first", slug[1])))
    ]
    assert whose[0]
    assert whose[1]
    assert whose[0][1] != whose[1][1]
    assert other.get(PAGE).status_code == 404


def test_a_role_without_the_scope_neither_sees_the_page_nor_a_way_to_it(people: People) -> None:
    billing = people.browser(Role.BILLING)
    answer = billing.get(PAGE)
    assert answer.status_code == 403
    assert "probe:read" in answer.text
    assert PAGE not in billing.get("/console/o/first/plugins").text
    assert PAGE not in billing.get(PLUGIN).text


def test_a_form_is_for_those_who_have_its_scope(people: People) -> None:
    viewer, developer = people.browser(Role.VIEWER), people.browser(Role.DEVELOPER)
    assert f'action="{PAGE}/keep"' not in viewer.get(PAGE).text
    assert f'action="{PAGE}/keep"' in developer.get(PAGE).text
    refused = send(viewer, "keep")
    assert refused.status_code == 403
    assert "probe:answer" in refused.text
    assert send(developer, "keep").status_code == 303


def test_a_form_that_changes_something_leads_back_to_the_page(client: httpx.Client) -> None:
    answer = send(client, "keep", to=f"{PAGE}")
    assert answer.headers["location"] == f"{PAGE}?done=keep"
    assert '<p class="done" role="status">It is kept.</p>' in client.get(answer.headers["location"]).text


def test_a_form_keeps_the_query_of_its_page(client: httpx.Client) -> None:
    asked = re.search(rf'action="({PAGE}/keep\?of=1[^"]*)"', client.get(f"{PAGE}?of=1&done=keep").text)
    assert asked
    data = {"form_token": form_token(client), "text": "x", "behaviour": "none"}
    assert client.post(asked[1], data=data).headers["location"] == f"{PAGE}?of=1&done=keep"


def test_what_a_form_gives_is_shown_with_the_page(client: httpx.Client) -> None:
    answer = send(client, "answer", text="<i>said</i>")
    assert answer.status_code == 200
    assert '<p id="said">&lt;i&gt;said&lt;/i&gt;</p>' in answer.text


def test_a_form_that_is_sent_twice_is_done_and_charged_once(server: Server, client: httpx.Client) -> None:
    key = re.search(r'name="idempotency_key" value="([\w-]+)"', client.get(PAGE).text)
    assert key
    before = balance(server)
    for _ in range(2):
        assert send(client, "answer", idempotency_key=key[1]).status_code == 200
    assert before - balance(server) == 1_000_000
    reused = send(client, "answer", text="another", idempotency_key=key[1])
    assert "idempotency key" in reused.text.lower()


def test_a_refusal_is_told_at_its_field_with_what_was_typed(client: httpx.Client) -> None:
    answer = send(client, "keep", text="<b>", behaviour="wrong")
    assert answer.status_code == 400
    assert '<p class="error" role="alert" id="problem">Say something else.</p>' in answer.text
    field = re.search(r'<input[^>]*name="text"[^>]*>', answer.text)
    assert field
    assert 'value="&lt;b&gt;"' in field[0]
    assert 'aria-invalid="true" aria-describedby="problem"' in field[0]


def test_a_form_without_the_sessions_token_never_reaches_the_plugin(client: httpx.Client) -> None:
    answer = send(client, "keep", form_token="0" * 64, behaviour="secret")
    assert answer.status_code == 403
    assert "This page is of before your last login." in answer.text


@pytest.mark.parametrize("behaviour", ["secret", "stumble"])
def test_what_a_plugin_raises_is_a_clear_page_with_the_console_around_it(
    client: httpx.Client, behaviour: str
) -> None:
    answer = client.get(f"{PAGE}?behaviour={behaviour}", headers={"X-Request-Id": f"asked-{behaviour}"})
    assert answer.status_code == 500
    assert "Report it with the reference" in answer.text
    assert "SELECT" not in answer.text
    assert "<h1>Words of the probe</h1>" in answer.text
    assert f'<a href="{PAGE}" aria-current="page">' in answer.text
    assert client.get(PAGE).status_code == 200


def test_what_a_form_raises_is_as_clear_and_noted_among_the_plugins_failures(
    server: Server, client: httpx.Client
) -> None:
    answer = send(client, "keep", behaviour="secret")
    assert answer.status_code == 500
    assert "Report it with the reference" in answer.text
    assert "SELECT secret FROM internals" in server.log()
    deadline = time.monotonic() + 30
    while "page words" not in client.get(PLUGIN).text:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_what_a_plugin_refuses_to_show_is_told_as_it_says_it(client: httpx.Client) -> None:
    answer = client.get(f"{PAGE}?behaviour=missing")
    assert answer.status_code == 404
    assert "There is no such word." in answer.text
    assert f'<a href="{PAGE}" aria-current="page">' in answer.text


def test_a_plugin_that_is_switched_off_has_no_page_and_no_way_to_one(client: httpx.Client) -> None:
    form = {"form_token": form_token(client)}
    assert client.post(f"{PLUGIN}/disable", data=form).status_code == 303
    try:
        assert client.get(PAGE).status_code == 404
        assert send(client, "keep").status_code == 404
        for page in (PLUGIN, "/console/o/first/plugins", "/console/o/first/keys"):
            assert PAGE not in client.get(page).text
    finally:
        client.post(f"{PLUGIN}/enable", data=form)
    assert client.get(PAGE).status_code == 200


@pytest.mark.parametrize("path", ["probe/pages/nothing", "nothing/pages/words", "chat/pages/words"])
def test_a_page_that_no_plugin_brings_is_not_there(client: httpx.Client, path: str) -> None:
    assert client.get(f"/console/o/first/plugins/{path}").status_code == 404
    assert send(client, "nothing").status_code == 404
