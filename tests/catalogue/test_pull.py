"""Models are pulled through the real command line from a stand-in of the hub, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.catalogue.commands import Commands, Done
from tests.catalogue.hub import Hub, Repository, serve
from tests.functions.chat.conftest import CONTEXT, checkpoints, llama, tokenizer
from tests.serving import Server, free_port

__all__ = ["checkpoints", "llama", "tokenizer"]

COMPLETE = """mutation ($input: ChatCompleteInput!) { chatComplete(input: $input) {
  text usage { promptTokens completionTokens cost } } }"""
CONFIG = json.dumps({"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 2048}).encode()
LARGE = random.Random(1).randbytes(24 << 20)
"""Weights that are large enough to be interrupted: the client stores 10 MiB at a time."""
UNWANTED = (
    "pytorch_model.bin",
    "modeling_tiny.py",
    "README.md",
    "consolidated.safetensors",
    "onnx/model.onnx",
    "original/params.json",
    ".json",
)
SMALL = {"config.json": CONFIG, "tokenizer.json": b"{}", "model.safetensors": b"weights"}


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub(repositories={"acme/Small": Repository(dict(SMALL))})
    server = serve(hub)
    yield hub
    hub.released.set()
    server.shutdown()
    server.server_close()


@dataclass
class Pulling(Server):
    """A server that is not started yet, whose commands fork from one process."""

    commands: Commands | None = None

    def run(self, *arguments: str, **environment: str) -> Done:
        """Runs a `skyhook models` command."""
        assert self.commands is not None
        return self.commands.run(("models", *arguments), self.variables() | environment)

    def done(self, *arguments: str) -> str:
        """What a command printed that must succeed."""
        done = self.run(*arguments)
        assert done.status == 0, done.errors
        return done.output

    def refused(self, *arguments: str, **environment: str) -> str:
        """The one sentence with which a command must end."""
        done = self.run(*arguments, **environment)
        assert done.status == 1, done.errors
        lines = [line for line in done.errors.splitlines() if line.startswith("Error: ")]
        assert len(lines) == 1, done.errors
        assert "Traceback" not in done.errors
        return lines[0].removeprefix("Error: ")

    def row(self, model: str) -> list[str]:
        """The columns of a model in the list."""
        return next(line.split() for line in self.done("list").splitlines() if line.startswith(f"{model} "))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulling]:
    server = Pulling(tmp_path_factory.mktemp("pull"))
    server.commands = Commands(server.variables())
    for command in ("migrate", "init"):
        done = server.commands.run((command,), server.variables())
        assert done.status == 0, done.errors
    yield server
    server.commands.close()


@pytest.fixture
def server(prepared: Pulling, hub: Hub, tmp_path: Path) -> Iterator[Pulling]:
    """A prepared server whose commands know the stand-in and no token."""
    prepared.environment = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path), "HF_TOKEN": ""}
    yield prepared
    prepared.stop()


def folder(server: Pulling, name: str) -> Path:
    return server.data / "models" / name


def partial(server: Pulling, name: str) -> Path:
    return server.data / "models" / f".{name}.partial"


def files(path: Path) -> set[str]:
    return {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}


def price(server: Server, model: str) -> int:
    """What the newest price of a token that the model writes is."""
    with closing(sqlite3.connect(server.data / "skyhook.db")) as database:
        query = "SELECT price FROM prices WHERE model = ? ORDER BY effective_at DESC LIMIT 1"
        return int(database.execute(query, (model,)).fetchone()[0])


def complete(server: Pulling, model: str) -> dict[str, object]:
    prompt = {"messages": [{"role": "user", "content": "The sky"}], "maxTokens": 20, "temperature": 0}
    answer = server.graphql(COMPLETE, input=prompt | {"model": model})
    assert "errors" not in answer, answer
    return answer["data"]["chatComplete"]  # type: ignore[no-any-return]


def test_a_pulled_model_answers(server: Pulling, hub: Hub, llama: Path) -> None:
    wanted = {path.name: path.read_bytes() for path in llama.iterdir()}
    unwanted = dict.fromkeys(UNWANTED, b"no")
    hub.repositories["acme/Tiny-Llama"] = Repository(wanted | unwanted, gated=True)
    server.environment["HF_TOKEN"] = hub.allowed
    # From the shell, as an operator does.
    output = server.command("models", "pull", "acme/Tiny-Llama", "--price", "chat.output_tokens=7")
    assert "model.safetensors" in output
    assert "Added tiny-llama." in output
    path = folder(server, "tiny-llama")
    assert files(path) == {*wanted, "skyhook-pull.json"}
    assert all((path / name).read_bytes() == content for name, content in wanted.items())
    assert {one.authorization for one in hub.seen if not one.path.startswith("/cdn/")} == {
        f"Bearer {hub.allowed}"
    }
    assert {one.authorization for one in hub.seen if one.path.startswith("/cdn/")} == {None}
    row = server.row("tiny-llama")
    assert row == ["tiny-llama", "chat", "hub", "medium", str(CONTEXT)]

    server.done("add", "same", "--folder", str(llama), "--context-tokens", str(CONTEXT))
    server.start()
    pulled, same = complete(server, "tiny-llama"), complete(server, "same")
    assert pulled["text"] == same["text"] != ""
    usage = pulled["usage"]
    assert isinstance(usage, dict)
    assert usage["cost"] == str(usage["promptTokens"] * 100 + usage["completionTokens"] * 7)


def test_weights_are_downloaded_once_and_deleted_when_asked(server: Pulling, hub: Hub) -> None:
    server.done("pull", "once", "--from", "acme/Small", "--tier", "small")
    assert "There is a model 'once' already" in server.refused("pull", "once", "--from", "acme/Small")
    server.done("remove", "once")
    hub.seen.clear()
    assert "are in" in server.done("pull", "once", "--from", "acme/Small")
    assert hub.seen == []
    server.done("remove", "once")
    other = server.refused("pull", "once", "--from", "acme/Small", "--revision", "v2")
    assert other.endswith("(MODEL_EXISTS)")
    server.done("remove", "once", "--weights")
    assert not folder(server, "once").exists()
    assert server.refused("remove", "once", "--weights").endswith("(MODEL_NOT_FOUND)")


def test_only_pulled_weights_are_deleted(server: Pulling, tmp_path: Path) -> None:
    server.done("add", "mine", "--folder", str(tmp_path), "--context-tokens", "10")
    assert "were not pulled" in server.refused("remove", "mine", "--weights")
    assert tmp_path.exists()
    assert "mine" in server.done("list")
    folder(server, "byhand").mkdir(parents=True)
    assert "was not pulled" in server.refused("pull", "byhand", "--from", "acme/Small")
    assert "was not pulled" in server.refused("remove", "byhand", "--weights")


def test_a_killed_pull_goes_on_where_it_stopped(server: Pulling, hub: Hub) -> None:
    hub.repositories["acme/large"] = Repository(SMALL | {"model.safetensors": LARGE})
    hub.stall_after = 15 << 20
    process = subprocess.Popen(
        [sys.executable, "-m", "skyhook", "models", "pull", "acme/large"], env=server.variables()
    )
    assert hub.stalled.wait(30)
    parts: list[Path] = []
    while not parts or parts[0].stat().st_size < 10 << 20:
        time.sleep(0.01)
        parts = list(partial(server, "large").glob("model.safetensors.*.part"))
    busy = server.refused("pull", "acme/large")
    assert busy.endswith("(WEIGHTS_BUSY)")
    process.kill()
    process.wait()
    assert not folder(server, "large").exists()
    assert "large" not in server.done("list")

    hub.stall_after = None
    hub.seen.clear()
    server.done("pull", "acme/large")
    assert [(one.range, one.path.split("/")[1]) for one in hub.downloads()] == [
        (f"bytes={10 << 20}-", "acme"),
        (f"bytes={10 << 20}-", "cdn"),
    ]
    assert (folder(server, "large") / "model.safetensors").read_bytes() == LARGE
    assert not partial(server, "large").exists()


def test_what_an_interrupted_pull_left_does_not_get_into_another_revision(server: Pulling, hub: Hub) -> None:
    left = partial(server, "again") / "additional_chat_templates"
    left.mkdir(parents=True)
    (left / "old.jinja").write_text("old")
    (left.parent / "config.json").write_text("{}")
    (left.parent / "model.safetensors.0123456789abcdef.part").write_text("old")
    server.done("pull", "again", "--from", "acme/Small")
    assert files(folder(server, "again")) == {*SMALL, "skyhook-pull.json"}
    assert (folder(server, "again") / "config.json").read_bytes() == CONFIG


def test_what_an_interrupted_pull_left_can_be_deleted(server: Pulling) -> None:
    partial(server, "left").mkdir(parents=True)
    (partial(server, "left") / "config.json").write_text("{}")
    server.done("remove", "left", "--weights")
    assert not partial(server, "left").exists()


def test_a_broken_connection_is_taken_up_again(server: Pulling, hub: Hub) -> None:
    hub.repositories["acme/broken"] = Repository(SMALL | {"model.safetensors": LARGE})
    hub.break_after = 15 << 20
    server.done("pull", "acme/broken")
    assert f"bytes={10 << 20}-" in {one.range for one in hub.downloads()}
    assert (folder(server, "broken") / "model.safetensors").read_bytes() == LARGE


def test_damaged_weights_are_thrown_away(server: Pulling, hub: Hub) -> None:
    hub.damage = True
    assert server.refused("pull", "damaged", "--from", "acme/Small").endswith("(HUB_UNAVAILABLE)")
    assert not folder(server, "damaged").exists()
    assert files(partial(server, "damaged")) == {"config.json", "tokenizer.json"}
    hub.damage = False
    server.done("pull", "damaged", "--from", "acme/Small")


def test_shards_are_pulled_as_the_index_names_them(server: Pulling, hub: Hub) -> None:
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    index = json.dumps({"metadata": {}, "weight_map": {"a": names[0], "b": names[1], "c": names[0]}})
    config = {"text_config": {"max_position_embeddings": 64}, "bound": float("inf")}
    sharded = {
        "config.json": json.dumps(config).encode(),
        "tokenizer.model": b"tokens",
        "chat_template.jinja": b"{{ messages }}",
        "additional_chat_templates/tools.jinja": b"{{ tools }}",
        "model.safetensors.index.json": index.encode(),
    } | dict.fromkeys(names, b"shard")
    hub.repositories["acme/sharded"] = Repository(sharded | {"consolidated.safetensors": b"no"})
    server.done("pull", "acme/sharded", "--context-tokens", "32")
    assert files(folder(server, "sharded")) == {*sharded, "skyhook-pull.json"}
    row = server.row("sharded")
    assert row[-1] == "32"


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"config.json": None}, "acme/Bad has no config.json"),
        ({"model.safetensors": None, "pytorch_model.bin": b"no"}, "no safetensors weights, only pickles"),
        ({"tokenizer.json": None}, "acme/Bad has no tokenizer"),
        ({"config.json": b'{"architectures": ["BertForMaskedLM"]}'}, "no causal language model but Bert"),
        ({"config.json": b"{"}, "config.json of acme/Bad cannot be read"),
    ],
)
def test_what_is_no_usable_model_is_refused_before_its_weights_come(
    server: Pulling, hub: Hub, broken: dict[str, bytes | None], message: str
) -> None:
    content = {name: body for name, body in (SMALL | broken).items() if body is not None}
    hub.repositories["acme/Bad"] = Repository(content)
    sentence = server.refused("pull", "acme/Bad")
    assert message in sentence
    assert sentence.endswith("(MODEL_UNUSABLE)")
    assert not any(one.path.startswith("/cdn/") for one in hub.seen)


def test_a_context_that_no_file_names_is_asked_for(server: Pulling, hub: Hub) -> None:
    hub.repositories["acme/endless"] = Repository(SMALL | {"config.json": b'{"model_type": "mamba"}'})
    assert "--context-tokens" in server.refused("pull", "acme/endless")
    hub.seen.clear()
    server.done("pull", "acme/endless", "--context-tokens", "4096")
    assert hub.seen == []


def test_unknown_gated_and_forbidden_repositories(server: Pulling, hub: Hub) -> None:
    hub.repositories["acme/gated"] = Repository(dict(SMALL), gated=True)
    known = {"HF_TOKEN": "hf_known"}
    for environment in ({}, known):
        unknown = server.refused("pull", "acme/nothing", **environment)
        assert unknown.startswith(f"{hub.endpoint} has no repository acme/nothing")
        assert unknown.endswith("(HUB_NOT_FOUND)")
        gated = server.refused("pull", "acme/gated", **environment)
        assert "acme/gated is gated: accept its terms" in gated
        assert gated.endswith("(HUB_FORBIDDEN)")
    revision = server.refused("pull", "acme/Small", "--revision", "v9")
    assert revision == "acme/Small has no revision 'v9'. (HUB_NOT_FOUND)"
    assert "check the token in HF_TOKEN" in server.refused("pull", "acme/Small", HF_TOKEN="hf_stale")
    assert not partial(server, "gated").exists()


def test_a_hub_that_is_away(server: Pulling, hub: Hub) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    away = server.refused("pull", "acme/Small", HF_ENDPOINT=nowhere)
    assert away.startswith(f"{nowhere} cannot be reached")
    assert "HF_HUB_OFFLINE is set" in server.refused("pull", "acme/Small", HF_HUB_OFFLINE="1")
    hub.status = 500
    assert "answered 500" in server.refused("pull", "acme/Small")


def test_a_full_disk(server: Pulling, hub: Hub) -> None:
    hub.repositories["acme/huge"] = Repository(dict(SMALL), claimed_size=10**16)
    huge = server.refused("pull", "acme/huge")
    assert huge.startswith("The disk is too full: 10,000,000.1 GB are needed")
    assert huge.endswith("(WEIGHTS_NOT_STORED)")
    checksum = hashlib.sha256(SMALL["model.safetensors"]).hexdigest()
    part = f"model.safetensors.{hashlib.sha256(checksum.encode()).hexdigest()[:16]}.part"
    partial(server, "full").mkdir(parents=True)
    (partial(server, "full") / part).symlink_to("/dev/full")
    full = server.refused("pull", "full", "--from", "acme/Small")
    assert full.startswith("The disk is full: make room for acme/Small")


def test_what_is_wrong_in_the_command_is_said_before_anything_is_asked_of_the_hub(
    server: Pulling, hub: Hub
) -> None:
    assert "already" in server.refused("pull", "skyhook-small", "--from", "acme/Small")
    assert "not '../up'" in server.refused("pull", "../up", "--from", "acme/Small")
    assert "not 'acme'" in server.refused("pull", "some", "--from", "acme")
    assert "no plugin 'absent'" in server.refused("pull", "acme/Small", "--plugin", "absent")
    assert "no meter 'chat.words'" in server.refused("pull", "acme/Small", "--price", "chat.words=1")
    assert hub.seen == []


def test_a_refused_model_leaves_the_prices_of_the_other_alone(server: Pulling, hub: Hub) -> None:
    server.done("pull", "acme/Small", "--price", "chat.output_tokens=1")
    assert price(server, "small") == 1
    added = ("add", "small", "--folder", str(server.data), "--context-tokens", "9")
    assert "already" in server.refused(*added, "--price", "chat.output_tokens=999")
    assert price(server, "small") == 1
