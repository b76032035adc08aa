"""One operation from its request to its answer: prepare, admit, execute, settle its points."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Collection
from contextlib import aclosing
from typing import Any, TypeAlias

import msgspec
from graphql import (
    ExecutionResult,
    GraphQLError,
    OperationType,
    create_source_event_stream,
    default_field_resolver,
    default_type_resolver,
    map_source_to_response_event,
)
from strawberry import Schema
from strawberry.execution import optimized_is_awaitable

from skyhook.errors import SkyhookError
from skyhook.graphql.budget import RateBudget
from skyhook.graphql.context import Context
from skyhook.graphql.cost import Points
from skyhook.graphql.documents import Documents, Operation
from skyhook.graphql.errors import (
    MethodNotAllowed,
    RequestRefused,
    StreamRequired,
    format_error,
    internal_error,
)
from skyhook.graphql.limits import Limits, QueryTooExpensive
from skyhook.graphql.selections import Executor
from skyhook.operations.rate import UNLIMITED, RateState

Payload: TypeAlias = dict[str, Any]
"""A GraphQL response: `data`, `errors`, `extensions`."""

ANSWERS = frozenset({OperationType.QUERY, OperationType.MUTATION})
STREAMS = frozenset(OperationType)

_TURN_S = 0.005
"""How long a stream may run before others get their turn."""


class Request(msgspec.Struct, rename="camel"):
    """What a caller sends, over any transport."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


_encode = msgspec.json.Encoder().encode


def encode(payload: Payload, request_id: str) -> bytes:
    """The JSON of a response; what cannot be written as JSON becomes an INTERNAL_ERROR."""
    try:
        return _encode(payload)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        message, extensions = internal_error(error, request_id)
        failed = {"message": message, "extensions": extensions}
        return _encode({"data": None, "errors": [failed], "extensions": payload.get("extensions", {})})


class Engine:
    """The schema with its limits and prepared documents; one for each process."""

    def __init__(self, schema: Schema, budget: RateBudget, limits: Limits) -> None:
        self.schema = schema._schema
        self.budget = budget
        self.limits = limits
        self.documents = Documents(self.schema, limits)

    async def admit(self, request: Request, context: Context, kinds: Collection[OperationType]) -> Run:
        """Checks a request and draws its points. Raises RequestRefused or SkyhookError."""
        operation = self.documents.operation(request.query, request.operation_name)
        if operation.kind not in kinds:
            raise RequestRefused.of(_wrong_transport(operation.kind))
        variables = operation.coerced(request.variables or {})
        points = operation.plan.points(variables.coerced)
        if points.total > self.limits.points:
            raise QueryTooExpensive(
                f"The query costs {points.total} points; {self.limits.points} is the most for one request. "
                "Ask for smaller pages, or for fewer connections inside each other."
            )
        executor = Executor(
            operation.selections,
            self.schema,
            operation.fragments,
            operation.details,
            None,
            context,
            operation.node,
            variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            operation_extensions=request.extensions,
        )
        run = Run(self.budget, operation, executor, context, points)
        await run.draw(points.total)
        return run


class Run:
    """One admitted operation. Await `answer`, or iterate `events` and then read `cost`."""

    __slots__ = ("_budget", "_drawn", "_executor", "_returned", "_state", "context", "operation", "points")

    def __init__(
        self,
        budget: RateBudget,
        operation: Operation,
        executor: Executor,
        context: Context,
        points: Points,
    ) -> None:
        self.operation = operation
        self.points = points
        self._budget = budget
        self._executor = executor
        self.context = context
        self._state: RateState = UNLIMITED
        self._drawn = 0
        self._returned = 0

    async def draw(self, points: int) -> None:
        """Takes points from the caller's budget. Raises a SkyhookError where they are not there."""
        caller = self.context.caller_or_none
        if caller is not None and points:
            self._state = await self._budget.take(caller, points)
        self._drawn += points

    async def answer(self) -> Payload:
        """Executes a query or mutation."""
        try:
            result = self.operation.known_result or await self._execute()
        finally:
            self._settle()
        payload = self._payload(result)
        payload["extensions"] = {"cost": self.cost()}
        return payload

    async def _execute(self) -> ExecutionResult:
        result: Any = self._executor.execute_operation()
        if optimized_is_awaitable(result):
            result = await result
        if self.operation.is_introspection:
            self.operation.known_result = result
        executed: ExecutionResult = result
        return executed

    async def events(self) -> AsyncGenerator[Payload, None]:
        """Executes any operation as a stream; closing it early runs the resolver's `finally` blocks.

        A failure of the stream itself is its last event.
        """
        if self.operation.kind is not OperationType.SUBSCRIPTION:
            yield await self.answer()
            return
        try:
            source: Any = create_source_event_stream(self._executor)
            if optimized_is_awaitable(source):
                source = await source
            if isinstance(source, ExecutionResult):
                yield self._payload(source)
                return
            async with aclosing(self._responses(source)) as responses:
                async for response in responses:
                    yield response
        except Exception as error:
            yield self._payload(ExecutionResult(None, [GraphQLError("", original_error=error)]))
        finally:
            self._settle()

    async def _responses(self, source: AsyncIterable[Any]) -> AsyncGenerator[Payload, None]:
        clock = asyncio.get_running_loop().time
        async with aclosing(map_source_to_response_event(self._executor, source)) as results:
            first = True
            turn_ends = clock() + _TURN_S
            async for result in results:
                # The nodes of the first event were drawn at the start; each further event draws its own.
                if not first and self.points.nodes:
                    await self.draw(self.points.nodes)
                first = False
                yield self._payload(result)
                self.context.forget_loaded()
                if clock() > turn_ends:
                    # A resolver and a socket that are always ready would never let anybody else run,
                    # nor let a cancellation in.
                    await asyncio.sleep(0)
                    turn_ends = clock() + _TURN_S

    def _payload(self, result: ExecutionResult) -> Payload:
        payload: Payload = {"data": result.data}
        if result.errors:
            payload["errors"] = [format_error(error, self.context.request_id) for error in result.errors]
        return payload

    def _settle(self) -> None:
        self._returned = max(0, self._drawn - self._actual)
        caller = self.context.caller_or_none
        if caller is not None and self._returned:
            self._budget.give_back(caller, self._returned)

    @property
    def _actual(self) -> int:
        return self.points.roots + self.context.nodes

    def cost(self) -> dict[str, Any]:
        """The value of `extensions.cost`."""
        state, credit = self._state, self.context.credit
        return {
            "query": {
                "requested": self._drawn,
                "actual": self._actual,
                "limit": state.limit,
                "remaining": None if state.remaining is None else state.remaining + self._returned,
                "resetSeconds": state.reset_s,
            },
            "credit": {"held": credit.held, "charged": credit.charged, "unit": "nano-USD"},
        }


def _wrong_transport(kind: OperationType) -> SkyhookError:
    if kind is OperationType.SUBSCRIPTION:
        return StreamRequired(
            "A subscription needs a stream: send it with `Accept: text/event-stream`, "
            "or over a WebSocket with the protocol graphql-transport-ws."
        )
    return MethodNotAllowed("GET carries queries only. Send a mutation by POST.")
