"""A trained version answers to the model's name on a running server, until it is taken back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.serving import Server

from skyhook.catalogue.service import Catalogue
from skyhook.database import Database
from skyhook.function import Score

ASK = """mutation { chatComplete(input: {model: "skyhook-small", maxTokens: 8, temperature: 0,
  messages: [{role: "user", content: "What is 3 + 4?"}]}) { text } }"""
MODELS = "{ chatModels { name source } }"


def source(server: Server) -> str:
    models = server.graphql(MODELS)["data"]["chatModels"]
    return {model["name"]: model["source"] for model in models}["skyhook-small"]


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


async def test_a_trained_version_answers_to_the_name_until_it_is_withdrawn(
    server: Server, llama: Path
) -> None:
    shipped = server.graphql(ASK)["data"]
    assert source(server) == "bundled"
    database = Database(f"sqlite:///{server.data}/skyhook.db")
    versions = Catalogue(database, nothing).versions
    scores = [Score(name="knowledge", right=9, cases=10)]
    await versions.publish("skyhook-small", 1, llama, scores, after=None)
    until(lambda: source(server) == "trained")
    assert server.graphql(ASK)["data"] != shipped
    await versions.withdraw("skyhook-small")
    await database.close()
    until(lambda: source(server) == "bundled")
    assert server.graphql(ASK)["data"] == shipped


async def nothing() -> None:
    """No prices are read."""
