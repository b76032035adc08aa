"""Follows a function's stream for a job: its progress is the job's, its last event is the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

from skyhook.plugin import JobRun
from skyhook_functions.imagine.messages import Progress

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a job: what it is called, and from where to where in the whole it reaches."""

    stage: str
    begin: float
    end: float

    @classmethod
    def of(cls, what: str, index: int, count: int, end: float = 1.0) -> Part:
        """One of several equal parts, which together reach to `end`."""
        stage = what if count == 1 else f"{what} {index + 1} of {count}"
        return cls(stage, end * index / count, end * (index + 1) / count)


async def follow(
    run: JobRun,
    part: Part,
    method: Callable[[Any, A], Iterator[Any]],
    argument: A,
    result_type: type[R],
) -> R:
    """The result of the stream. Raises what the function raises."""
    result: R | None = None
    preview: bytes | None = None  # the last one each time, since not all that is told is written
    async with aclosing(run.stream(method, argument)) as events:
        async for event in events:
            if isinstance(event, Progress):
                done = event.step / event.steps if event.steps else 0.0
                stage = part.stage if event.steps else "Loading the model"
                preview = event.preview or preview
                await run.progress(part.begin + done * (part.end - part.begin), stage, preview)
            elif isinstance(event, result_type):
                result = event
    assert result is not None  # since a stream without a result raises
    return result
