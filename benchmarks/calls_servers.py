"""The servers that `calls.py` loads, each in a process of its own: `python calls_servers.py WHICH PORT`.

`skyhook` is `skyhook serve` as it is, but for the chat function, which answers at once. `bare` is the same
mutation, with the same result, in Strawberry's own Litestar controller and nothing else; `cached` adds
Strawberry's parser and validation caches to it.
"""

from __future__ import annotations

import os
import sys

import strawberry
import uvicorn
from instant_model import ANSWER, InstantChat
from litestar import Litestar
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.litestar import make_graphql_controller

from skyhook.clock import new_id


@strawberry.type
class Usage:
    prompt_tokens: int
    completion_tokens: int
    cost: str


@strawberry.type
class Completion:
    id: strawberry.ID
    model: str
    text: str
    finish_reason: str
    usage: Usage


@strawberry.input
class ChatMessageInput:
    role: str
    content: str = ""


@strawberry.input
class ChatCompleteInput:
    messages: list[ChatMessageInput]
    model: str | None = None
    max_tokens: int | None = None


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        """GraphQL asks for a query."""
        return "hello"


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def chat_complete(self, input: ChatCompleteInput) -> Completion:
        """What `chatComplete` answers, without anybody asked for it or charged."""
        return Completion(
            id=strawberry.ID(str(new_id())),
            model="skyhook-small",
            text=ANSWER.text,
            finish_reason=ANSWER.finish_reason,
            usage=Usage(
                prompt_tokens=ANSWER.prompt_tokens,
                completion_tokens=ANSWER.completion_tokens,
                cost="4800",
            ),
        )


def serve_bare(port: int, *, cached: bool) -> None:
    """Serves the mutation alone, with the settings that `skyhook serve` gives uvicorn."""
    extensions = [ParserCache, ValidationCache] if cached else []
    schema = strawberry.Schema(Query, Mutation, extensions=extensions)
    app = Litestar([make_graphql_controller(schema, path="/graphql")], openapi_config=None)
    uvicorn.run(app, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=10)


def serve_skyhook(port: int) -> None:
    """Serves Skyhook from the folder and the database that the environment names."""
    import skyhook_chat.completions
    from skyhook.cli import main

    skyhook_chat.completions.ChatModel = InstantChat  # type: ignore[misc,assignment]
    os.environ["SKYHOOK_PORT"] = str(port)
    main(["serve"])


if __name__ == "__main__":
    which, port = sys.argv[1], int(sys.argv[2])
    if which == "skyhook":
        serve_skyhook(port)
    else:
        serve_bare(port, cached=which == "cached")
