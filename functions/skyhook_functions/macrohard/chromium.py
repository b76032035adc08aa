"""Starts Chromium: Debian's, in its own sandbox, with a fresh profile and one way out."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from skyhook.function import FunctionError

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Playwright

WIDTH, HEIGHT = 1280, 800
START_MS = 30_000
_FLAGS = [
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",  # which a SOCKS proxy does not carry
    "--disable-background-networking",
    "--mute-audio",
]


async def launch(playwright: Playwright, proxy: str) -> tuple[BrowserContext, Path]:
    """A browser and the folder of its profile, which the caller removes.

    Raises FunctionError: BROWSER_MISSING, BROWSER_UNAVAILABLE.
    """
    from playwright.async_api import Error

    program = shutil.which("chromium")
    if program is None:
        raise FunctionError(
            "BROWSER_MISSING",
            "The server has no Chromium: an operator installs it, apt-get install chromium.",
        )
    folder = Path(tempfile.mkdtemp(prefix="skyhook-browser-"))
    profile = folder / "profile"
    profile.mkdir()
    if os.geteuid() == 0:
        program = _as_nobody(folder, profile, program)
    try:
        context = await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=program,
            chromium_sandbox=True,
            headless=True,
            args=_FLAGS,
            env=_variables(profile),
            proxy={"server": proxy, "bypass": "<-loopback>"},  # Chromium would pass loopback by
            viewport={"width": WIDTH, "height": HEIGHT},
            locale="en-US",
            accept_downloads=False,
            service_workers="block",
            timeout=START_MS,
            handle_sigint=False,
            handle_sigterm=False,
            handle_sighup=False,
        )
    except Error as error:
        shutil.rmtree(folder, ignore_errors=True)
        print(error)  # to the function's log, for the operator
        raise FunctionError(
            "BROWSER_UNAVAILABLE",
            "Chromium does not start. An operator reads the function's log; in a container, Chromium's "
            "sandbox needs user namespaces.",
            retryable=True,
        ) from error
    return context, folder


def _variables(profile: Path) -> dict[str, str | float | bool]:
    """The browser's environment: nothing of the server's, and all that it writes goes with its profile."""
    path = os.environ.get("PATH", os.defpath)
    return {"HOME": str(profile), "TMPDIR": str(profile), "PATH": path, "LANG": "C.UTF-8"}


def _as_nobody(folder: Path, profile: Path, program: str) -> str:
    """A program that starts Chromium without root's rights, with which it would refuse its sandbox."""
    nobody = pwd.getpwnam("nobody")
    folder.chmod(0o711)
    os.chown(profile, nobody.pw_uid, nobody.pw_gid)
    script = folder / "chromium"
    ids = f"--reuid={nobody.pw_uid} --regid={nobody.pw_gid} --clear-groups"
    script.write_text(f'#!/bin/sh\nexec setpriv {ids} --no-new-privs {program} "$@"\n')
    script.chmod(0o755)
    return str(script)
