"""Programs that install packages: uv, pip and git, each in a session of its own and with a time limit."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import IO


def uv() -> list[str]:
    """How uv is called; empty where it is not installed."""
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv"]
    found = shutil.which("uv")
    return [found] if found is not None else []


async def run_installer(
    command: Sequence[str],
    output: IO[bytes],
    limit_s: float,
    *,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> int:
    """Runs a program to its end, which prints into a file; its exit status.

    It is killed with all that it started where the caller is cancelled, or where it takes longer than
    `limit_s` seconds: raises TimeoutError then.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=pass_fds,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(limit_s):
            return await process.wait()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
