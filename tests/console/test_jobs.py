"""The pages of jobs: listed, filtered, followed, cancelled, repeated, and seen with what they made."""

from __future__ import annotations

import io
import re
import sqlite3
import time
from base64 import b64decode
from contextlib import closing
from typing import Any
from uuid import uuid4

import httpx
import pytest
from PIL import Image
from tests.console.conftest import ADMINISTRATOR, browser, log_in, password
from tests.console.test_login import form_token
from tests.serving import Server

JOBS = "/console/o/first/jobs"
WORK = """mutation ($steps: Int!, $pause: Float = 0, $behaviour: String = "answer") {
  probeWork(steps: $steps, pauseS: $pause, behaviour: $behaviour) { id } }"""
LIVE = 'hx-trigger="every 1s"'


def uuid_of(node_id: str) -> str:
    return b64decode(node_id).decode().partition(":")[2]


def submit(server: Server, steps: int, **variables: Any) -> str:
    """A job of the probe; its id in addresses."""
    return uuid_of(server.graphql(WORK, steps=steps, **variables)["data"]["probeWork"]["id"])


def until(client: httpx.Client, job_id: str, state: str) -> str:
    """The job's page, once it is in a state."""
    deadline = time.monotonic() + 60
    while f'<span class="state {state}">' not in (page := client.get(f"{JOBS}/{job_id}").text):
        assert time.monotonic() < deadline, page
        time.sleep(0.1)
    return page


def row(client: httpx.Client, job_id: str, query: str = "") -> str:
    found = re.search(rf'<tr>(?:(?!</tr>).)*id="job-{job_id}".*?</tr>', client.get(JOBS + query).text, re.S)
    assert found
    return found[0]


def post(client: httpx.Client, job_id: str, act: str, **form: str) -> httpx.Response:
    return client.post(f"{JOBS}/{job_id}/{act}", data={"form_token": form_token(client)} | form)


def upload(server: Server, name: str, content: bytes) -> str:
    """A file of the organization; its id in addresses."""
    with server.client() as client:
        answer = client.post("/artifacts", params={"name": name}, content=content).json()
    return uuid_of(answer["id"])


def organization(client: httpx.Client, name: str) -> str:
    """A new organization's page."""
    answer = client.post("/console/organizations", data={"form_token": form_token(client), "name": name})
    return str(answer.headers["location"])


def picture(colour: str) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(content, "PNG")
    return content.getvalue()


def test_a_job_is_listed_while_it_runs_and_cancelled_from_the_list(
    server: Server, client: httpx.Client
) -> None:
    job_id = submit(server, 30, pause=1.0)
    page = until(client, job_id, "running")
    assert LIVE in page
    assert "of $0.03 set aside" in page
    listed = row(client, job_id, "?state=running&operation=probeWork")
    assert "<progress" in listed
    assert "First key" in listed
    assert f"{JOBS}/{job_id}/cancel" in listed
    answer = post(client, job_id, "cancel", list="1", state="running", operation="probeWork")
    assert answer.headers["location"] == f"{JOBS}?state=running&operation=probeWork"
    page = until(client, job_id, "cancelled")
    assert LIVE not in page
    assert "Run it again" in page
    assert f"{JOBS}/{job_id}/cancel" not in row(client, job_id, "?state=cancelled")
    assert f"job-{job_id}" not in client.get(f"{JOBS}?state=running").text


def test_a_failed_job_says_why_and_is_run_again(server: Server, client: httpx.Client) -> None:
    job_id = submit(server, 2, behaviour="refuse")
    page = until(client, job_id, "failed")
    for told in ("PROBE_REFUSED", "The probe refuses: ask for something else.", "It cost nothing."):
        assert told in page
    assert "PROBE_REFUSED" in row(client, job_id)
    address = post(client, job_id, "retry").headers["location"]
    assert address.startswith(f"{JOBS}/")
    assert f'href="{JOBS}/{job_id}"' in client.get(address).text


def test_a_page_tells_what_was_asked_for_what_was_made_and_what_it_cost(
    server: Server, client: httpx.Client
) -> None:
    job_id = submit(server, 2)
    page = until(client, job_id, "completed")
    assert re.search(r"<dt>steps</dt>\s*<dd>2</dd>", page)
    assert re.search(r"<dt>Cost</dt><dd>\$0.002</dd>", page)
    assert "&#34;words&#34;: [" in page
    link = re.search(r'href="(/artifacts/[^"]+)" id="download-[^"]+" download="1.txt"', page)
    assert link
    assert client.get(link[1].replace("&amp;", "&")).text == "word 1"


def test_what_cannot_be_done_is_told_on_the_page(server: Server, client: httpx.Client) -> None:
    job_id = submit(server, 1)
    until(client, job_id, "completed")
    for act in ("cancel", "retry"):
        answer = post(client, job_id, act)
        assert answer.status_code == 409
        assert 'role="alert"' in answer.text
        assert "JOB_ENDED" in answer.text
        assert "probeWork" in answer.text


def test_a_job_is_found_by_its_id_in_the_api_and_in_its_own_organization_alone(
    server: Server, client: httpx.Client
) -> None:
    other = organization(client, "Jobs of others")
    node_id = server.graphql(WORK, steps=1)["data"]["probeWork"]["id"]
    assert client.get(f"{JOBS}/{node_id}").status_code == 200
    assert client.get(f"{other}/jobs/{uuid_of(node_id)}").status_code == 404
    for unknown in (str(uuid4()), "nothing", "QXJ0aWZhY3Q6MQ=="):
        assert client.get(f"{JOBS}/{unknown}").status_code == 404
        assert post(client, unknown, "cancel").status_code == 404
        assert post(client, unknown, "retry").status_code == 404


def test_who_may_only_look_sees_jobs_and_changes_none(server: Server, viewer: httpx.Client) -> None:
    job_id = submit(server, 30, pause=1.0)
    page = until(viewer, job_id, "running")
    assert "/cancel" not in page
    assert "/cancel" not in row(viewer, job_id)
    assert post(viewer, job_id, "cancel").status_code == 403
    assert post(viewer, job_id, "retry").status_code == 403
    with browser(server) as client:
        log_in(client, ADMINISTRATOR, password(server))
        assert post(client, job_id, "cancel").headers["location"] == f"{JOBS}/{job_id}"
    until(viewer, job_id, "cancelled")


def test_older_jobs_are_on_further_pages_with_the_filter_kept(server: Server, client: httpx.Client) -> None:
    job_id = submit(server, 1)
    until(client, job_id, "completed")
    with closing(sqlite3.connect(server.data / "skyhook.db")) as rows, rows:
        cursor = rows.execute("SELECT * FROM jobs WHERE id = ?", (job_id.replace("-", ""),))
        columns = [column[0] for column in cursor.description]
        known = dict(zip(columns, cursor.fetchone(), strict=True))
        for number in range(35):
            copy = known | {
                "id": uuid4().hex,
                "operation": "copied",
                "created_at": f"2020-01-01 00:00:{number:02}.000000",
            }
            marks = ", ".join("?" * len(copy))
            rows.execute(f"INSERT INTO jobs ({', '.join(copy)}) VALUES ({marks})", list(copy.values()))
    first = client.get(f"{JOBS}?operation=copied&state=completed").text
    older = re.search(r'<a href="([^"]+)">Older jobs</a>', first)
    assert older
    address = older[1].replace("&amp;", "&")
    assert "operation=copied" in address
    second = client.get(address).text
    pages = [re.findall(r'id="job-([\w-]+)"', page) for page in (first, second)]
    assert [len(page) for page in pages] == [20, 15]
    assert not set(pages[0]) & set(pages[1])
    assert "Older jobs" not in second
    assert "Newest jobs" in second


@pytest.mark.parametrize("query", ["state=lost", "after=here"])
def test_a_wrong_filter_or_place_is_refused(client: httpx.Client, query: str) -> None:
    assert client.get(f"{JOBS}?{query}").status_code == 400


def test_a_filter_that_finds_nothing_says_so(client: httpx.Client) -> None:
    assert "No job is like that." in client.get(f"{JOBS}?operation=nothing").text


def test_a_picture_that_was_changed_is_shown_beside_what_it_was(server: Server, client: httpx.Client) -> None:
    taken = upload(server, "teal.png", picture("teal"))
    query = "mutation ($input: ImagineUpscaleInput!) { imagineUpscale(input: $input) { id } }"
    artifact = server.graphql("{ artifacts(first: 1) { edges { node { id } } } }")
    image = artifact["data"]["artifacts"]["edges"][0]["node"]["id"]
    assert uuid_of(image) == taken
    job = server.graphql(query, input={"image": image, "factor": 2})["data"]["imagineUpscale"]
    page = until(client, uuid_of(job["id"]), "completed")
    sides = re.findall(r'src="(/artifacts/[^"]+)" alt="(Before|After): ([^"]+)"', page)
    assert [side[1:] for side in sides] == [("Before", "teal.png"), ("After", "enlarged.png")]
    sizes = [Image.open(io.BytesIO(client.get(side[0].replace("&amp;", "&")).content)).size for side in sides]
    assert sizes == [(64, 48), (128, 96)]
    assert '<input type="range"' in page


def test_a_video_is_played_with_the_poster_that_the_result_names(
    server: Server, client: httpx.Client
) -> None:
    job_id = submit(server, 0)
    until(client, job_id, "completed")
    video = upload(server, "film.mp4", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + b"\0" * 64)
    poster, other = upload(server, "poster.png", picture("red")), upload(server, "strip.png", picture("blue"))
    node = server.graphql("{ artifacts(first: 3) { edges { node { id } } } }")["data"]["artifacts"]["edges"]
    by_uuid = {uuid_of(edge["node"]["id"]): edge["node"]["id"] for edge in node}
    result = f'{{"films": [{{"video": "{by_uuid[video]}", "poster": "{by_uuid[poster]}", "fps": 8}}]}}'
    with closing(sqlite3.connect(server.data / "skyhook.db")) as rows, rows:
        job = job_id.replace("-", "")
        rows.execute("UPDATE jobs SET result = ? WHERE id = ?", (result.encode(), job))
        for artifact in (video, poster, other):
            rows.execute("UPDATE artifacts SET job_id = ? WHERE id = ?", (job, artifact.replace("-", "")))
    page = client.get(f"{JOBS}/{job_id}").text
    tag = re.search(r"<video[^>]+>", page)
    assert tag
    assert f'poster="/artifacts/{poster}/' in tag[0]
    assert f'src="/artifacts/{video}/' in tag[0]
    assert [found for found in (poster, other) if f'id="shown-{found}"' in page] == [other]
