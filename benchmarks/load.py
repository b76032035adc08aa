"""Loads a server with `wrk`, and reads what its process used meanwhile."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FIGURES = re.compile(r"FIGURES (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)")
_SCRIPT = """
wrk.method = "POST"
wrk.body = [[{body}]]
{headers}
sent = 0
local whole
function request()
  sent = sent + 1
  {keyed}
  whole = whole or wrk.format()
  return whole
end
local thread
function setup(one) thread = one end
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("FIGURES %d %d %d %d %d %d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), failed, thread:get("sent")))
end
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A request that is sent over and over."""

    name: str
    url: str
    body: str
    pid: int
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotent: bool = False
    """Whether each request carries an `Idempotency-Key` of its own."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run gave."""

    answered: int
    sent: int
    """A few more than were answered: the last ones are cut off."""
    rate: float
    """Requests a second."""
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """CPU time of the server's process for each request, its threads included and its children not."""


def require_wrk() -> None:
    """Ends the program where there is no `wrk`."""
    if shutil.which("wrk") is None:
        raise SystemExit("This needs the load generator wrk: apt-get install wrk")


def load(target: Target, *, seconds: int, connections: int) -> Figures:
    """Loads a target over so many connections. Raises RuntimeError where a request was not answered well."""
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in target.headers.items())
    keyed = ""
    if target.idempotent:
        keyed = f'wrk.headers["Idempotency-Key"] = "{os.urandom(8).hex()}-" .. sent; whole = nil'
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_SCRIPT.format(body=target.body, headers=headers, keyed=keyed))
        script.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script.name]
        cpu = cpu_seconds(target.pid)
        done = subprocess.run([*command, target.url], capture_output=True, text=True, check=True)  # noqa: S603
        cpu = cpu_seconds(target.pid) - cpu
    match = _FIGURES.search(done.stdout)
    if match is None:
        raise RuntimeError(f"{target.name}: wrk has failed:\n{done.stdout}{done.stderr}")
    answered, duration_us, p50_us, p99_us, failed, sent = map(int, match.groups())
    if failed or not answered:
        raise RuntimeError(f"{target.name}: {failed} of {answered} requests failed:\n{done.stdout}")
    return Figures(
        answered=answered,
        sent=sent,
        rate=answered / duration_us * 1e6,
        p50_ms=p50_us / 1000,
        p99_ms=p99_us / 1000,
        cpu_us=cpu / answered * 1e6,
    )


def once(target: Target) -> str:
    """The answer to one request, as text. Raises RuntimeError where it is refused."""
    headers = {"Content-Type": "application/json", **target.headers}
    request = urllib.request.Request(target.url, target.body.encode(), headers)  # noqa: S310 (our own address)
    try:
        with urllib.request.urlopen(request, timeout=120) as response:  # noqa: S310
            return str(response.read().decode())
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"{target.name}: {error.read().decode()}") from error


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used since its start."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def rss_mib(pid: int) -> float:
    """A process's resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Waits until somebody listens. Raises RuntimeError where the process ends or time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens on port {port}: {process.args!r}")
