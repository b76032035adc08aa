"""The operator's commands against the stand-in: logs, warm containers, prices, and weights on the volume."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from modal_server import ModalServer
from modal_state import Function
from tests.catalogue.commands import Commands
from tests.serving import Server

from skyhook.catalogue.pull import RECORD
from skyhook.compute.modal.naming import class_name

PROBE = "probe_functions:Probe"
ANSWER = 'mutation { probeAnswer(text: "one two", behaviour: "speak") }'


@dataclass
class Operated(Server):
    """A server whose commands fork from one process, since there are many of them."""

    commands: Commands | None = None

    def command(self, *arguments: str) -> str:
        if self.commands is None:
            self.commands = Commands(self.variables())
        done = self.commands.run(arguments, self.variables())
        if done.status:
            raise RuntimeError(done.output + done.errors)
        return done.output


@pytest.fixture(scope="module")
def server(modal_server: ModalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """A server after `skyhook functions deploy`, which has answered a call."""
    variables = modal_server.variables() | {"SKYHOOK_COMPUTE": "modal"}
    server = Operated(tmp_path_factory.mktemp("server"), environment=variables)
    server.command("functions", "deploy")
    server.prepare()
    try:
        server.start()
        answer = server.graphql(ANSWER)
        assert answer["data"] == {"probeAnswer": "one two"}, answer
        yield server
    finally:
        server.stop()
        if server.commands is not None:
            server.commands.close()


@pytest.fixture
def probe(modal_server: ModalServer) -> Function:
    app = modal_server.state.deployed("skyhook")
    assert app is not None
    return modal_server.state.functions[app.function_ids[f"{class_name(PROBE)}.*"]]


def following(server: Server, *arguments: str) -> subprocess.Popen[str]:
    """A command that goes on until it is interrupted."""
    return subprocess.Popen(
        [sys.executable, "-m", "skyhook", *arguments],
        env=server.variables() | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_log_of_a_function_is_what_its_containers_printed(server: Operated) -> None:
    assert "the probe speaks: one two" in server.command("functions", "logs", "Probe")
    assert "the probe speaks: one two" in server.command("functions", "logs")
    assert "the probe speaks" not in server.command("functions", "logs", "ChatModel")


def test_a_log_is_followed(server: Operated) -> None:
    process = following(server, "functions", "logs", "Probe", "--lines", "1", "--follow")
    assert process.stdout is not None
    try:
        assert "the probe speaks: one two" in process.stdout.readline()
        time.sleep(0.3)
        server.graphql(ANSWER.replace("one two", "three"))
        assert "the probe speaks: three" in process.stdout.readline()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_function_is_kept_warm_until_that_is_ended(server: Operated, probe: Function) -> None:
    server.command("functions", "warm", "Probe", "--containers", "2")
    assert probe.scaling[-1].min_containers == 2
    server.command("functions", "warm", "Probe", "--containers", "0")
    assert probe.scaling[-1].min_containers == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_function_that_is_kept_warm_for_a_time_is_set_back_also_where_that_is_interrupted(
    number: signal.Signals, server: Operated, probe: Function
) -> None:
    process = following(server, "functions", "warm", PROBE, "--containers", "3", "--for", "1h")
    assert process.stdout is not None
    with process.stdout:
        assert "keeps 3 containers" in process.stdout.readline()
        assert probe.scaling[-1].min_containers == 3
        time.sleep(0.2)
        process.send_signal(number)
        assert process.wait(20) == 0
    assert probe.scaling[-1].min_containers == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("warm", "Prob"), "no function 'Prob'"),
        (("warm", "Browser", "--containers", "2"), "1 containers at most"),
        (("warm", "Probe", "--for", "1 day"), "is not a duration"),
        (("logs", "Prob"), "no function 'Prob'"),
        (("warm", "CodeRunner"), "sandbox of its own"),
        (("logs", "CodeRunner"), "keeps no log"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(
    arguments: tuple[str, ...], sentence: str, server: Operated
) -> None:
    with pytest.raises(RuntimeError, match=sentence) as raised:
        server.command("functions", *arguments)
    assert "Traceback" not in str(raised.value)


def test_prices_are_shown_and_refreshed(
    server: Operated, modal_server: ModalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "As of 2026-07-01" in server.command("functions", "prices")
    monkeypatch.setattr(modal_server.state, "rates", {"gpu_l4": "1.5", "cpu": "0.1", "memory": "0.01"})
    told = server.command("functions", "prices", "--refresh")
    assert "Modal tells no price of B200" in told
    shown = {
        line[:16].strip(): float(line.split()[-1])
        for line in server.command("functions", "prices").splitlines()[1:]
    }
    assert (shown["L4"], shown["core"], shown["T4"]) == (1.5, 0.1, 0.5904)
    (server.data / "modal-prices.toml").unlink()


def test_what_is_billed_is_compared_with_what_calls_cost(
    server: Operated, modal_server: ModalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = modal_server.state.deployed("skyhook")
    assert app is not None
    monkeypatch.setattr(modal_server.state, "bill", [(app.id, "1.25"), ("ap-other", "99"), (app.id, "0.5")])
    told = server.command("functions", "cost", "--billed")
    assert "Modal has billed 1.7500" in told


def rows(server: Operated, by: str) -> dict[str, dict[str, float]]:
    """What `functions cost` tells, by its first column."""
    told = json.loads(server.command("functions", "cost", "--by", by, "--json"))
    return {row.pop(by): row for row in told["rows"]}


def test_what_calls_and_jobs_cost_is_told_beside_what_was_charged(server: Operated) -> None:
    before = rows(server, "operation")["probeAnswer"]
    charged = 0
    for text in ("one", "two"):
        answer = server.graphql(f'mutation {{ probeAnswer(text: "{text}", pauseS: 0.2) }}')
        charged += int(answer["extensions"]["cost"]["credit"]["charged"])
    refused = server.graphql('mutation { probeAnswer(text: "x", behaviour: "refuse", pauseS: 0.1) }')
    assert refused["errors"]
    submitted = server.graphql('mutation { probeWork(steps: 2, pauseS: 0.2, behaviour: "abroad") { id } }')
    job = until(server, submitted["data"]["probeWork"]["id"], "COMPLETED")
    eventually(lambda: failed(server) > before["failed"])
    found = rows(server, "operation")
    answers = found["probeAnswer"]
    assert answers["calls"] == before["calls"] + 2
    assert answers["charged"] == before["charged"] + charged
    assert answers["seconds"] >= before["seconds"] + 0.4
    assert answers["cost"] > before["cost"] + answers["failed"] - before["failed"]
    assert found["probeWork"]["charged"] == int(job["cost"])
    assert found["probeWork"]["seconds"] >= 0.4
    assert found["probeWork"]["cost"] > 0
    whole = sum(row["cost"] for row in found.values())
    assert rows(server, "function")[PROBE]["cost"] == whole
    assert "agree" in server.command("billing", "reconcile")
    table = server.command("functions", "cost")
    assert table.splitlines()[0].split()[-3:] == ["failed", "charged", "margin"]


def failed(server: Server) -> int:
    """What failed calls have cost, as the database has it."""
    query = "SELECT coalesce(sum(expense), 0) FROM usage_expenses WHERE function = '' AND NOT is_served"
    with closing(sqlite3.connect(server.data / "skyhook.db")) as database:
        return int(database.execute(query).fetchone()[0])


def eventually(condition: Callable[[], bool], within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def until(server: Operated, job_id: str, state: str) -> dict[str, Any]:
    """The job once it is in the state."""
    query = "query ($id: ID!) { job(id: $id) { state cost } }"
    eventually(lambda: server.graphql(query, id=job_id)["data"]["job"]["state"] == state, 60)
    job: dict[str, Any] = server.graphql(query, id=job_id)["data"]["job"]
    return job


def pulled(server: Operated, name: str, files: dict[str, bytes]) -> Path:
    """A folder as a pull leaves it."""
    folder = server.data / "models" / name
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def on_volume(modal_server: ModalServer, name: str) -> dict[str, bytes]:
    files = modal_server.state.files.get(modal_server.state.volumes["skyhook-models"], {})
    return {
        path.removeprefix(f"{name}/"): content for path, content in files.items() if path.startswith(name)
    }


def test_weights_are_copied_whole_and_what_is_there_is_not_sent_again(
    server: Operated, modal_server: ModalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = modal_server.state
    files = {"config.json": b"{}", "unet/model.safetensors": os.urandom(6 << 20), RECORD: b'{"commit": 1}'}
    folder = pulled(server, "painter", files)
    monkeypatch.setattr(state, "takes", 1)
    with pytest.raises(RuntimeError, match="MODAL_UNREACHABLE"):
        server.command("models", "pull", "painter", "--to", "modal")
    assert RECORD not in on_volume(modal_server, "painter")
    monkeypatch.setattr(state, "takes", None)
    sent = len(state.received)
    server.command("models", "pull", "painter", "--to", "modal")
    assert on_volume(modal_server, "painter") == files
    assert len(state.received) == sent + 2, "the first file was sent again"
    (folder / "config.json").unlink()
    server.command("models", "pull", "painter", "--to", "modal")
    assert on_volume(modal_server, "painter").keys() == {"unet/model.safetensors", RECORD}
    assert len(state.received) == sent + 2


def test_weights_that_are_not_whole_on_the_volume_are_told_as_such(
    server: Operated, modal_server: ModalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled(server, "broken", {"model.safetensors": b"weights", RECORD: b"{}"})
    monkeypatch.setattr(modal_server.state, "cuts", True)
    with pytest.raises(RuntimeError, match="MODAL_UPLOAD_FAILED") as raised:
        server.command("models", "pull", "broken", "--to", "modal")
    assert "model.safetensors differs there" in str(raised.value)


def test_a_wrong_token_is_told_as_such(server: Operated) -> None:
    pulled(server, "other", {RECORD: b"{}"})
    variables = server.environment | {"MODAL_TOKEN_SECRET": "as-wrong"}
    wrong = replace(server, environment=variables)
    for command in (
        ("models", "pull", "other", "--to", "modal"),
        ("functions", "logs", "Probe"),
        ("functions", "warm", "Probe"),
        ("functions", "prices", "--refresh"),
    ):
        with pytest.raises(RuntimeError, match="MODAL_UNAUTHORIZED"):
            wrong.command(*command)
