"""Jobs over real HTTP: submitted, watched, cancelled, repeated, queued, and gone on with after a crash."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.serving import Server

from tests.conftest import Cluster

WORD = 1_000_000
"""The price of the probe's meter, in nano-dollars."""
JOB = """id state progress stage preview result cost held queuePosition error { code message retryable }
         artifacts { name sizeBytes jobId } batchId retryOfId startedAt keptUntil request runs"""
SUBMIT = f"""mutation ($steps: Int!, $pause: Float = 0, $behaviour: String = "answer", $job: JobOptions) {{
  probeWork(steps: $steps, pauseS: $pause, behaviour: $behaviour, job: $job) {{ {JOB} }} }}"""
READ = f"query ($id: ID!) {{ job(id: $id) {{ {JOB} }} }}"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests here: each waits for its own jobs."""
    url = None
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        cluster.sql("CREATE DATABASE jobs TEMPLATE template_skyhook")
        url = cluster.url("jobs")
    server = Server(tmp_path_factory.mktemp("jobs"), url)
    server.prepare()
    server.start()
    yield server
    server.stop()
    log = server.log()
    assert "Traceback" not in log, log


def submit(server: Server, steps: int, **variables: Any) -> dict[str, Any]:
    answer = server.graphql(SUBMIT, steps=steps, **variables)
    assert "errors" not in answer, answer
    job: dict[str, Any] = answer["data"]["probeWork"]
    return job


def read(server: Server, job_id: str) -> dict[str, Any]:
    answer = server.graphql(READ, id=job_id)
    assert "errors" not in answer, answer
    job: dict[str, Any] = answer["data"]["job"]
    return job


def until(server: Server, job_id: str, *states: str, within_s: float = 60) -> dict[str, Any]:
    deadline = time.monotonic() + within_s
    while True:
        job = read(server, job_id)
        if job["state"] in states:
            return job
        assert time.monotonic() < deadline, (job, server.log())
        time.sleep(0.1)


def balance(server: Server) -> dict[str, int]:
    answer = server.graphql("{ viewer { organization { balance { balance held } } } }")
    found = answer["data"]["viewer"]["organization"]["balance"]
    return {name: int(amount) for name, amount in found.items()}


def test_a_job_is_watched_from_the_queue_to_its_result_and_charged_once(server: Server) -> None:
    before = balance(server)["balance"]
    job = submit(server, 3, pause=0.3)
    assert job["state"] in ("QUEUED", "RUNNING")
    assert int(job["held"]) == 3 * WORD
    states, fractions = [], []
    query = f'subscription {{ jobUpdated(id: "{job["id"]}") {{ {JOB} }} }}'
    with server.client() as client:
        headers = {"Accept": "text/event-stream"}
        with client.stream("POST", "/graphql", json={"query": query}, headers=headers) as events:
            for line in events.iter_lines():
                if line.startswith("data: ") and "data" in (data := json.loads(line[6:])):
                    last = data["data"]["jobUpdated"]
                    states.append(last["state"])
                    fractions.append(last["progress"])
    assert list(dict.fromkeys(states))[-2:] == ["RUNNING", "COMPLETED"]
    assert fractions == sorted(fractions)
    assert 0 < fractions[-2] <= 1
    assert len(last["result"]["words"]) == 3
    assert last["preview"].startswith("data:image/jpeg;base64,")
    assert [file["name"] for file in last["artifacts"]] == ["0.txt", "1.txt", "2.txt"]
    assert {file["jobId"] for file in last["artifacts"]} == {job["id"]}
    assert last["request"] == {"steps": 3, "pause_s": 0.3, "behaviour": "answer"}
    assert last["runs"] == 1
    assert int(last["cost"]) == 3 * WORD
    assert before - balance(server)["balance"] == 3 * WORD
    server.command("credit", "check")


def test_a_job_that_fails_says_why_and_costs_nothing(server: Server) -> None:
    before = balance(server)["balance"]
    job = until(server, submit(server, 3, behaviour="refuse")["id"], "FAILED")
    assert job["error"] == {
        "code": "PROBE_REFUSED",
        "message": "The probe refuses: ask for something else.",
        "retryable": False,
    }
    assert int(job["cost"]) == 0
    assert balance(server)["balance"] == before
    repeated = server.graphql(f'mutation {{ jobRetry(id: "{job["id"]}") {{ {JOB} }} }}')["data"]["jobRetry"]
    assert repeated["retryOfId"] == job["id"]
    assert until(server, repeated["id"], "FAILED")["error"]["code"] == "PROBE_REFUSED"


def test_a_step_that_may_pass_is_tried_again_and_counts_once(server: Server) -> None:
    job = until(server, submit(server, 2, behaviour="flaky")["id"], "COMPLETED")
    assert int(job["cost"]) == 2 * WORD


def test_jobs_wait_in_order_of_priority_and_are_cancelled_for_free(server: Server) -> None:
    running = [submit(server, 1, pause=30)["id"] for _ in range(2)]
    for job_id in running:
        until(server, job_id, "RUNNING")
    low = submit(server, 1, job={"priority": "LOW"})
    high = submit(server, 1, job={"priority": "HIGH"})
    assert read(server, low["id"])["queuePosition"] == 2
    assert read(server, high["id"])["queuePosition"] == 1
    cancel = f"mutation ($id: ID!) {{ jobCancel(id: $id) {{ {JOB} }} }}"
    cancelled = server.graphql(cancel, id=low["id"])["data"]["jobCancel"]
    assert cancelled["state"] == "CANCELLED"
    assert int(cancelled["cost"]) == 0
    for job_id in running:
        server.graphql(cancel, id=job_id)
        assert int(until(server, job_id, "CANCELLED")["cost"]) == 0
    until(server, high["id"], "COMPLETED")
    again = server.graphql(cancel, id=high["id"])
    assert again["errors"][0]["extensions"]["code"] == "JOB_ENDED"


def test_a_job_that_is_cancelled_while_it_runs_costs_what_it_made(server: Server) -> None:
    job = submit(server, 5, pause=0.8)
    while int(read(server, job["id"])["cost"]) < 2 * WORD:
        time.sleep(0.05)
    server.graphql(f'mutation {{ jobCancel(id: "{job["id"]}") {{ id }} }}')
    cost = int(until(server, job["id"], "CANCELLED")["cost"])
    assert 2 * WORD <= cost < 5 * WORD


def test_a_deadline_cancels(server: Server) -> None:
    job = submit(server, 1, pause=60, job={"cancelAfter": 2})
    until(server, job["id"], "CANCELLED", within_s=10)


def test_the_same_idempotency_key_gives_the_same_job(server: Server) -> None:
    with server.client() as client:
        headers = {"Idempotency-Key": "one"}
        ask = {"query": SUBMIT, "variables": {"steps": 1}}
        first = client.post("/graphql", json=ask, headers=headers).json()["data"]["probeWork"]["id"]
        second = client.post("/graphql", json=ask, headers=headers).json()["data"]["probeWork"]["id"]
        assert first == second
        ask["variables"] = {"steps": 2}
        other = client.post("/graphql", json=ask, headers=headers).json()
    assert other["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_unknown_and_expired_jobs_are_told_apart(server: Server) -> None:
    job = until(server, submit(server, 1, job={"keep": 1})["id"], "COMPLETED", "EXPIRED")
    expired = until(server, job["id"], "EXPIRED")
    assert expired["result"] is None
    assert expired["artifacts"] == []
    unknown = "Sm9iOjAxOTAwMDAwLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwMA=="
    assert server.graphql(READ, id=unknown)["errors"][0]["extensions"]["code"] == "JOB_NOT_FOUND"


def test_a_batch_is_looked_at_and_cancelled_together(server: Server) -> None:
    batch = server.graphql('mutation { jobBatchCreate(name: "night") { id } }')["data"]["jobBatchCreate"]
    jobs = [submit(server, 1, pause=30, job={"batchId": batch["id"]})["id"] for _ in range(4)]
    jobs_of = "jobs(first: 10) { edges { node { id } } }"
    query = f"query ($id: ID!) {{ node(id: $id) {{ ... on JobBatch {{ name {jobs_of} }} }} }}"
    found = server.graphql(query, id=batch["id"])["data"]["node"]
    assert {edge["node"]["id"] for edge in found["jobs"]["edges"]} == set(jobs)
    cancelled = server.graphql("mutation ($id: ID!) { jobBatchCancel(id: $id) }", id=batch["id"])
    assert cancelled["data"]["jobBatchCancel"] == 4
    for job_id in jobs:
        until(server, job_id, "CANCELLED")


def test_a_killed_server_goes_on_where_it_was_and_charges_once(server: Server) -> None:
    before = balance(server)["balance"]
    job = submit(server, 6, pause=0.5)
    while read(server, job["id"])["progress"] < 0.4:
        time.sleep(0.05)
    server.kill()
    server.start()
    done = until(server, job["id"], "COMPLETED", within_s=90)
    folders = [word.split("@")[1] for word in done["result"]["words"]]
    assert len(set(folders)) == 2, "some steps were done before the crash, some after, none twice"
    assert folders == sorted(folders, key=folders.index)
    assert before - balance(server)["balance"] == 6 * WORD
    assert len(done["artifacts"]) == 6


def test_what_a_job_asks_of_another_plugin_is_charged_apart_and_once_though_the_server_is_killed(
    server: Server,
) -> None:
    before = balance(server)["balance"]
    job = submit(server, 5, pause=0.4, behaviour="ask")
    assert int(job["held"]) == 5 * WORD
    while read(server, job["id"])["progress"] < 0.4:
        time.sleep(0.05)
    server.kill()
    server.start()
    done = until(server, job["id"], "COMPLETED", within_s=90)
    assert int(done["cost"]) == 5 * WORD
    assert before - balance(server)["balance"] == 5 * WORD + 5 * 2 * WORD


def test_a_job_whose_key_was_revoked_asks_for_nothing_more(server: Server) -> None:
    create = """mutation ($input: KeyCreateInput!) { keyCreate(input: $input) { secret key { id } } }"""
    made = server.graphql(create, input={"name": "worker", "scopes": ["probe:answer", "jobs:read"]})
    key = made["data"]["keyCreate"]
    answer = server.graphql(SUBMIT, key=key["secret"], steps=6, pause=0.4, behaviour="ask")
    job = answer["data"]["probeWork"]
    server.graphql("mutation ($id: ID!) { keyRevoke(id: $id) { id } }", id=key["key"]["id"])
    failed = until(server, job["id"], "FAILED")
    assert failed["error"]["code"] == "KEY_REVOKED"
    assert int(failed["cost"]) == 0


def test_a_stopped_server_goes_on_when_it_starts_again(server: Server) -> None:
    job = submit(server, 4, pause=0.7)
    while read(server, job["id"])["progress"] < 0.2:
        time.sleep(0.05)
    server.stop()
    server.start()
    done = until(server, job["id"], "COMPLETED", within_s=90)
    assert len({word.split("@")[1] for word in done["result"]["words"]}) == 2
