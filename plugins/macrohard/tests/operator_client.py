"""The macrohard plugin as a client sees it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.serving import Server

STEP = """number by url title snapshot notes target reason code message
  action { kind ref text } screenshot { mediaType url }"""
JOB = "id state stage progress preview cost held result error { code message }"
TASK = f"goal sites controller jobId steps(first: 50) {{ edges {{ node {{ {STEP} }} }} }}"
ENDED = ("COMPLETED", "FAILED", "CANCELLED")
STEP_PRICE, SECOND_PRICE = 200_000, 20_000


@dataclass(frozen=True, slots=True)
class Client:
    """Sets tasks and follows them."""

    server: Server

    def ask(self, **input: Any) -> dict[str, Any]:
        """The whole response to macrohardTask."""
        arguments = "($input: MacrohardTaskInput!)"
        query = f"mutation {arguments} {{ macrohardTask(input: $input) {{ {JOB} }} }}"
        return self.server.graphql(query, input=input)

    def submit(self, **input: Any) -> str:
        """The id of a queued job."""
        answer = self.ask(**input)
        assert "errors" not in answer, answer
        return str(answer["data"]["macrohardTask"]["id"])

    def read(self, job_id: str) -> dict[str, Any]:
        """A job as it stands."""
        answer = self.server.graphql(f"query ($id: ID!) {{ job(id: $id) {{ {JOB} }} }}", id=job_id)
        assert "errors" not in answer, answer
        job: dict[str, Any] = answer["data"]["job"]
        return job

    def ended(self, job_id: str, within_s: float = 90) -> dict[str, Any]:
        """A job at its end."""
        deadline = time.monotonic() + within_s
        while (job := self.read(job_id))["state"] not in ENDED:
            assert time.monotonic() < deadline, (job, self.server.log())
            time.sleep(0.1)
        return job

    def done(self, **input: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The job of a task that must complete, and its steps."""
        job = self.ended(self.submit(**input))
        assert job["state"] == "COMPLETED", (job, self.server.log())
        return job, self.steps(job["id"])

    def task(self, job_id: str) -> dict[str, Any]:
        """A task with its steps."""
        answer = self.server.graphql(f"query ($id: ID!) {{ macrohardTask(id: $id) {{ {TASK} }} }}", id=job_id)
        assert "errors" not in answer, answer
        task: dict[str, Any] = answer["data"]["macrohardTask"]
        return task

    def steps(self, job_id: str) -> list[dict[str, Any]]:
        """A task's steps."""
        return [edge["node"] for edge in self.task(job_id)["steps"]["edges"]]

    def until_steps(self, job_id: str, count: int) -> list[dict[str, Any]]:
        """A task's steps, once there are so many."""
        deadline = time.monotonic() + 60
        while len(steps := self.steps(job_id)) < count:
            assert time.monotonic() < deadline, (self.read(job_id), self.server.log())
            time.sleep(0.1)
        return steps

    def take_part(self, field: str, job_id: str, **more: Any) -> dict[str, Any]:
        """The whole response to macrohardTakeOver, macrohardHandBack or macrohardAct."""
        if field == "macrohardAct":
            arguments = "($id: ID!, $action: MacrohardActionInput!, $once: String)"
            given = "(id: $id, action: $action, idempotencyKey: $once)"
            query = f"mutation {arguments} {{ macrohardAct{given} {{ {STEP} }} }}"
        else:
            query = f"mutation ($id: ID!) {{ {field}(id: $id) {{ controller }} }}"
        return self.server.graphql(query, id=job_id, **more)

    def watch(self, job_id: str) -> Iterator[dict[str, Any]]:
        """The steps as they come, over SSE."""
        query = f"subscription ($id: ID!) {{ macrohardWatch(id: $id) {{ {STEP} }} }}"
        headers = {"Accept": "text/event-stream"}
        body = {"query": query, "variables": {"id": job_id}}
        with (
            self.server.client() as client,
            client.stream("POST", "/graphql", json=body, headers=headers, timeout=120) as response,
        ):
            event = ""
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                event = value if name == "event" else event
                if name == "data" and event == "next":
                    yield json.loads(value)["data"]["macrohardWatch"]

    def balance(self) -> int:
        """What is left, in nano-dollars."""
        answer = self.server.graphql("{ viewer { organization { balance { balance } } } }")
        return int(answer["data"]["viewer"]["organization"]["balance"]["balance"])
