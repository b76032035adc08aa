"""The browser that tasks act in: a function, so that it runs in a worker process and ends with it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from skyhook.function import FunctionError, function
from skyhook_functions.macrohard.messages import (
    ActRequest,
    Closed,
    Observation,
    OpenRequest,
    Outcome,
    TaskRequest,
)
from skyhook_functions.macrohard.session import Session
from skyhook_functions.macrohard.sites import Sites

if TYPE_CHECKING:
    from playwright.async_api import Playwright

T = TypeVar("T")

IDLE_S = 240.0
"""A browser that nobody used for so long is closed; shorter than the worker is kept."""
SWEEP_S = 10.0


@function(
    system_packages=("chromium",),
    memory_gib=2.0,
    concurrency=16,
    timeout_s=90.0,
    keep_warm_s=300.0,
    stateful=True,
)
class Browser:
    """Holds a Chromium for each task, from `open` to `close`, over the calls in between."""

    def load(self) -> None:
        """Starts Playwright's driver; a browser is started by `open`."""
        self._sessions: dict[str, Session] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="browsers", daemon=True)
        self._thread.start()
        self._playwright: Playwright = self._run(_driver())
        self._sweeper = asyncio.run_coroutine_threadsafe(self._sweep(), self._loop)

    def open(self, request: OpenRequest) -> Outcome:
        """Opens a fresh browser at a URL, in place of one that the task may have.

        What keeps the page from loading is in the outcome. Raises FunctionError: BROWSER_MISSING,
        BROWSER_UNAVAILABLE.
        """
        return self._run(self._open(request))

    def act(self, request: ActRequest) -> Outcome:
        """Does something in the task's browser. Raises FunctionError: BROWSER_LOST."""
        return self._run(self._act(request))

    def look(self, request: TaskRequest) -> Observation:
        """What is to be seen in the task's browser. Raises FunctionError: BROWSER_LOST."""
        return self._run(self._look(request))

    def close(self, request: TaskRequest) -> Closed:
        """Closes the task's browser, if it has one."""
        return self._run(self._close(request.task))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Waits for work on the browsers' loop, such that this thread can be interrupted."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            while True:
                try:
                    return future.result(0.2)
                except TimeoutError:
                    if future.done():
                        raise
        except BaseException:
            future.cancel()
            raise

    async def _open(self, request: OpenRequest) -> Outcome:
        await self._close(request.task)
        session = Session(Sites.parse(request.sites), allow_private=request.allow_private)
        try:
            outcome = await session.open(self._playwright, request.url)
        except BaseException:
            await session.close()
            raise
        self._sessions[request.task] = session
        return outcome

    async def _act(self, request: ActRequest) -> Outcome:
        session = self._session(request.task)
        async with session.lock:
            return await session.act(request.action)

    async def _look(self, request: TaskRequest) -> Observation:
        session = self._session(request.task)
        async with session.lock:
            return await session.look()

    async def _close(self, task: str) -> Closed:
        session = self._sessions.pop(task, None)
        if session is not None:
            await session.close()
        return Closed(was_open=session is not None)

    def _session(self, task: str) -> Session:
        session = self._sessions.get(task)
        if session is None:
            raise FunctionError(
                "BROWSER_LOST", "The task's browser is gone; it is opened again.", retryable=True
            )
        session.used_at = time.monotonic()
        return session

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            await self._close_idle()

    async def _close_idle(self) -> None:
        for task, session in list(self._sessions.items()):
            if time.monotonic() - session.used_at > IDLE_S:
                await self._close(task)


async def _driver() -> Playwright:
    from playwright.async_api import async_playwright

    return await async_playwright().start()
