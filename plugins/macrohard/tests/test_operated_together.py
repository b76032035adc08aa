"""A person and an agent: taking over, handing back, stopping; and what outlives the server."""

from __future__ import annotations

import time

from operating_sites import Site
from operator_client import STEP_PRICE, Client
from tests.serving import Server

COUNT = ", then ".join(["click More"] * 6)


def test_a_person_takes_over_acts_and_hands_back(client: Client, site: Site) -> None:
    goal = "Click the More button, then click Missing"
    job_id = client.submit(goal=goal, url=site.url("/counter"))
    refused = client.take_part("macrohardAct", job_id, action={"kind": "CLICK", "ref": "e2"})
    assert refused["errors"][0]["extensions"]["code"] == "AGENT_IN_CONTROL"
    taken = client.take_part("macrohardTakeOver", job_id)
    assert taken["data"]["macrohardTakeOver"] == {"controller": "PERSON"}
    action = {"kind": "CLICK", "label": "More"}
    first = client.take_part("macrohardAct", job_id, action=action, once="one")["data"]["macrohardAct"]
    again = client.take_part("macrohardAct", job_id, action=action, once="one")["data"]["macrohardAct"]
    assert (first["by"], first["number"]) == ("PERSON", again["number"])
    outside = {"kind": "GO", "url": "http://evil.example/"}
    step = client.take_part("macrohardAct", job_id, action=outside)["data"]["macrohardAct"]
    assert step["code"] == "SITE_NOT_ALLOWED"
    client.take_part("macrohardHandBack", job_id)
    job = client.ended(job_id)
    assert job["state"] == "COMPLETED"
    steps = client.steps(job_id)
    assert [one["by"] for one in steps].count("PERSON") == 2
    assert steps[-1]["by"] == "AGENT"
    ended = client.take_part("macrohardTakeOver", job_id)
    assert ended["errors"][0]["extensions"]["code"] == "TASK_ENDED"


def test_a_task_that_is_stopped_costs_what_was_done(client: Client, site: Site) -> None:
    job_id = client.submit(goal=COUNT, url=site.url("/counter"))
    client.take_part("macrohardTakeOver", job_id)
    client.take_part("macrohardAct", job_id, action={"kind": "CLICK", "label": "More"})
    client.server.graphql("mutation ($id: ID!) { jobCancel(id: $id) { state } }", id=job_id)
    job = client.ended(job_id)
    assert job["state"] == "CANCELLED"
    assert int(job["cost"]) >= STEP_PRICE


def test_after_a_crash_a_task_goes_on_where_it_was(client: Client, site: Site) -> None:
    server: Server = client.server
    before = client.balance()
    job_id = client.submit(goal="Click Open, then click Missing", url=site.url("/popup"))
    first = client.until_steps(job_id, 1)[0]
    server.kill()
    server.start()
    job = client.ended(job_id)
    steps = client.steps(job_id)
    assert (job["state"], job["result"]["outcome"]) == ("COMPLETED", "gave_up")
    assert [step["number"] for step in steps] == list(range(1, len(steps) + 1))
    assert steps[0]["snapshot"] == first["snapshot"]
    assert any("opened anew" in note for step in steps for note in step["notes"])
    assert steps[-1]["url"] == site.url("/prices")
    deadline = time.monotonic() + 60
    while client.balance() != before - int(job["cost"]):
        assert time.monotonic() < deadline, "the crash was charged for, or not given back"
        time.sleep(0.5)
