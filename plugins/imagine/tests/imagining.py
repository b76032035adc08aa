"""The imagine plugin as a client sees it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from tests.serving import Server

JOB = """id state stage progress preview cost held result error { code message }
  artifacts { id name mediaType madeBy }"""
WATCH = f"subscription ($id: ID!) {{ jobUpdated(id: $id) {{ {JOB} }} }}"
ENDED = ("COMPLETED", "FAILED", "CANCELLED")


@dataclass(frozen=True, slots=True)
class Studio:
    """Submits jobs, waits for them and downloads what they made."""

    server: Server

    def ask(self, operation: str, **input: Any) -> dict[str, Any]:
        """The whole response to a mutation."""
        kind = operation[0].upper() + operation[1:]
        query = f"mutation ($input: {kind}Input!) {{ {operation}(input: $input) {{ {JOB} }} }}"
        return self.server.graphql(query, input=input)

    def submit(self, operation: str, **input: Any) -> dict[str, Any]:
        """A job that is queued."""
        answer = self.ask(operation, **input)
        assert "errors" not in answer, answer
        job: dict[str, Any] = answer["data"][operation]
        return job

    def refused(self, operation: str, **input: Any) -> tuple[str, str | None]:
        """The code and the field of the refusal, for which nothing is held."""
        answer = self.ask(operation, **input)
        assert answer["extensions"]["cost"]["credit"]["held"] == 0, answer
        error = answer["errors"][0]["extensions"]
        return error["code"], error.get("field")

    def watch(self, job_id: str) -> Iterator[dict[str, Any]]:
        """The job after each change, over SSE."""
        for payload in self.events(WATCH, id=job_id):
            yield payload["data"]["jobUpdated"]

    def events(self, query: str, **variables: Any) -> Iterator[dict[str, Any]]:
        """The payloads of a subscription over SSE."""
        body = {"query": query, "variables": variables}
        headers = {"Accept": "text/event-stream"}
        with (
            self.server.client() as client,
            client.stream("POST", "/graphql", json=body, headers=headers, timeout=120) as response,
        ):
            event = ""
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                event = value if name == "event" else event
                if name == "data" and event == "next":
                    yield json.loads(value)

    def made(self, operation: str, **input: Any) -> dict[str, Any]:
        """The result of a job that must complete."""
        job = self.ended(self.submit(operation, **input)["id"])
        assert job["state"] == "COMPLETED", (job, self.server.log())
        result: dict[str, Any] = job["result"]
        return result

    def read(self, job_id: str) -> dict[str, Any]:
        """A job as it stands."""
        found: dict[str, Any] = self.server.graphql(
            f"query ($id: ID!) {{ job(id: $id) {{ {JOB} }} }}", id=job_id
        )
        assert "errors" not in found, found
        job: dict[str, Any] = found["data"]["job"]
        return job

    def ended(self, job_id: str, within_s: float = 120) -> dict[str, Any]:
        """A job at its end."""
        deadline = time.monotonic() + within_s
        while (job := self.read(job_id))["state"] not in ENDED:
            assert time.monotonic() < deadline, (job, self.server.log())
            time.sleep(0.1)
        return job

    def download(self, artifact_id: str) -> bytes:
        """The content of an artifact, by its link."""
        query = "query ($id: ID!) { artifact(id: $id) { url } }"
        answer = self.server.graphql(query, id=artifact_id)
        assert "errors" not in answer, answer
        return httpx.get(answer["data"]["artifact"]["url"]).content

    def upload(self, content: bytes, name: str) -> str:
        """The id of an uploaded artifact."""
        with self.server.client() as client:
            response = client.post("/artifacts", params={"name": name}, content=content)
        return str(response.json()["id"])

    def balance(self) -> int:
        """What is left, in nano-dollars."""
        answer = self.server.graphql("{ viewer { organization { balance { balance } } } }")
        return int(answer["data"]["viewer"]["organization"]["balance"]["balance"])


def unsigned(content: bytes) -> bytes:
    """A PNG without the statement of who made it, in which each job differs."""
    kept, at = content[:8], 8
    while at < len(content):
        size = 12 + int.from_bytes(content[at : at + 4], "big")
        if content[at + 4 : at + 8] != b"caBX":
            kept += content[at : at + size]
        at += size
    return kept
