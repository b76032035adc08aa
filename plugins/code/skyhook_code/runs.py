"""Runs: one program through the way of a call, as one answer or as a stream."""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Literal
from uuid import UUID

from msgspec import Struct

from skyhook.plugin import Artifacts, Asked, Call, Caller, Operations
from skyhook_code.meters import SANDBOX_MS
from skyhook_code.requests import Run
from skyhook_functions.code.messages import (
    Ended,
    File,
    LeftOut,
    LimitName,
    Made,
    Part,
    RunRequest,
    StreamName,
)
from skyhook_functions.code.run import CodeRunner


class StoredFile(Struct, frozen=True):
    """A file that a program made."""

    path: str
    artifact_id: UUID


class Finished(Struct, frozen=True, kw_only=True):
    """A whole run, as it is stored under an idempotency key."""

    compiled: bool
    exit_code: int | None
    signal: str | None
    limit: LimitName | None
    stdout: str
    stderr: str
    duration_ms: int
    files: list[StoredFile]
    left_out: list[LeftOut]
    cost: int
    """Nano-dollars."""


class Event(Struct, frozen=True, kw_only=True):
    """A part of what a program printed; the last one carries the whole in `finished`."""

    stream: StreamName | None = None
    text: str = ""
    finished: Finished | None = None


class Gathered:
    """What a run has given so far. Bytes that are no UTF-8 become U+FFFD, the replacement character."""

    def __init__(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {"stdout": decoder("replace"), "stderr": decoder("replace")}
        self.texts: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self.made: list[File] = []
        self.stored: list[StoredFile] = []
        self.ended: Ended | None = None

    def text(self, stream: StreamName, content: bytes, *, final: bool = False) -> str:
        """The text that is whole with these bytes."""
        text = self._decoders[stream].decode(content, final)
        self.texts[stream].append(text)
        return text

    def finished(self, cost: int) -> Finished:
        """The whole run."""
        assert self.ended is not None
        return Finished(
            compiled=self.ended.compiled,
            exit_code=self.ended.exit_code,
            signal=self.ended.signal,
            limit=self.ended.limit,
            stdout="".join(self.texts["stdout"]),
            stderr="".join(self.texts["stderr"]),
            duration_ms=self.ended.duration_ms,
            files=self.stored,
            left_out=self.ended.left_out,
            cost=cost,
        )


class Runs:
    """Runs programs for callers, who pay for the time that they run."""

    def __init__(self, operations: Operations, artifacts: Artifacts) -> None:
        self._operations = operations
        self._artifacts = artifacts

    async def run(
        self, caller: Caller, run: Run, idempotency_key: str | None, charged: Callable[[int, int], None]
    ) -> Finished:
        """A whole run; `charged` is told what was held and charged, in nano-dollars."""

        async def body(call: Call) -> Finished:
            # Streamed as well, since closing a stream ends the program when the caller goes away.
            gathered = Gathered()
            async with aclosing(self._events(call, run, gathered)) as events:
                async for _ in events:
                    pass
            return gathered.finished(call.cost)

        answer = await self._operations.run(_asked("codeRun", caller, run, idempotency_key), Finished, body)
        charged(answer.held, answer.charged)
        return answer.result

    def stream(
        self, caller: Caller, run: Run, idempotency_key: str | None, charged: Callable[[int, int], None]
    ) -> AsyncGenerator[Event, None]:
        """What the program prints; a caller who goes away ends it, and pays for the time until then."""
        gathered = Gathered()

        def body(call: Call) -> AsyncGenerator[Event, None]:
            return self._events(call, run, gathered)

        def last(call: Call) -> Event:
            return Event(finished=gathered.finished(call.cost))

        asked = _asked("codeRunStream", caller, run, idempotency_key)
        return self._operations.stream(asked, Event, body, last, charged)

    async def _events(self, call: Call, run: Run, gathered: Gathered) -> AsyncGenerator[Event, None]:
        """The parts of the output, metered and gathered; the files that were made are stored at the end."""
        request = await self._request(call, run)
        async with aclosing(call.stream(CodeRunner.run, request)) as events:
            async for event in events:
                if isinstance(event, Part):
                    _meter(call, event.elapsed_ms)
                    if text := gathered.text(event.stream, event.content):
                        yield Event(stream=event.stream, text=text)
                elif isinstance(event, Made):
                    gathered.made.append(event.file)
                else:
                    _meter(call, event.duration_ms)
                    gathered.ended = event
        streams: tuple[StreamName, ...] = ("stdout", "stderr")
        for stream in streams:
            if text := gathered.text(stream, b"", final=True):
                yield Event(stream=stream, text=text)
        await self._store(call, gathered)

    async def _request(self, call: Call, run: Run) -> RunRequest:
        organization_id = call.asked.caller.organization_id
        files = []
        for file in run.files:
            content = file.text.encode()
            if file.artifact is not None:
                content = await self._artifacts.read(
                    await self._artifacts.get(organization_id, file.artifact)
                )
            files.append(File(file.path, content))
        return RunRequest(
            language=run.language,
            files=files,
            arguments=run.arguments,
            stdin=run.stdin.encode(),
            seconds=run.seconds,
            memory_mib=run.memory_mib,
        )

    async def _store(self, call: Call, gathered: Gathered) -> None:
        """Stores all of the files, or none where one cannot be."""
        organization_id = call.asked.caller.organization_id
        try:
            for file in gathered.made:
                name = file.path.rpartition("/")[2]
                stored = await self._artifacts.put(
                    organization_id, file.content, name=name, made_by=call.asked.operation
                )
                gathered.stored.append(StoredFile(file.path, stored.id))
        except BaseException:
            for one in gathered.stored:
                await self._artifacts.delete(organization_id, one.artifact_id)
            raise


def _asked(
    operation: Literal["codeRun", "codeRunStream"], caller: Caller, run: Run, key: str | None
) -> Asked:
    return Asked(caller=caller, operation=operation, arguments=run, at_most=run.at_most, idempotency_key=key)


def _meter(call: Call, elapsed_ms: int) -> None:
    call.quantities[SANDBOX_MS] = min(max(1, elapsed_ms), call.asked.at_most[SANDBOX_MS])
