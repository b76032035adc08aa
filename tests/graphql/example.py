"""A small schema that uses every feature, with services that tests can watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

import strawberry

from skyhook.errors import InvalidInput, SkyhookError
from skyhook.graphql.connections import Connection, Edge
from skyhook.graphql.context import Info
from skyhook.graphql.cost import page_size
from skyhook.graphql.head import Head
from skyhook.graphql.nodes import GlobalID, Node
from skyhook.graphql.scalars import JSON, BigInt
from skyhook.graphql.schema import Fields, compose
from skyhook.operations.caller import Caller
from skyhook.operations.rate import RateState

CALLER = Caller(UUID(int=1), None, UUID(int=2), frozenset({"*"}))
KEY = {"Authorization": "Bearer sk_test_good"}


class KeyInvalid(SkyhookError):
    code = "KEY_INVALID"
    status = 401


class RateLimited(SkyhookError):
    code = "RATE_LIMITED"
    status = 429
    retryable = True


@dataclass
class Services:
    """What the tests watch."""

    opened: int = 0
    closed: int = 0
    sent: int = 0
    loads: list[list[int]] = field(default_factory=list)


@dataclass
class Budget:
    """A bucket of points for each key."""

    limit: int = 1_000
    used: int = 0
    returned: int = 0

    async def take(self, caller: Caller, points: int) -> RateState:
        if self.used + points > self.limit:
            raise RateLimited("Too many points in this minute. Wait, then retry.", retry_after_s=7.2)
        self.used += points
        return RateState(limit=self.limit, remaining=self.limit - self.used, reset_s=60.0)

    def give_back(self, caller: Caller, points: int) -> None:
        self.used -= points
        self.returned += points


async def authenticate(head: Head) -> Caller | None:
    if head.authorization is None:
        return None
    if head.authorization != KEY["Authorization"]:
        raise KeyInvalid("This key does not exist. Create one in the console.")
    return CALLER


async def load_squares(context: Any, keys: list[int]) -> list[int]:
    context.services.loads.append(keys)
    return [key * key for key in keys]


First = Annotated[int | None, strawberry.argument(description="From the start.")]


def numbers(first: int | None, last: int | None, have: int) -> Connection[Number]:
    size = min(page_size(first, last, "numbers"), have)
    edges = [Edge(cursor=str(value), node=Number(value=value, number_id=str(value))) for value in range(size)]
    info = strawberry.relay.PageInfo(
        has_next_page=False, has_previous_page=False, start_cursor=None, end_cursor=None
    )
    return Connection(edges=edges, page_info=info)


@strawberry.type(description="A number.")
class Number(Node):
    number_id: strawberry.relay.NodeID[str]
    value: int

    @classmethod
    async def resolve_nodes(cls, *, info: Info, node_ids: Any, required: bool = False) -> Any:
        return [cls(number_id=key, value=int(key)) if key.isdigit() else None for key in node_ids]

    @strawberry.field(description="Its square.")
    async def square(self, info: Info) -> int:
        return await info.context.loader(load_squares).load(self.value)

    @strawberry.field(description="The number that follows.")
    def following(self) -> Number:
        return Number(number_id=str(self.value + 1), value=self.value + 1)

    @strawberry.field(description="Some numbers below it.")
    async def below(
        self,
        first: First = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Number]:
        return numbers(first, last, have=2)


@strawberry.input(description="Something to record.")
class RecordInput:
    name: str
    amount: BigInt


@strawberry.type(description="What was recorded.")
class Record:
    name: str
    amount: BigInt
    idempotency_key: str | None
    extra: JSON


@strawberry.type
class Query:
    @strawberry.field(description="Says hello.")
    def hello(self, name: str = "you") -> str:
        return f"Hello, {name}!"

    @strawberry.field(description="Who calls.")
    def me(self, info: Info) -> str:
        return str(info.context.caller.organization_id)

    @strawberry.field(description="Numbers.")
    def numbers(
        self,
        first: First = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Number]:
        return numbers(first, last, have=5)

    @strawberry.field(description="Fails as a bug would.")
    def bug(self) -> str | None:
        raise RuntimeError("SELECT secret FROM vault")

    @strawberry.field(description="Fails as a domain would.")
    def wrong(self) -> str | None:
        raise InvalidInput("The name is taken. Choose another.", field="name")

    @strawberry.field(description="Is null where it must not be.")
    def broken_promise(self) -> str:
        return None  # type: ignore[return-value]

    @strawberry.field(description="A number by its id.")
    def number(self, id: GlobalID) -> str:
        return id.node_id

    @strawberry.field(description="Any JSON.")
    def anything(self, value: JSON) -> JSON:
        return value

    @strawberry.field(description="Not JSON.")
    def unwritable(self) -> JSON:
        return JSON(object())


@strawberry.type
class Mutation:
    @strawberry.mutation(description="Records something.")
    async def record(self, info: Info, input: RecordInput) -> Record:
        info.context.credit.held += 5
        info.context.credit.charged += 3
        return Record(
            name=input.name,
            amount=input.amount,
            idempotency_key=info.context.idempotency_key,
            extra=JSON({"a": [1, None]}),
        )


@strawberry.type
class Subscription:
    @strawberry.subscription(description="Counts up.")
    async def count(self, info: Info, to: int, every: float = 0.0) -> AsyncGenerator[int, None]:
        services = info.context.services
        services.opened += 1
        try:
            for value in range(to):
                services.sent += 1
                yield value
                await asyncio.sleep(every)
            info.context.credit.charged += 11
        finally:
            services.closed += 1

    @strawberry.subscription(description="Numbers, one after the other.")
    async def each_number(self) -> AsyncGenerator[Number, None]:
        for value in (1, 2):
            yield Number(number_id=str(value), value=value)

    @strawberry.subscription(description="Sends large events without a pause.")
    async def flood(self, info: Info) -> AsyncGenerator[str, None]:
        services = info.context.services
        try:
            while True:
                services.sent += 1
                yield "x" * 65_536
        finally:
            services.closed += 1

    @strawberry.subscription(description="Fails after an event.")
    async def failing(self, info: Info) -> AsyncGenerator[str, None]:
        yield "one"
        raise InvalidInput("It broke. Start again.", field="failing")

    @strawberry.subscription(description="Needs a key.")
    async def mine(self, info: Info) -> AsyncGenerator[str, None]:
        yield str(info.context.caller.organization_id)


CORE = Fields("test", query=Query, mutation=Mutation, subscription=Subscription)
SCHEMA = compose([CORE], [])
