"""Tasks over real HTTP in a real Chromium: done by rules, watched, bounded, charged and refused."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from operating_sites import Site
from operator_client import SECOND_PRICE, STEP_PRICE, Client

ORDER = 'Enter "Ada" into the name field, select Sencha from the list and click Submit.'


def test_a_task_is_done_step_by_step_watched_and_charged(client: Client, site: Site) -> None:
    before = client.balance()
    job_id = client.submit(goal=ORDER, url=site.url("/form"), idempotencyKey="order-1")
    assert client.submit(goal=ORDER, url=site.url("/form"), idempotencyKey="order-1") == job_id
    steps = list(client.watch(job_id))
    assert [(step["number"], step["action"]["kind"], step["target"]) for step in steps] == [
        (1, "TYPE", 'textbox "Name"'),
        (2, "SELECT", 'combobox "Tea"'),
        (3, "CLICK", 'button "Submit"'),
        (4, "DONE", ""),
    ]
    assert {step["by"] for step in steps} == {"AGENT"}
    assert "Ordered Sencha for Ada" in steps[-1]["snapshot"]
    picture = httpx.get(steps[0]["screenshot"]["url"]).content
    assert (steps[0]["screenshot"]["mediaType"], picture[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    job = client.ended(job_id)
    assert job["preview"].startswith("data:image/jpeg;base64,")
    assert (job["result"]["outcome"], job["result"]["steps"]) == ("done", 4)
    seconds, rest = divmod(int(job["cost"]) - 4 * STEP_PRICE, SECOND_PRICE)
    assert rest == 0
    assert seconds >= job["result"]["browserSeconds"] - 1
    assert before - client.balance() == int(job["cost"])
    assert [step["snapshot"] for step in client.steps(job_id)] == [step["snapshot"] for step in steps]


def test_a_value_is_read_off_a_page(client: Client, site: Site) -> None:
    job, _ = client.done(goal='Tell me the value of "Sencha".', url=site.url("/prices"))
    assert job["result"]["answer"] == "4 dollars"


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"goal": "  "}, "INVALID_INPUT", "goal"),
        ({"url": "http:///x"}, "INVALID_INPUT", "url"),
        ({"url": "file:///etc/passwd"}, "INVALID_INPUT", "url"),
        ({"url": "http://ada:secret@example.com/"}, "INVALID_INPUT", "url"),
        ({"sites": ["exa mple"]}, "INVALID_INPUT", "sites"),
        ({"sites": []}, "INVALID_INPUT", "sites"),
        ({"sites": ["example.com"]}, "SITE_NOT_ALLOWED", "sites"),
        ({"mostSteps": 0}, "INVALID_INPUT", "mostSteps"),
        ({"mostSteps": 201}, "INVALID_INPUT", "mostSteps"),
        ({"timeLimit": 9}, "INVALID_INPUT", "timeLimit"),
    ],
)
def test_a_wrong_task_is_refused_before_anything_is_held(
    client: Client, site: Site, changed: dict[str, Any], code: str, field: str
) -> None:
    answer = client.ask(**{"goal": ORDER, "url": site.url("/form")} | changed)
    error = answer["errors"][0]["extensions"]
    assert (error["code"], error["field"]) == (code, field)
    assert answer["extensions"]["cost"]["credit"]["held"] == 0


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:1/", "PAGE_UNREACHABLE"),
        ("http://169.254.169.254/latest/meta-data", "ADDRESS_NOT_ALLOWED"),
        ("/away", "SITE_NOT_ALLOWED"),
    ],
)
def test_a_task_whose_first_page_does_not_come_fails_for_free(
    client: Client, site: Site, url: str, code: str
) -> None:
    before = client.balance()
    job = client.ended(client.submit(goal=ORDER, url=site.url(url) if url[0] == "/" else url))
    assert (job["state"], job["error"]["code"]) == ("FAILED", code)
    assert client.balance() == before


def test_a_link_off_the_sites_is_not_followed(client: Client, site: Site) -> None:
    job, steps = client.done(goal="Click the Continue link", url=site.url("/injection"))
    assert job["result"]["outcome"] == "gave_up"
    assert [step["code"] for step in steps] == ["SITE_NOT_ALLOWED"] * 3 + [None]
    assert {step["url"] for step in steps} == {site.url("/injection")}


def test_what_a_page_says_changes_nothing_for_the_rules(client: Client, site: Site) -> None:
    job, steps = client.done(goal="Click the Like button", url=site.url("/injection"))
    assert job["result"]["outcome"] == "done"
    assert [step["action"]["kind"] for step in steps] == ["CLICK", "DONE"]


def test_parts_of_pages_from_elsewhere_and_sockets_are_blocked(client: Client, site: Site) -> None:
    _, steps = client.done(goal="Click Seen", url=site.url("/picture"))
    assert "A part of the page was blocked: evil.example." in steps[0]["notes"]
    _, steps = client.done(goal="Click Seen", url=site.url("/socket"))
    assert steps[-1]["title"] == "refused"


def test_a_dialog_does_not_stop_a_task(client: Client, site: Site) -> None:
    _, steps = client.done(goal="Click Ask", url=site.url("/dialog"))
    assert steps[-1]["title"] == "false"
    assert "A dialog (confirm) said 'Sure?' and was dismissed." in steps[-1]["notes"]


def test_a_tab_that_opens_is_seen(client: Client, site: Site) -> None:
    _, steps = client.done(goal="Click Open", url=site.url("/popup"))
    assert steps[-1]["url"] == site.url("/prices")


def test_a_task_ends_with_its_steps(client: Client, site: Site) -> None:
    goal = "Click More, then click More, then click More, then click More"
    job, steps = client.done(goal=goal, url=site.url("/counter"), mostSteps=2)
    assert (job["result"]["outcome"], len(steps)) == ("out_of_steps", 2)


def test_the_rules_say_where_a_goal_is_beyond_them(client: Client, site: Site) -> None:
    job, _ = client.done(goal="Make me happy", url=site.url("/form"))
    assert job["result"]["outcome"] == "gave_up"
    assert "name a chat model" in job["result"]["answer"]


def test_a_task_of_another_organization_is_not_found(client: Client, site: Site) -> None:
    job_id = client.submit(goal="Make me happy", url=site.url("/form"))
    client.ended(job_id)
    server = client.server
    server.command(
        "users", "create", "ada@example.com", "--name", "Ada", "--password", "correct horse battery"
    )
    server.command("organizations", "create", "second", "--owner", "ada@example.com")
    printed = server.command("keys", "create", "second", "--name", "other")
    found = re.search(r"sk_\w+", printed)
    assert found is not None
    query = "query ($id: ID!) { macrohardTask(id: $id) { goal } }"
    answer = server.graphql(query, key=found[0], id=job_id)
    assert answer["errors"][0]["extensions"]["code"] == "TASK_NOT_FOUND"
    listed = "{ macrohardTasks(first: 1) { edges { node { goal } } } }"
    assert server.graphql(listed, key=found[0])["data"]["macrohardTasks"]["edges"] == []
    assert server.graphql(listed)["data"]["macrohardTasks"]["edges"][0]["node"]["goal"] == "Make me happy"
