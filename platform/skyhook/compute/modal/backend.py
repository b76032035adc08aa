"""The backend on Modal: the same calls as on this machine, in containers of the deployed app."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar, cast

import modal

from skyhook.compute import errors, protocol
from skyhook.compute.backend import WorkerStatus
from skyhook.compute.expenses import Expenses
from skyhook.compute.modal.claims import NOBODY, Claims
from skyhook.compute.modal.deployment import installed_settings, question
from skyhook.compute.modal.events import EventReader
from skyhook.compute.modal.operating import log_of
from skyhook.compute.modal.pools import Pools
from skyhook.compute.modal.prices import read_prices
from skyhook.compute.modal.questions import Questions
from skyhook.compute.modal.replies import decode, values
from skyhook.compute.modal.runs import Run
from skyhook.compute.modal.sandboxes import Sandboxes, terminate
from skyhook.compute.modal.settings import FunctionSettings
from skyhook.compute.modal.traffic import Traffic
from skyhook.compute.modal.translation import translated
from skyhook.compute.modal.watch import Watch
from skyhook.compute.modal.weights import WeightsNames, bare
from skyhook.compute.signature import Signature, signature_of
from skyhook.compute.standing import Standings
from skyhook.configuration import Configuration
from skyhook.errors import SkyhookError
from skyhook.function import FunctionSpec, spec_of

F = TypeVar("F")
A = TypeVar("A")
R = TypeVar("R")

logger = logging.getLogger("skyhook.compute")


class ModalCompute:
    """Implements `Compute` and `Detached` of `skyhook.compute.backend`, and `Deployed` of `standing`."""

    def __init__(self, configuration: Configuration, bundled: Mapping[str, str]) -> None:
        """`bundled` has the `package:folder` of each folder of weights that ships in a package."""
        self._configuration = configuration
        self._prices = read_prices(configuration)
        self._weights = WeightsNames(bundled, configuration.data / "models")
        self._settings: Mapping[str, FunctionSettings] = {}
        self._functions: dict[str, Traffic] = {}
        self._routes: dict[Any, tuple[Traffic, Signature]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._results = Questions()
        self._events = EventReader()
        self._claims = Claims()
        self._watch = Watch()

    async def start(self) -> None:
        """Asks Modal whether the token is right and what is deployed, and logs how that differs.

        Raises ModalUnauthorized, ModalNotDeployed, or InvalidInput for wrong settings. Where Modal does not
        answer within seconds it is asked again meanwhile: see `problem`.
        """
        self._settings = installed_settings(self._configuration)
        await self._watch.begin(question(self._configuration))

    @property
    def problem(self) -> SkyhookError | None:
        """Why calls cannot be made, as far as it is known."""
        return self._watch.problem

    async def close(self) -> None:
        """Waits for what is being cancelled and for sandboxes to end; containers end by themselves."""
        await self._watch.close()
        await asyncio.gather(*self._ending, return_exceptions=True)
        for traffic in self._functions.values():
            await traffic.connections.close()

    async def call(
        self,
        method: Callable[[F, A], R],
        argument: A,
        *,
        timeout_s: float | None = None,
        expenses: Expenses | None = None,
    ) -> R:
        """Runs the method once and returns its result. Cancelling the call drops the result."""
        traffic, signature = self._routes.get(method) or self._route(method)
        if signature.streams:
            raise TypeError(f"{signature.method} yields its results; use `stream`")
        encoded, pool = self._encode(traffic.spec, signature, argument)
        limit_s = _limit_s(traffic.spec, timeout_s)
        if traffic.spec.isolated:
            async with aclosing(self._isolated(traffic, signature, encoded, limit_s, expenses)) as found:
                return cast(R, await anext(found))
        with traffic.interactive(len(encoded)):
            async with traffic.connections.handle() as handle:
                instance = handle.instance(pool)
                reply = await instance.call.remote.aio(signature.method, encoded, limit_s)
        run = Run(traffic.spec, self._prices, expenses)
        try:
            return cast(R, next(values(traffic.spec, signature, decode(reply), run)))
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
        traffic, signature = self._routes.get(method) or self._route(method)
        if not signature.streams:
            raise TypeError(f"{signature.method} returns one result; use `call`")
        encoded, pool = self._encode(traffic.spec, signature, argument)
        limit_s = _limit_s(traffic.spec, timeout_s)
        if traffic.spec.isolated:
            async with aclosing(self._isolated(traffic, signature, encoded, limit_s, expenses)) as found:
                async for value in found:
                    yield value
            return
        run = Run(traffic.spec, self._prices, expenses)
        call_id, has_ended = "", False
        with traffic.interactive(len(encoded)):
            async with traffic.connections.handle() as handle:
                instance = handle.instance(pool)
                replies = instance.stream.remote_gen.aio(signature.method, encoded, limit_s)
                try:
                    async for reply in replies:
                        if not call_id:
                            call_id = reply.decode()
                            traffic.passed()
                            continue
                        for value in values(traffic.spec, signature, decode(reply), run):
                            yield value
                    has_ended = True
                except Exception:
                    has_ended = True
                    raise
                finally:
                    run.tell()
                    if not has_ended:
                        self._abandon(replies, call_id)

    async def spawn(self, method: Callable[[F, A], Any], argument: A, token: str) -> str:
        """Begins a call that goes on without this process; gives the id by which it is collected."""
        traffic, signature = self._routes.get(method) or self._route(method)
        if traffic.spec.isolated:
            raise TypeError(
                f"{signature.method} is isolated: its machine ends with the process that began it"
            )
        encoded, pool = self._encode(traffic.spec, signature, argument)
        await self._watch.wait()
        with traffic.spawning():
            instance = traffic.handle.instance(pool)
            spawned = await instance.work.spawn.aio(signature.method, encoded, traffic.spec.timeout_s, token)
        return cast(str, spawned.object_id)

    async def find(self, token: str) -> str | None:
        """The id of the call that was begun with a token, once it runs."""
        await self._watch.wait()
        try:
            return await self._claims.holder(token)
        except Exception as error:
            raise translated(error, "A call") from error

    async def collect(
        self, call_id: str, method: Callable[[F, A], Any], *, expenses: Expenses | None = None
    ) -> AsyncGenerator[Any, None]:
        """Waits for a spawned call and yields what it yielded, or the one result; raises its error."""
        traffic, signature = self._routes.get(method) or self._route(method)
        result = asyncio.ensure_future(self._result_of(call_id))
        run = Run(traffic.spec, self._prices, expenses)
        try:
            with traffic.collecting():
                if signature.tells:
                    async with aclosing(self._events.read(call_id, result)) as events:
                        async for event in events:
                            for value in values(traffic.spec, signature, decode(event), run):
                                yield value
                replies = await result
            for reply in replies:
                for value in values(traffic.spec, signature, decode(reply), run):
                    yield value
        finally:
            result.cancel()
            run.tell()

    async def cancel(self, token: str, call_id: str | None) -> None:
        """Stops what was begun with a token: its call does not begin any more, or is ended."""
        try:
            holder = await self._claims.claim(token, NOBODY)
            for one in {holder, call_id or NOBODY} - {NOBODY}:
                await modal.FunctionCall.from_id(one).cancel.aio()
        except Exception as error:
            raise translated(error, f"The call {call_id}") from error

    def status(self) -> list[WorkerStatus]:
        """One entry for each function that was called since the start."""
        return [traffic.status() for traffic in self._functions.values()]

    async def log(self, spec: FunctionSpec, lines: int) -> str:
        """The last lines that containers printed; Modal keeps them. Raises InvalidInput and its errors."""
        self._watch.admit()
        printed = [text.removesuffix("\n") async for text in log_of(spec, None, lines, follows=False)]
        return "\n".join(printed)

    async def standings(self, within_s: float) -> Standings:
        """How the functions stand, as Modal says within so many seconds, or has said before."""
        return await self._watch.standings(within_s)

    def _route(self, method: Callable[..., Any]) -> tuple[Traffic, Signature]:
        spec = spec_of(method)
        if spec.name not in self._functions:
            self._functions[spec.name] = Traffic(spec, partial(self._handle, spec), self._watch)
        route = self._routes[method] = self._functions[spec.name], signature_of(method)
        return route

    def _handle(self, spec: FunctionSpec, client: Any) -> Any:
        """What a function is called by, over one connection."""
        if spec.isolated:
            regions = self._settings.get(spec.name, FunctionSettings()).regions
            return Sandboxes(spec, regions, client)
        return Pools(spec, client)

    async def _isolated(
        self,
        traffic: Traffic,
        signature: Signature,
        encoded: bytes,
        limit_s: float,
        expenses: Expenses | None,
    ) -> AsyncGenerator[Any, None]:
        """Runs a call in a sandbox of its own and yields what it yields, or the one result."""
        run = Run(traffic.spec, self._prices, expenses)
        with traffic.interactive(len(encoded)):
            async with traffic.connections.handle() as sandboxes:
                replies = sandboxes.replies(signature.method, encoded, limit_s, self._terminate)
                try:
                    async with aclosing(replies):
                        async for reply in replies:
                            for value in values(traffic.spec, signature, reply, run):
                                yield value
                            traffic.passed()
                finally:
                    run.tell()

    async def _result_of(self, call_id: str) -> list[bytes]:
        """The replies of a call, or of the one that runs in its place, both being begun with one token."""
        holder, replies = NOBODY, list[bytes]()
        while holder != call_id:
            call_id = holder or call_id
            call: Any = modal.FunctionCall.from_id(call_id)
            try:
                holder, replies = await self._results.answer(call.get.aio)
            except modal.exception.NotFoundError:  # too old
                raise errors.FunctionInterrupted("The call is gone. Try again.") from None
            if holder == NOBODY:
                raise errors.FunctionInterrupted("The call was cancelled before it began. Try again.")
        return replies

    def _encode(self, spec: FunctionSpec, signature: Signature, argument: Any) -> tuple[bytes, str | None]:
        """The argument with names for its weights, and the pool that runs it."""
        named = self._weights.name(argument, signature.weights)
        pool = None if spec.pool is None else bare(str(getattr(named, spec.pool)))
        try:
            return protocol.encode(named), pool
        except protocol.Unencodable as error:
            raise errors.FunctionBadArgument(
                f"The argument cannot be sent to the function: {error}."
            ) from None

    def _terminate(self, creating: asyncio.Future[Any]) -> None:
        """Nobody needs a sandbox any more."""
        self._in_background(terminate(creating))

    def _abandon(self, replies: Any, call_id: str) -> None:
        """Nobody reads the stream any more: its call is cancelled, once its id has come."""
        self._in_background(_cancel_stream(replies, call_id))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Does what ends something, which `close` waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _cancel_stream(replies: Any, call_id: str) -> None:
    try:
        async with aclosing(replies):
            if not call_id:
                call_id = (await anext(replies)).decode()
        await modal.FunctionCall.from_id(call_id).cancel.aio()
    except Exception as error:
        logger.warning("a stream that nobody reads was not cancelled: %s", error)


def _limit_s(spec: FunctionSpec, timeout_s: float | None) -> float:
    return spec.timeout_s if timeout_s is None else min(timeout_s, spec.timeout_s)
