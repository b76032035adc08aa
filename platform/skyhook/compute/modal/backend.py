"""The backend on Modal: the same calls as on this machine, in containers of the deployed app."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import modal
import msgspec

from skyhook.compute import errors, protocol
from skyhook.compute.backend import WorkerStatus
from skyhook.compute.expenses import Expenses
from skyhook.compute.modal.deployment import standings
from skyhook.compute.modal.naming import APP, class_name
from skyhook.compute.modal.prices import Prices, read_prices
from skyhook.compute.modal.translation import translated
from skyhook.compute.modal.waiting import Waiting
from skyhook.compute.modal.weights import WeightsNames
from skyhook.compute.signature import Signature, signature_of
from skyhook.configuration import Configuration
from skyhook.errors import SkyhookError
from skyhook.function import FunctionSpec, spec_of

F = TypeVar("F")
A = TypeVar("A")
R = TypeVar("R")

logger = logging.getLogger("skyhook.compute")


@dataclass(slots=True)
class _Function:
    """One function as this server calls it."""

    spec: FunctionSpec
    handle: Any
    in_flight: int = 0
    last_error: str | None = None


class _Run:
    """One call's run, whose expense is told once, by what was heard of it last."""

    def __init__(self, spec: FunctionSpec, prices: Prices, expenses: Expenses | None) -> None:
        self._spec = spec
        self._prices = prices
        self._expenses = expenses
        self.ran: protocol.Ran | None = None

    def tell(self) -> None:
        """The run has ended, or nobody listens any more."""
        if self._expenses is not None and self.ran is not None:
            expense = self._prices.expense(self.ran, self._spec.memory_gib)
            if expense is None:
                logger.warning("%s ran on %s, which has no price", self._spec.name, self.ran.gpu)
            self._expenses.add(self._spec.name, round(self.ran.seconds * 1e6), expense)


class ModalCompute:
    """Implements `skyhook.compute.backend.Compute` and `Detached`."""

    def __init__(self, configuration: Configuration, bundled: Mapping[str, str]) -> None:
        """`bundled` has the `package:folder` of each folder of weights that ships in a package."""
        self._configuration = configuration
        self._prices = read_prices(configuration)
        self._weights = WeightsNames(bundled, configuration.data / "models")
        self._functions: dict[str, _Function] = {}
        self._routes: dict[Any, tuple[_Function, Signature]] = {}
        self._cancelling: set[asyncio.Task[None]] = set()
        self._waiting = Waiting()

    async def start(self) -> None:
        """Asks Modal whether the token is right and what is deployed, and logs how that differs.

        Raises ModalUnauthorized, ModalNotDeployed, ModalUnreachable, or InvalidInput for wrong settings.
        """
        await _require_token()
        for standing in await standings(self._configuration):
            if standing.drift in ("changed", "missing"):
                logger.warning("%s is %s on Modal: skyhook functions deploy", standing.name, standing.drift)

    async def close(self) -> None:
        """Waits for calls that are being cancelled; containers end by themselves."""
        await asyncio.gather(*self._cancelling, return_exceptions=True)

    async def call(
        self,
        method: Callable[[F, A], R],
        argument: A,
        *,
        timeout_s: float | None = None,
        expenses: Expenses | None = None,
    ) -> R:
        """Runs the method once and returns its result. Cancelling the call drops the result."""
        function, signature = self._routes.get(method) or self._route(method)
        if signature.streams:
            raise TypeError(f"{signature.method} yields its results; use `stream`")
        encoded = self._encode(signature, argument)
        limit_s = _limit_s(function.spec, timeout_s)
        function.in_flight += 1
        try:
            reply = await function.handle.call.remote.aio(signature.method, encoded, limit_s)
        except Exception as error:
            raise self._failed(function, error) from error
        finally:
            function.in_flight -= 1
        run = _Run(function.spec, self._prices, expenses)
        try:
            return cast(R, next(self._values(function, signature, reply, run)))
        finally:
            run.tell()

    async def stream(
        self,
        method: Callable[[F, A], Iterator[R]],
        argument: A,
        *,
        timeout_s: float | None = None,
        expenses: Expenses | None = None,
    ) -> AsyncGenerator[R, None]:
        """Runs the generator method and yields what it yields. Closing the stream closes the generator."""
        function, signature = self._routes.get(method) or self._route(method)
        if not signature.streams:
            raise TypeError(f"{signature.method} returns one result; use `call`")
        encoded = self._encode(signature, argument)
        replies = function.handle.stream.remote_gen.aio(
            signature.method, encoded, _limit_s(function.spec, timeout_s)
        )
        run = _Run(function.spec, self._prices, expenses)
        call_id, has_ended = "", False
        function.in_flight += 1
        try:
            async for reply in replies:
                if not call_id:
                    call_id = reply.decode()
                    continue
                for value in self._values(function, signature, reply, run):
                    yield value
            has_ended = True
        except Exception as error:
            has_ended = True
            raise self._failed(function, error) from error
        finally:
            function.in_flight -= 1
            run.tell()
            if not has_ended:
                self._abandon(replies, call_id)

    async def spawn(self, method: Callable[[F, A], Any], argument: A) -> str:
        """Begins a call that goes on without this process; gives the id by which it is collected."""
        function, signature = self._routes.get(method) or self._route(method)
        encoded = self._encode(signature, argument)
        try:
            spawned = await function.handle.work.spawn.aio(signature.method, encoded, function.spec.timeout_s)
        except Exception as error:
            raise self._failed(function, error) from error
        return cast(str, spawned.object_id)

    async def collect(
        self, call_id: str, method: Callable[[F, A], Any], *, expenses: Expenses | None = None
    ) -> AsyncGenerator[Any, None]:
        """Waits for a spawned call and yields what it yielded, or the one result; raises its error."""
        function, signature = self._routes.get(method) or self._route(method)
        call = modal.FunctionCall.from_id(call_id)
        function.in_flight += 1
        try:
            replies = await self._waiting.result_of(call)
        except Exception as error:
            raise self._failed(function, error) from error
        finally:
            function.in_flight -= 1
        run = _Run(function.spec, self._prices, expenses)
        try:
            for reply in replies:
                for value in self._values(function, signature, reply, run):
                    yield value
        finally:
            run.tell()

    async def cancel(self, call_id: str) -> None:
        """Stops a spawned call; one that has ended stays as it is."""
        try:
            await modal.FunctionCall.from_id(call_id).cancel.aio()
        except Exception as error:
            raise translated(error, f"The call {call_id}") from error

    def status(self) -> list[WorkerStatus]:
        """One entry for each function that was called since the start. Containers are Modal's to count."""
        return [
            WorkerStatus(
                function=function.spec.name,
                state="busy" if function.in_flight else "warm",
                pid=None,
                in_flight=function.in_flight,
                queued=0,
                rss_bytes=0,
                restarts=0,
                load_s=None,
                last_error=function.last_error,
            )
            for function in self._functions.values()
        ]

    def log(self, function: str) -> str:
        """Empty: what containers print is kept by Modal, `modal app logs skyhook`."""
        return ""

    def _route(self, method: Callable[..., Any]) -> tuple[_Function, Signature]:
        spec = spec_of(method)
        if spec.name not in self._functions:
            handle = modal.Cls.from_name(APP, class_name(spec.name))()
            self._functions[spec.name] = _Function(spec, handle)
        route = self._routes[method] = self._functions[spec.name], signature_of(method)
        return route

    def _encode(self, signature: Signature, argument: Any) -> bytes:
        try:
            return protocol.encode(self._weights.name(argument, signature.weights))
        except protocol.Unencodable as error:
            raise errors.FunctionBadArgument(
                f"The argument cannot be sent to the function: {error}."
            ) from None

    def _values(self, function: _Function, signature: Signature, reply: bytes, run: _Run) -> Iterator[Any]:
        """What a reply brings: a value, nothing where it is the end, or its error."""
        message = protocol.reply_decoder.decode(reply)
        run.ran = getattr(message, "ran", None) or run.ran
        match message:
            case protocol.RawChunk() | protocol.RawResult() as brought:
                try:
                    yield signature.result.decode(brought.value)
                except msgspec.MsgspecError as error:
                    cause = f"{signature.method} returned a wrong value: {error}"
                    raise _logged(function.spec, cause) from None
            case protocol.Failed() as failed:
                raise _error(function.spec, failed)

    def _failed(self, function: _Function, error: Exception) -> SkyhookError:
        known = translated(error, function.spec.name)
        if not isinstance(error, SkyhookError):
            function.last_error = f"{type(error).__name__}: {error}"
        return known

    def _abandon(self, replies: Any, call_id: str) -> None:
        """Nobody reads the stream any more: its call is cancelled, once its id has come."""
        task = asyncio.get_running_loop().create_task(_cancel_stream(replies, call_id))
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)


async def _cancel_stream(replies: Any, call_id: str) -> None:
    try:
        async with aclosing(replies):
            if not call_id:
                call_id = (await anext(replies)).decode()
        await modal.FunctionCall.from_id(call_id).cancel.aio()
    except Exception as error:
        logger.warning("a stream that nobody reads was not cancelled: %s", error)


async def _require_token() -> None:
    try:
        client = await modal.Client.from_env.aio()
        hello: Any = client.hello
        await hello.aio()
    except Exception as error:
        raise translated(error, "Modal") from error


def _limit_s(spec: FunctionSpec, timeout_s: float | None) -> float:
    return spec.timeout_s if timeout_s is None else min(timeout_s, spec.timeout_s)


def _logged(spec: FunctionSpec, cause: str) -> errors.FunctionFailed:
    reference = secrets.token_hex(6)
    logger.error("%s failed, reference %s: %s", spec.name, reference, cause)
    return errors.FunctionFailed(reference)


def _error(spec: FunctionSpec, failed: protocol.Failed) -> SkyhookError:
    match failed.kind:
        case "reported":
            return errors.FunctionReported(failed.code, failed.message, failed.retryable)
        case "bad_argument":
            return errors.FunctionBadArgument(f"The function refused its argument: {failed.message}.")
        case "out_of_memory":
            logger.error("%s ran out of memory: %s", spec.name, failed.traceback)
            return errors.FunctionOutOfMemory("The call needed more memory than the function may use.")
        case "stopped":
            return errors.FunctionTimeout("The call ran longer than it may.")
        case "raised":
            return _logged(spec, failed.traceback)
