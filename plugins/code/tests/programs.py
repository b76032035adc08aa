"""The plugin `code` as a client sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from tests.serving import Server

RESULT = """compiled exitCode signal limit stdout stderr durationMs cost
  files { path artifact { id name sizeBytes madeBy url } } filesLeftOut { path reason }"""
RUN = f"mutation ($input: CodeRunInput!) {{ codeRun(input: $input) {{ {RESULT} }} }}"
STREAM = f"""subscription ($input: CodeRunInput!) {{
  codeRunStream(input: $input) {{ stream text result {{ {RESULT} }} }} }}"""
PRICE = 20
"""Nano-dollars for a millisecond in the sandbox."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Runs programs, and downloads what they made."""

    server: Server

    def ask(self, source: str | None = None, language: str = "PYTHON", **given: Any) -> dict[str, Any]:
        """The whole response to a run."""
        return self.server.graphql(RUN, input={"language": language, "source": source} | given)

    def run(self, source: str | None = None, language: str = "PYTHON", **given: Any) -> dict[str, Any]:
        """A run that must be answered."""
        answer = self.ask(source, language, **given)
        assert "errors" not in answer, (answer, self.server.log())
        result: dict[str, Any] = answer["data"]["codeRun"]
        return result

    def refused(self, source: str | None = None, **given: Any) -> tuple[str, str | None]:
        """The code and the field of the refusal, for which nothing is charged."""
        answer = self.ask(source, **given)
        assert answer["extensions"]["cost"]["credit"]["charged"] == 0, answer
        error = answer["errors"][0]["extensions"]
        return error["code"], error.get("field")

    def events(self, source: str, language: str = "PYTHON", **given: Any) -> Iterator[dict[str, Any]]:
        """The payloads of a streamed run, over SSE."""
        return self.streamed(STREAM, {"input": {"language": language, "source": source} | given})

    def streamed(self, query: str, variables: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The payloads of a subscription, over SSE."""
        body = {"query": query, "variables": variables}
        headers = {"Accept": "text/event-stream"}
        with (
            self.server.client() as client,
            client.stream("POST", "/graphql", json=body, headers=headers) as response,
        ):
            event = ""
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                event = value if name == "event" else event
                if name == "data" and event == "next":
                    yield json.loads(value)

    def upload(self, content: bytes, name: str) -> str:
        """The id of an uploaded artifact."""
        with self.server.client() as client:
            response = client.post("/artifacts", params={"name": name}, content=content)
        return str(response.json()["id"])

    def contents(self, result: dict[str, Any]) -> dict[str, bytes]:
        """The contents of the files that a run made, by path."""
        return {one["path"]: httpx.get(one["artifact"]["url"]).content for one in result["files"]}

    def newest_usage(self) -> dict[str, Any]:
        """The newest usage event of the organization."""
        query = """{ viewer { organization { usageEvents(first: 1) { edges { node {
          id outcome operation cost quantities { meter quantity } } } } } } }"""
        organization = self.server.graphql(query)["data"]["viewer"]["organization"]
        node: dict[str, Any] = organization["usageEvents"]["edges"][0]["node"]
        return node

    def workers(self) -> list[int]:
        """The process ids of the server's workers that run programs."""
        assert self.server.process is not None
        mine = f"\nPPid:\t{self.server.process.pid}\n"
        found = running_with("skyhook_functions.code.run:CodeRunner")
        return [pid for pid in found if mine in Path(f"/proc/{pid}/status").read_text()]

    def balance(self) -> int:
        """What is left, in nano-dollars."""
        answer = self.server.graphql("{ viewer { organization { balance { balance } } } }")
        return int(answer["data"]["viewer"]["organization"]["balance"]["balance"])


def running_with(marker: str) -> list[int]:
    """The processes of this machine that have the marker in their command."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found
