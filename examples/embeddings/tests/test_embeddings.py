"""Embeddings on a real server, with the real model on the CPU and without a network."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from skyhook.conformance.testing import PluginServer

EMBED = "mutation Embed($texts: [String!]!) { embeddingsEmbed(texts: $texts) { dimensions vectors } }"
ADD = "mutation Add($texts: [String!]!) { embeddingsAdd(texts: $texts) }"
SEARCH = "mutation Find($text: String!) { embeddingsSearch(text: $text, first: 2) { text similarity } }"
KEPT = [
    "A refund is paid to your card within five days.",
    "The museum opens at nine in the morning.",
    "Cats sleep for most of the day.",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PluginServer]:
    folder = tmp_path_factory.mktemp("server")
    with PluginServer(Path(__file__).parents[1], folder, {"HF_HUB_OFFLINE": "1"}) as server:
        yield server


def cosine(one: list[float], other: list[float]) -> float:
    return math.fsum(a * b for a, b in zip(one, other, strict=True))


def test_texts_that_mean_the_same_have_vectors_near_each_other(server: PluginServer) -> None:
    texts = ["How do I get my money back?", KEPT[0], KEPT[2]]
    answer = server.graphql(EMBED, texts=texts)
    embedded = answer["data"]["embeddingsEmbed"]
    money, refund, cats = embedded["vectors"]
    assert embedded["dimensions"] == len(money) == 384
    assert cosine(money, money) == pytest.approx(1, abs=1e-3)
    assert cosine(money, refund) > 2 * max(0.1, cosine(money, cats))
    charged = answer["extensions"]["cost"]["credit"]["charged"]
    assert 20 * 20 < charged < 20 * 60, "20 nano-dollars for each token"


def test_kept_texts_are_found_by_what_they_mean(server: PluginServer) -> None:
    assert server.graphql(SEARCH, text="anything")["data"] == {"embeddingsSearch": []}
    assert server.graphql(ADD, texts=KEPT)["data"] == {"embeddingsAdd": 3}
    for question, place in [("How do I get my money back?", 0), ("When can I visit?", 1), ("pets", 2)]:
        hits = server.graphql(SEARCH, text=question)["data"]["embeddingsSearch"]
        assert len(hits) == 2
        assert hits[0]["text"] == KEPT[place]
        assert hits[0]["similarity"] > hits[1]["similarity"]


def test_texts_are_kept_and_found_on_the_page_of_the_console(server: PluginServer) -> None:
    console = server.console()
    page = "plugins/embeddings/pages/texts"
    texts = "Herons eat fish.\n\nOwls hunt at night.\n"
    for _ in range(2):  # as two clicks do
        assert "The texts are kept." in console.send(f"{page}/keep", texts=texts, idempotency_key="a-click")
    newest = console.get(page)
    assert newest.count("Herons eat fish.") == 1
    assert newest.index("Owls hunt at night.") < newest.index("Herons eat fish.")
    found = console.send(f"{page}/find", text="What is the food of birds?")
    assert found.index("Herons eat fish.") < found.index("Owls hunt at night.")
    assert "Give 1 to 100 texts." in console.send(f"{page}/keep", texts=" ")


def test_too_many_texts_are_refused(server: PluginServer) -> None:
    (error,) = server.graphql(EMBED, texts=["x"] * 101)["errors"]
    assert error["extensions"]["code"] == "INVALID_INPUT"


def test_it_keeps_the_contract(server: PluginServer) -> None:
    server.command("plugins", "check", "embeddings")
