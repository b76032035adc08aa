"""An organization switches a plugin off: whatever is asked of it is refused, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select
from tests.keys.conftest import SECRET
from tests.serving import Server
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from skyhook.accounts.models import AuditEvent
from skyhook.accounts.service import Accounts
from skyhook.database import Database
from skyhook.errors import NotFound
from skyhook.keys.authentication import Authentication
from skyhook.keys.service import KeyLimits, Keys
from skyhook.operations.caller import Caller
from skyhook.plugins.errors import PluginDisabled
from skyhook.plugins.host import PluginHost
from skyhook.plugins.manifest import Plugin
from skyhook.plugins.switches import Switches

DISABLE = 'mutation { pluginDisable(name: "probe") { name enabled } }'
ENABLE = 'mutation { pluginEnable(name: "probe") { name enabled } }'
ANSWER = 'mutation { probeAnswer(text: "yes") }'
SUBMIT = "mutation { probeWork(steps: 1, pauseS: 1.5) { id } }"
ASK = 'mutation { probeAsk(operation: "chatStream", request: {messages: []}) }'
WEATHER = Plugin(name="weather", version="1", title="Weather")


def code(answer: dict[str, Any]) -> str:
    found: str = answer["errors"][0]["extensions"]["code"]
    return found


@pytest.fixture
def switched_off(server: Server) -> Iterator[None]:
    assert server.graphql(DISABLE)["data"]["pluginDisable"] == {"name": "probe", "enabled": False}
    yield
    server.graphql(ENABLE)


def test_a_plugin_that_is_switched_off_refuses_calls_at_once_until_it_is_on_again(server: Server) -> None:
    assert server.graphql(ANSWER)["data"] == {"probeAnswer": "yes"}
    server.graphql(DISABLE)
    refused = server.graphql(ANSWER)
    assert code(refused) == "PLUGIN_DISABLED"
    assert "owners or administrators" in refused["errors"][0]["message"]
    assert server.graphql(ENABLE)["data"]["pluginEnable"]["enabled"] is True
    assert server.graphql(ANSWER)["data"] == {"probeAnswer": "yes"}


@pytest.mark.usefixtures("switched_off")
def test_its_streams_jobs_and_connections_are_refused_too(server: Server) -> None:
    assert code(server.graphql(SUBMIT)) == "PLUGIN_DISABLED"
    with server.client() as client:
        stream = client.post(
            "/graphql",
            json={"query": 'subscription { probeWords(text: "so", count: 1) }'},
            headers={"Accept": "text/event-stream"},
        )
    assert "PLUGIN_DISABLED" in stream.text
    headers = {"Authorization": f"Bearer {server.key}"}
    with pytest.raises(InvalidStatus) as refused:
        connect(f"{server.address.replace('http', 'ws')}/p/probe/v1/echo", additional_headers=headers)
    assert refused.value.response.status_code == 403
    assert b"PLUGIN_DISABLED" in refused.value.response.body


def test_an_open_connection_is_closed_at_the_next_thing_that_is_asked_on_it(server: Server) -> None:
    headers = {"Authorization": f"Bearer {server.key}"}
    address = f"{server.address.replace('http', 'ws')}/p/probe/v1/echo"
    with connect(address, additional_headers=headers) as socket:
        assert socket.recv() == "hello "
        server.graphql(DISABLE)
        try:
            socket.send("still there?")
            with pytest.raises(ConnectionClosed):
                socket.recv()
        finally:
            server.graphql(ENABLE)
    assert socket.close_code == 1008
    assert (socket.close_reason or "").startswith("PLUGIN_DISABLED: ")


def test_other_plugins_are_refused_what_they_ask_of_it(server: Server) -> None:
    server.graphql('mutation { pluginDisable(name: "chat") { name } }')
    try:
        assert code(server.graphql(ASK)) == "PLUGIN_DISABLED"
    finally:
        server.graphql('mutation { pluginEnable(name: "chat") { name } }')


def test_a_job_that_waits_is_refused_and_costs_nothing_and_one_that_runs_goes_on(server: Server) -> None:
    running, waiting = (server.graphql(SUBMIT)["data"]["probeWork"]["id"] for _ in range(2))
    until(server, running, "RUNNING")
    server.graphql(DISABLE)
    try:
        refused = until(server, waiting, "FAILED")
        assert refused["error"]["code"] == "PLUGIN_DISABLED"
        assert refused["cost"] == "0"
        assert until(server, running, "COMPLETED")["error"] is None
    finally:
        server.graphql(ENABLE)


def until(server: Server, job_id: str, state: str) -> dict[str, Any]:
    query = "query ($id: ID!) { job(id: $id) { state cost error { code } } }"
    deadline = time.monotonic() + 60
    while (job := server.graphql(query, id=job_id)["data"]["job"])["state"] != state:
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    found: dict[str, Any] = job
    return found


@pytest.mark.usefixtures("switched_off")
def test_the_list_tells_what_is_installed_what_it_brings_and_what_is_off(server: Server) -> None:
    answer = server.graphql(
        "{ plugins { name title version state enabled operations { name scope isJob } meters { name price } "
        "scopes { name } functions { name isolated } models { name } } }"
    )
    plugins = {plugin["name"]: plugin for plugin in answer["data"]["plugins"]}
    probe = plugins["probe"]
    assert probe["enabled"] is False
    assert probe["state"] == "LOADED"
    assert {"name": "probeWork", "scope": "probe:answer", "isJob": True} in probe["operations"]
    assert probe["meters"] == [{"name": "probe.words", "price": "1000000"}]
    assert probe["functions"] == [
        {"name": "probe_functions:Probe", "isolated": False},
        {"name": "probe_training:LineTraining", "isolated": False},
    ]
    (runner,) = [one for one in plugins["code"]["functions"] if one["name"].endswith("CodeRunner")]
    assert runner["isolated"]
    assert plugins["chat"]["enabled"] is True
    assert plugins["chat"]["models"] == [{"name": "skyhook-small"}]


def test_only_those_who_may_change_the_account_switch_plugins(server: Server) -> None:
    create = "mutation ($input: KeyCreateInput!) { keyCreate(input: $input) { secret } }"
    made = server.graphql(create, input={"name": "reader", "scopes": ["account:read", "probe:*"]})
    key = made["data"]["keyCreate"]["secret"]
    assert code(server.graphql(DISABLE, key=key)) == "SCOPE_MISSING"
    assert "errors" not in server.graphql("{ plugins { name } }", key=key)


def test_an_unknown_plugin_cannot_be_switched(server: Server) -> None:
    assert code(server.graphql('mutation { pluginDisable(name: "nothing") { name } }')) == "NOT_FOUND"


async def test_other_processes_learn_of_it_within_seconds_and_other_organizations_never(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = Accounts(database)
    user = await accounts.create_user("owner@example.com", "Owner")
    mine, theirs = [
        Caller((await accounts.create_organization(name, name, user.id)).id, user.id, None, frozenset({"*"}))
        for name in ("mine", "theirs")
    ]
    here, elsewhere = Authentication(database, SECRET), Authentication(database, SECRET)
    keys = Keys(database, here, SECRET, frozenset())
    switches = Switches(database, PluginHost([WEATHER]), here.forget_organization)
    texts = [(await keys.create(caller, "CI", KeyLimits(scopes=["*"])))[1] for caller in (mine, theirs)]

    async def is_refused(process: Authentication, text: str) -> bool:
        caller = await process.authenticate(f"Bearer {text}", "127.0.0.1")
        assert caller is not None
        caller.require("rain:read")
        try:
            caller.require("weather:read")
        except PluginDisabled:
            return True
        return False

    assert not await is_refused(here, texts[0])
    assert not await is_refused(elsewhere, texts[0])
    await switches.disable(mine, "weather")
    assert await is_refused(here, texts[0])
    monkeypatch.setattr("skyhook.keys.authentication.CACHED_S", 0.0)
    assert await is_refused(elsewhere, texts[0])
    assert not await is_refused(elsewhere, texts[1])
    await switches.enable(mine, "weather")
    assert not await is_refused(elsewhere, texts[0])


async def test_each_switching_is_audited_once(database: Database) -> None:
    accounts = Accounts(database)
    user = await accounts.create_user("owner@example.com", "Owner")
    organization = await accounts.create_organization("Example", "example", user.id)
    caller = Caller(organization.id, user.id, None, frozenset({"*"}))
    switches = Switches(database, PluginHost([WEATHER]), lambda _organization_id: None)
    for _ in range(2):
        await switches.disable(caller, "weather")
    for _ in range(2):
        await switches.enable(caller, "weather")
    with pytest.raises(NotFound):
        await switches.disable(caller, "nothing")
    async with database.read() as session:
        events = await session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        assert [(event.action, event.details) for event in events] == [
            ("organization.created", {"name": "Example"}),
            ("plugin.disabled", {"plugin": "weather"}),
            ("plugin.enabled", {"plugin": "weather"}),
        ]
