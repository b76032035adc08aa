"""The bundled models of pictures and video over HTTP: seconds a picture, and a long video through kills.

    PYTHONPATH=. python benchmarks/pictures.py [--pictures 10] [--minutes 10] [--kills 2]

A picture takes from submitting its job to its end. The long video is one job; its server and its worker
are killed (-9) at random moments and started again. The bytes of every segment seen before a kill must be
what they were, the video must have its length, and it must have been charged once.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.serving import Server

PROMPTS = ("a red circle left of a blue star", "two green squares", "a yellow triangle above a purple circle")
JOB = "id state progress cost result error { code message } artifacts { name sha256 }"
SEGMENT = re.compile(r"segment-\d+\.mp4")
ENDED = ("COMPLETED", "FAILED", "CANCELLED")


def submit(server: Server, operation: str, **asked: Any) -> str:
    """The id of a new job."""
    kind = operation[0].upper() + operation[1:]
    query = f"mutation ($input: {kind}Input!) {{ {operation}(input: $input) {{ id }} }}"
    answer = server.graphql(query, input=asked)
    return str(answer["data"][operation]["id"])


def read(server: Server, job_id: str) -> dict[str, Any]:
    """A job as it stands."""
    job: dict[str, Any] = server.graphql(f"query ($id: ID!) {{ job(id: $id) {{ {JOB} }} }}", id=job_id)
    return job["data"]["job"]  # type: ignore[no-any-return]


def seconds_a_picture(server: Server, count: int) -> list[float]:
    """How long each job took, the first one aside, which loads the model."""
    taken = []
    for number in range(count + 1):
        begun = time.perf_counter()
        job_id = submit(server, "imagineGenerate", prompt=PROMPTS[number % len(PROMPTS)], seed=number)
        while (job := read(server, job_id))["state"] not in ENDED:
            time.sleep(0.02)
        assert job["state"] == "COMPLETED", job
        taken.append(time.perf_counter() - begun)
    return taken[1:]


def segments(job: dict[str, Any]) -> dict[str, str]:
    """The digests of a job's segments."""
    return {file["name"]: file["sha256"] for file in job["artifacts"] if SEGMENT.fullmatch(file["name"])}


def kill_all(server: Server) -> None:
    """Ends the server and its workers as a power cut does."""
    assert server.process is not None
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    for worker in children.split():
        os.kill(int(worker), signal.SIGKILL)
    server.kill()


def memory_mib(server: Server) -> int:
    """The server's resident memory."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def long_video(server: Server, minutes: float, kills: int) -> dict[str, Any]:
    """Makes a long video through kills; what was seen on the way."""
    draw = random.Random()  # noqa: S311
    begun = time.monotonic()
    job_id = submit(server, "imagineVideo", prompt="a red circle moving right", seconds=minutes * 60, seed=1)
    kill_at = sorted(draw.uniform(0.05, 0.9) for _ in range(kills))
    seen: dict[str, str] = {}
    changed, memory, done_at_kills = 0, [], []
    while (job := read(server, job_id))["state"] not in ENDED:
        now = segments(job)
        changed += sum(1 for name, digest in now.items() if seen.get(name, digest) != digest)
        seen.update(now)
        memory.append(memory_mib(server))
        if kill_at and job["progress"] >= kill_at[0]:
            kill_at.pop(0)
            done_at_kills.append(len(now))
            kill_all(server)
            server.start()
        time.sleep(1)
    assert job["state"] == "COMPLETED", job
    return {
        "seconds of video": job["result"]["seconds"],
        "frames": job["result"]["frames"],
        "segments": len(seen),
        "segments done at each kill": done_at_kills,
        "segments whose bytes changed": changed,
        "charged, in nano-dollars": int(job["cost"]),
        "made in seconds": round(time.monotonic() - begun),
        "server's memory in MiB, first and last tenth": (
            round(statistics.median(memory[: len(memory) // 10 or 1])),
            round(statistics.median(memory[-(len(memory) // 10 or 1) :])),
        ),
    }


def main() -> None:
    """Prints what was measured as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--kills", type=int, default=2)
    asked = parser.parse_args()
    server = Server(Path(tempfile.mkdtemp()))
    server.prepare()
    server.start()
    try:
        taken = seconds_a_picture(server, asked.pictures)
        film = long_video(server, asked.minutes, asked.kills)
    finally:
        server.stop()
    print("| | |\n|---|---|")
    print(f"| seconds a picture, median and slowest | {statistics.median(taken):.2f}, {max(taken):.2f} |")
    for name, value in film.items():
        print(f"| long video: {name} | {value} |")


if __name__ == "__main__":
    main()
