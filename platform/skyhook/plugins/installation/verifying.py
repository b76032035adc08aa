"""Has other processes look at a generation, and migrate for it: see `skyhook.conformance.candidate`."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from skyhook.configuration import Configuration
from skyhook.plugins.description import Description
from skyhook.plugins.errors import PluginRefused

LIMIT_S = 300.0
"""How long the work on one order may take."""
SECRET = ("SKYHOOK_", "STRIPE_")
"""How variables begin that a plugin is not given before somebody has agreed to it."""


class Found(msgspec.Struct):
    """What the process reports."""

    importing: str | None = None
    problems: list[str] = []
    warnings: list[str] = []
    plugins: list[Description] = []
    schema: str = ""


class Verifier:
    """The program that forks such processes; it is started by the first order, or before by `start`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._one_at_a_time = threading.Lock()

    async def verify(
        self,
        folder: Path | None,
        changed: Sequence[str],
        revisions: Mapping[str, str | None],
        import_s: float,
    ) -> Found:
        """Looks at the generation in `folder`, of which these plugins are new or changed.

        `revisions` are those that the database has of plugins that are upgraded. Each plugin may take
        `import_s` seconds to be imported. Raises PluginRefused with every problem.
        """
        order: dict[str, Any] = {"task": "verify", "folder": _text(folder), "changed": changed}
        order["import_s"] = import_s
        order["revisions"] = {name: one for name, one in revisions.items() if one is not None}
        return await asyncio.to_thread(self._ask, order)

    async def look(self, folder: Path | None, plugins: Sequence[str]) -> Found:
        """The GraphQL schema of a generation that is used, and what these plugins of it bring."""
        order = {"task": "look", "folder": _text(folder), "changed": plugins}
        return await asyncio.to_thread(self._ask, order)

    async def migrate(self, configuration: Configuration, folder: Path, plugins: Sequence[str]) -> None:
        """Brings the database up to date for these plugins of a generation, all or nothing."""
        order = {"task": "migrate", "folder": _text(folder), "changed": plugins}
        await asyncio.to_thread(self._ask, order | {"environment": environment_of(configuration)})

    async def downgrade(self, configuration: Configuration, folder: Path, plugin: str, revision: str) -> None:
        """Takes the database back to a revision of the plugin."""
        order = {"task": "downgrade", "folder": _text(folder), "changed": [plugin], "revision": revision}
        await asyncio.to_thread(self._ask, order | {"environment": environment_of(configuration)})

    def start(self) -> None:
        """Starts the program, where it does not run: it takes seconds until it has imported what it needs."""
        if self._process is not None and self._process.poll() is None:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "skyhook.conformance.candidate"],
            env={name: value for name, value in os.environ.items() if not name.startswith(SECRET)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def close(self) -> None:
        """Ends the program."""
        if self._process is not None:
            process, self._process = self._process, None
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def _ask(self, order: dict[str, Any]) -> Found:
        with self._one_at_a_time, tempfile.TemporaryDirectory() as name:
            place = Path(name)
            environment = {"SKYHOOK_DATA": name} | order.pop("environment", {})
            status = self._status_of(order | {"place": name, "environment": environment})
            report, printed = place / "report.json", place / "printed"
            found = Found()
            if report.exists():
                found = msgspec.json.decode(report.read_bytes(), type=Found)
            said = printed.read_text(errors="replace") if printed.exists() else ""
        if status == -signal.SIGALRM and found.importing:
            raise PluginRefused(f"{found.importing} was not imported within {order['import_s']:g} s.")
        if found.importing:
            raise PluginRefused(f"{found.importing} ended the process that imported it ({status}).")
        if status:
            last = said.strip().splitlines()[-1:]
            raise PluginRefused(f"It could not be verified: {' '.join(last) or status}")
        if found.problems:
            raise PluginRefused("; ".join(found.problems))
        return found

    def _status_of(self, order: dict[str, Any]) -> int:
        self.start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(order).decode() + "\n")
        process.stdin.flush()
        is_told, _, _ = select.select([process.stdout], [], [], LIMIT_S)
        line = process.stdout.readline() if is_told else ""
        if not line:
            self.close()
            raise PluginRefused(f"It was not verified: the program ended, or took over {LIMIT_S:.0f} s.")
        return int(line)


def environment_of(configuration: Configuration) -> dict[str, str]:
    """All of it, with the database written out: the default one depends on where a process runs."""
    return {
        **os.environ,
        "SKYHOOK_DATA": str(configuration.data),
        "SKYHOOK_DATABASE_URL": configuration.database_url,
    }


def _text(folder: Path | None) -> str | None:
    return str(folder) if folder is not None else None
