"""What an authenticated, metered, durably charged call costs, beside a bare one and LiteLLM's proxy.

    python benchmarks/calls.py [--litellm PATH] [--postgresql] [--connections 1 16 64] [--rounds 5]

Every call of Skyhook's goes the whole way: key, scope, rate limit, monthly budget, credit, the function in
its worker process, usage event and ledger, on SQLite with synchronous=FULL; only the model answers at once.
The servers are loaded by turns, so that what else the machine does touches all of them alike, and the
figures are medians of the rounds. At the end the books must agree with the calls that were answered.

LiteLLM goes into an environment of its own, whose `litellm` command is named by --litellm or LITELLM:

    python -m venv litellm-venv && litellm-venv/bin/pip install 'litellm[proxy]'
    python benchmarks/calls.py --litellm litellm-venv/bin/litellm
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from calls_skyhook import audit, configuration, prepare
from instant_model import ANSWER
from load import Figures, Target, free_port, load, once, require_wrk, rss_mib, wait_for

HERE = Path(__file__).parent
DOCUMENT = """mutation ($input: ChatCompleteInput!) {
  chatComplete(input: $input) {
    id model text finishReason usage { promptTokens completionTokens cost }
  }
}"""
MESSAGES = [{"role": "user", "content": "What is Skyhook?"}]
LITELLM = {
    "model_list": [
        {
            "model_name": "instant",
            "litellm_params": {"model": "openai/instant", "api_key": "none", "mock_response": ANSWER.text},
        }
    ],
    "general_settings": {"master_key": "sk-benchmark"},
    "litellm_settings": {"telemetry": False},
}


@contextlib.contextmanager
def serving(folder: Path, name: str, command: list[str], **environment: str) -> Iterator[tuple[int, int]]:
    """Runs a server, whose command ends with the port; yields its port and process."""
    port = free_port()
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603
            [*command, str(port)], env=os.environ | environment, stdout=log, stderr=log
        )
        try:
            wait_for(port, process)
            yield port, process.pid
        except Exception:
            sys.stderr.write((folder / f"{name}.log").read_text()[-4000:])
            raise
        finally:
            process.terminate()
            process.wait(timeout=60)


def graphql_body() -> str:
    """The GraphQL request, the same to every GraphQL server."""
    return json.dumps({"query": DOCUMENT, "variables": {"input": {"messages": MESSAGES, "maxTokens": 64}}})


def graphql(name: str, port: int, pid: int, key: str | None = None, *, idempotent: bool = False) -> Target:
    """The mutation at a GraphQL server."""
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    return Target(name, f"http://127.0.0.1:{port}/graphql", graphql_body(), pid, headers, idempotent)


class Skyhook:
    """One Skyhook server and its database."""

    def __init__(self, opened: contextlib.ExitStack, folder: Path, name: str, database_url: str) -> None:
        self.database_url = database_url
        data = folder / name
        data.mkdir()
        key = asyncio.run(prepare(configuration(data, database_url)))
        command = [sys.executable, str(HERE / "calls_servers.py"), "skyhook"]
        variables = {"SKYHOOK_DATA": str(data), "SKYHOOK_DATABASE_URL": database_url}
        port, pid = opened.enter_context(serving(folder, name, command, **variables))
        self.idle_mib = rss_mib(pid)
        self.targets = [
            graphql(name, port, pid, key),
            graphql(f"{name}+key", port, pid, key, idempotent=True),
        ]


def litellm(opened: contextlib.ExitStack, folder: Path, program: str) -> Target:
    """LiteLLM's proxy, one worker, with its own answer and its master key."""
    config = folder / "litellm.yaml"
    config.write_text(json.dumps(LITELLM))  # JSON is YAML
    command = [program, "--config", str(config), "--num_workers", "1", "--port"]
    port, pid = opened.enter_context(
        serving(folder, "litellm", command, LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_LOG="ERROR")
    )
    body = json.dumps({"model": "instant", "messages": MESSAGES, "max_tokens": 64})
    headers = {"Content-Type": "application/json", "Authorization": "Bearer sk-benchmark"}
    return Target("litellm", f"http://127.0.0.1:{port}/v1/chat/completions", body, pid, headers)


def measure(targets: list[Target], options: argparse.Namespace) -> dict[tuple[str, int], list[Figures]]:
    """Every target by turns; the figures by target and number of connections."""
    found: dict[tuple[str, int], list[Figures]] = {}
    for target in targets:
        answer = once(target)
        if ANSWER.text not in answer or '"errors"' in answer:
            raise RuntimeError(f"{target.name} answers {answer}")
    for connections in options.connections:
        for number in range(options.rounds + 1):
            for target in targets:
                seconds = (
                    options.seconds if number else 1
                )  # the first round warms up and is counted in the books
                figures = load(target, seconds=seconds, connections=connections)
                found.setdefault((target.name, connections if number else 0), []).append(figures)
    return found


def show(found: dict[tuple[str, int], list[Figures]], options: argparse.Namespace) -> None:
    """Prints the medians as a Markdown table, with the ratios of the rates."""
    names = list(dict.fromkeys(name for name, _ in found))
    print("| connections | server | requests/s | p50 ms | p99 ms | server CPU µs | skyhook's rate by its |")
    print("|---|---|---|---|---|---|---|")
    for connections in options.connections:
        ours = found[("skyhook", connections)]
        for name in names:
            runs = found[(name, connections)]
            ratio = statistics.median(a.rate / b.rate for a, b in zip(ours, runs, strict=True))
            rate, p50, p99, cpu = (
                statistics.median(getattr(run, which) for run in runs)
                for which in ("rate", "p50_ms", "p99_ms", "cpu_us")
            )
            print(
                f"| {connections} | {name} | {rate:,.0f} | {p50:.1f} | {p99:.1f} | {cpu:,.0f} | {ratio:.2f} |"
            )


def main() -> None:
    """Starts the servers, loads them by turns, prints the table and checks the books."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--litellm", default=os.environ.get("LITELLM"), help="LiteLLM's command")
    parser.add_argument("--postgresql", action="store_true", help="also on a throw-away PostgreSQL cluster")
    parser.add_argument("--only-skyhook", action="store_true", help="leave the other servers out")
    options = parser.parse_args()
    require_wrk()
    with contextlib.ExitStack() as opened:
        # Here and not in /tmp, which may lie in memory, where a commit costs nothing.
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd())))
        with contextlib.ExitStack() as running:
            ours = [Skyhook(running, folder, "skyhook", f"sqlite:///{folder / 'skyhook.db'}")]
            if options.postgresql:
                from throwaway_postgresql import postgresql

                url = opened.enter_context(postgresql())
                ours.append(Skyhook(running, folder, "skyhook-postgresql", url))
            targets = [target for server in ours for target in server.targets]
            for which in () if options.only_skyhook else ("bare", "cached"):
                command = [sys.executable, str(HERE / "calls_servers.py"), which]
                targets.append(graphql(which, *running.enter_context(serving(folder, which, command))))
            if options.litellm and not options.only_skyhook:
                targets.append(litellm(running, folder, options.litellm))
            elif not options.only_skyhook:
                print(
                    "LiteLLM is not measured: --litellm names its command; --help says how to install it.\n"
                )
            found = measure(targets, options)
            memory = {target.name: rss_mib(target.pid) for target in targets}
        show(found, options)
        print(f"\nSkyhook's server, resident: {ours[0].idle_mib:.0f} MiB idle. After the load:", end=" ")
        print(", ".join(f"{name} {mib:.0f} MiB" for name, mib in memory.items()))
        for server in ours:
            runs = [
                run
                for (name, _), runs in found.items()
                if name in {t.name for t in server.targets}
                for run in runs
            ]
            first_calls = len(server.targets)
            answered, sent = (
                sum(getattr(run, which) for run in runs) + first_calls for which in ("answered", "sent")
            )
            books = asyncio.run(audit(server.database_url, answered=answered, sent=sent))
            print(
                f"{server.targets[0].name}: {answered:,} answered, {sent:,} sent: {books}; the books agree."
            )


if __name__ == "__main__":
    main()
