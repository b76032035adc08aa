"""Runs many commands of `skyhook` fast: a process imports the command line once and forks for each of them.

Each command is a process with an environment of its own, as from a shell, without the seconds of its imports.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    status: int
    output: str
    errors: str


class Commands:
    """The process that forks."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> Done:
        """Runs a command to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"arguments": arguments, "environment": dict(environment)}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return Done(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _fork(request: dict[str, list[str]], environment: dict[str, str]) -> dict[str, str | int]:
    from skyhook.cli import main

    outputs = [os.memfd_create("stdout"), os.memfd_create("stderr")]
    if (child := os.fork()) == 0:
        os.environ.clear()
        os.environ.update(environment)
        for number, handle in enumerate(outputs, 1):
            os.dup2(handle, number)
        try:
            main(request["arguments"], prog_name="skyhook")
        except SystemExit as end:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(int(end.code or 0))  # to free what was imported takes longer than most commands
    _, status = os.waitpid(child, 0)
    texts = []
    for handle in outputs:
        os.lseek(handle, 0, os.SEEK_SET)
        with os.fdopen(handle, encoding="utf-8") as stream:
            texts.append(stream.read())
    return {"status": os.waitstatus_to_exitcode(status), "output": texts[0], "errors": texts[1]}


def _serve() -> None:
    import httpx2  # noqa: F401 - what takes long and reads nothing from the environment
    import tqdm.auto  # noqa: F401

    import skyhook.cli  # noqa: F401
    from skyhook.plugins.host import PluginHost

    PluginHost.discover()
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(_fork(request, request["environment"])), flush=True)


if __name__ == "__main__":
    _serve()
