"""Every fenced block of the documentation works: it is run against a real server, or parsed."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from tests.docs.blocks import PAGES, ROOT, TUTORIAL, Block, blocks
from tests.docs.commands import check
from tests.serving import Server

ADDRESS = "127.0.0.1:8000"
READ_ONLY = {"text", "mermaid"}
LIVE = re.compile(r"\bcurl\b|export SKYHOOK_KEY=")
WEIGHTS = ROOT / "functions" / "skyhook_functions" / "weights"
NEEDED = {"imagine": ("skyhook-scenes", "skyhook-scenes-video")}
"""The bundled models without which a page's examples cannot be run."""
OPERATED = {"docs/money.md"}
"""The pages whose `skyhook` commands are run, and not only looked up."""
PLACEHOLDER = re.compile(r'"[A-Z]+_ID"')
SOURCES: dict[str, tuple[str | int, ...]] = {
    "KEY_ID": ("keyCreate", "key", "id"),
    "ENDPOINT_ID": ("webhookEndpointCreate", "endpoint", "id"),
    "ARTIFACT_ID": ("artifacts", "edges", 0, "node", "id"),
    "CONVERSATION_ID": ("chatConversationCreate", "id"),
    "MESSAGE_ID": ("chatComplete", "messageIds", -1),
    "JOB_ID": ("imagineGenerate", "id"),
    "SPEECH_ID": ("voiceSpeak", "artifact", "id"),
    "PICTURE_ID": ("job", "artifacts", 0, "id"),
    "HOLD_ID": ("moneyHold", "id"),
    "REQUEST_ID": ("moneyRequest", "id"),
    "TASK_ID": ("macrohardTask", "id"),
}
"""Where in the answers before it an example's variable comes from."""


@dataclass
class Page:
    """The run of one page from its top to its end, as a reader would follow it."""

    server: Server
    folder: Path
    ids: dict[str, str] = field(default_factory=dict)

    def run(self, page: list[Block]) -> None:
        """Runs the blocks; a failed assertion names the block's place."""
        rest = iter(page)
        block = next(rest, None)
        while block is not None:
            if block.language == "graphql":
                block = self.graphql(block, rest)
                continue
            if block.file is not None:
                self.file(block)
            elif block.language == "python":
                self.execute(block, [sys.executable, "-c", self.here(block.text)])
            elif block.language == "bash":
                self.bash(block)
            elif block.language == "json":
                json.loads(block.text)
            elif block.language == "toml":
                tomllib.loads(block.text)
            else:
                assert block.language in READ_ONLY, f"{block.place}: a block of {block.language!r} is not run"
            block = next(rest, None)

    def graphql(self, block: Block, rest: Iterator[Block]) -> Block | None:
        """Runs an operation with the variables, and compares it with the answer, in the blocks after it.

        Returns the block that follows them.
        """
        variables: dict[str, Any] = {}
        documented: dict[str, Any] | None = None
        following = next(rest, None)
        while following is not None and following.language == "json":
            content = json.loads(self.filled(following))
            if content.keys() & {"data", "errors"}:
                documented = content
            else:
                variables = content
            following = next(rest, None)
        answer = self.answer(block.text, variables)
        wanted = documented.get("errors") if documented else None
        assert answer.get("errors") == wanted, f"{block.place}: {answer}"
        if documented is not None:
            assert_shape(documented, answer, block.place)
        for name, path in SOURCES.items():
            found: Any = answer.get("data") or {}
            try:
                for step in path:
                    found = found[step]
                self.ids[name] = found
            except (KeyError, IndexError):
                continue
        return following

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        """The answer; of a query that looks at a job, the one at the job's end."""
        while True:
            answer = self.server.graphql(query, **variables)
            job = (answer.get("data") or {}).get("job")
            if job is None or job["state"] not in ("QUEUED", "RUNNING"):
                return answer
            time.sleep(0.2)

    def filled(self, block: Block) -> str:
        """The block's text with the ids that it stands for, and the server's address."""
        text = self.here(block.text)
        for name, value in self.ids.items():
            text = text.replace(f'"{name}"', f'"{value}"')
        assert not PLACEHOLDER.search(text), f"{block.place}: no answer before it gives the id in it"
        return text

    def file(self, block: Block) -> None:
        """A file of the plugin that the server runs: only its syntax is left to check."""
        if block.language == "python":
            compile(block.text, block.place, "exec")
        elif block.language == "html":
            Environment().parse(block.text)
        else:
            assert block.language == "toml", f"{block.place}: a file of {block.language!r}"
            tomllib.loads(block.text)

    def bash(self, block: Block) -> None:
        """Runs what talks to the server; of all other commands the existence is checked."""
        if LIVE.search(block.text):
            output = self.execute(block, ["bash", "-euo", "pipefail", "-c", self.here(block.text)])
            assert '"errors"' not in output, f"{block.place}: {output}"
            return
        for line in block.text.replace("\\\n", " ").splitlines():
            check(line, block.place)
            if block.page in OPERATED and line.startswith("skyhook "):
                self.server.command(*shlex.split(line)[1:])

    def execute(self, block: Block, command: list[str]) -> str:
        """Runs a program as a reader does, in the project's folder; returns what it printed."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.server.variables() | {"SKYHOOK_KEY": self.server.key},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{block.place}: {done.stdout}{done.stderr}"
        return done.stdout

    def here(self, text: str) -> str:
        """The text with the address of the test's server."""
        return text.replace(ADDRESS, f"127.0.0.1:{self.server.port}")


def assert_shape(documented: Any, actual: Any, place: str) -> None:
    """That an answer has what the documentation shows of it, with values of the same kinds."""
    assert type(documented) is type(actual), f"{place}: {documented!r} is documented, {actual!r} answered"
    if isinstance(documented, dict):
        for name, value in documented.items():
            assert name in actual, f"{place}: {name!r} is not in the answer {actual}"
            assert_shape(value, actual[name], place)
    elif isinstance(documented, list):
        for value, found in zip(documented, actual, strict=False):
            assert_shape(value, found, place)
        assert bool(documented) is bool(actual), f"{place}: {actual}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_works(page: Path, server: Server, member_id: str, tmp_path: Path) -> None:
    if missing := [
        name for name in NEEDED.get(page.stem, ()) if not (WEIGHTS / name / "config.json").exists()
    ]:
        pytest.skip(f"this checkout has no weights of {', '.join(missing)}")
    (tmp_path / ".skyhook").symlink_to(server.data)
    Page(server, tmp_path, {"MEMBER_ID": member_id}).run(
        [block for block in blocks(page) if block.heading != TUTORIAL]
    )


def test_the_plugin_of_its_page_is_sound(server: Server) -> None:
    assert "greeting" in server.command("plugins", "list")
    server.command("plugins", "check", "greeting")


def test_pages_are_found() -> None:
    assert {page.relative_to(ROOT).as_posix() for page in PAGES} >= {"README.md", "docs/api.md"}
