"""A stranger's plugin, as tests install it: found by its entry point like any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal, cast

import msgspec
import strawberry
from msgspec import Meta, Struct
from probe_functions import Order, Probe, Word
from probe_training import LineTraining

from skyhook.plugin import (
    JSON,
    SECRET,
    Ask,
    Asked,
    AskSpec,
    Bar,
    Call,
    Example,
    Info,
    Job,
    JobOptions,
    JobRun,
    JobSpec,
    Meter,
    Model,
    Operation,
    Plugin,
    Scope,
    Training,
    WebSocket,
    WebSocketRoute,
    plugin_settings,
    submit_job,
)
from skyhook_probe.pages import PAGES
from skyhook_probe.saying import WORDS, Flaky, say


class ProbeSettings(Struct, frozen=True):
    """One setting of each kind."""

    loud: Annotated[bool, Meta(description="Whether it shouts.")] = False
    most_words: Annotated[int, Meta(description="How much it says.", ge=1, le=100)] = 50
    patience_s: Annotated[float, Meta(description="How long it waits.", gt=0)] = 1.5
    tone: Annotated[Literal["plain", "warm"], Meta(description="How it speaks.")] = "plain"
    names: Annotated[tuple[str, ...], Meta(description="Whom it knows.", max_length=3)] = ()
    token: Annotated[str, Meta(description="What it whispers.", extra=SECRET)] = ""


class Task(Struct):
    """What a job shall do: so many steps, each of so many seconds."""

    steps: int
    pause_s: float = 0.0
    behaviour: str = "answer"


class Done(Struct):
    """What a job did: for each step, in which run."""

    words: list[str]


class Spell(Struct):
    """What one plugin asks of another: the text, so many times."""

    text: str
    count: int


class Spelled(Struct):
    """A word of the answer, as the asking plugin reads it."""

    text: str


async def work(run: JobRun, task: Task) -> Done:
    """Steps that each meter a word and leave a file; the second does what the task orders."""
    words = []
    for number in range(task.steps):

        async def step(number: int = number) -> str:
            tries = run.folder / f"tries-{number}"
            is_first = not tries.exists()
            tries.touch()
            if task.behaviour == "flaky" and is_first:
                run.meter(WORDS, 1)
                raise Flaky("Try again.")
            if task.behaviour == "ask":
                asked = run.ask("probeWords", Spell("word", 2), Spelled, key=f"spell {number}")
                await _texts(asked)
            elif task.behaviour == "abroad":
                await run.compute(Probe.answer, Order("answer", pause_s=task.pause_s))
            elif number == 1 and task.behaviour != "flaky":
                await run.compute(Probe.answer, Order(task.behaviour))
            await asyncio.sleep(task.pause_s)
            run.meter(WORDS, 1)
            await run.store(f"word {number}".encode(), name=f"{number}.txt", key=str(number))
            return f"{number}@{run.folder.name}"

        words.append(await run.step(f"word {number}", str, step))
        await run.progress((number + 1) / task.steps, f"word {number}", b"\xff\xd8\xff")
    return Done(words)


async def _texts(events: AsyncGenerator[Spelled, None]) -> list[str]:
    async with aclosing(events):
        return [event.text async for event in events]


async def spell(ask: Ask, request: Spell) -> AsyncGenerator[Word, None]:
    """What other plugins get that ask for probeWords."""

    async def body(call: Call) -> AsyncGenerator[Word, None]:
        for _ in range(request.count):
            call.quantities[WORDS] = call.quantities.get(WORDS, 0) + 1
            yield Word(request.text)

    asked = Asked(
        ask.caller, "probeWords", request, {WORDS: request.count}, idempotency_key=ask.idempotency_key
    )
    events = ask.operations.stream(asked, Word, body, lambda call: Word("end"), ask.charged)
    async with aclosing(events):
        async for event in events:
            yield event


@strawberry.type
class ProbeQuery:
    @strawberry.field(description="The probe's settings, as it reads them.")
    async def probe_settings(self, info: Info) -> JSON:
        return cast(JSON, msgspec.to_builtins(plugin_settings(info.context.services, ProbeSettings)))

    @strawberry.field(description="Raises what a resolver must never show.")
    async def probe_secret(self, info: Info) -> str:
        raise RuntimeError("SELECT secret FROM internals")


@strawberry.type
class ProbeMutation:
    @strawberry.mutation(description="Answers with the text, or misbehaves as told.")
    async def probe_answer(
        self, info: Info, behaviour: str = "answer", text: str = "", pause_s: float = 0.0
    ) -> str:
        return await say(info.context, behaviour, text, pause_s)

    @strawberry.mutation(description="Asks for another plugin's operation; gives back its events.")
    async def probe_ask(self, info: Info, operation: str, request: JSON) -> JSON:
        context = info.context
        events = context.services.asks.stream(
            context.caller,
            operation,
            msgspec.convert(request, msgspec.defstruct("Request", list(request))),
            dict[str, Any],
            idempotency_key=context.next_idempotency_key(None),
            charged=context.credit.add,
        )
        async with aclosing(events):
            return [event async for event in events]

    @strawberry.mutation(description="Works in steps.")
    async def probe_work(
        self,
        info: Info,
        steps: int,
        pause_s: float = 0.0,
        behaviour: str = "answer",
        job: JobOptions | None = None,
    ) -> Job:
        task = Task(steps, pause_s, behaviour)
        key = info.context.next_idempotency_key(None)
        asked = Asked(info.context.caller, "probeWork", task, {WORDS: steps}, idempotency_key=key)
        return await submit_job(info, asked, job)


@strawberry.type
class ProbeSubscription:
    @strawberry.subscription(description="Streams the text several times, or misbehaves after the first.")
    async def probe_words(
        self, info: Info, text: str, count: int, behaviour: str = "answer", pause_s: float = 0.0
    ) -> AsyncGenerator[str, None]:
        context = info.context

        async def body(call: Call) -> AsyncGenerator[Word, None]:
            words = call.stream(Probe.words, Order(behaviour, text, count, pause_s))
            try:
                async for word in words:
                    call.quantities[WORDS] = call.quantities.get(WORDS, 0) + 1
                    yield word
            finally:
                await words.aclose()

        asked = Asked(context.caller, "probeWords", (text, count, behaviour, pause_s), {WORDS: count})
        events = context.services.operations.stream(
            asked, Word, body, lambda call: Word("end"), context.credit.add
        )
        try:
            async for event in events:
                yield event.text
        finally:
            await events.aclose()


async def echo(socket: WebSocket) -> None:
    """Says each message back, as long as the key is good, or misbehaves as told."""
    await socket.send(f"hello {socket.query.get('name', '')}")
    while (message := await socket.receive()) is not None:
        await socket.admit()
        match message:
            case "leave":
                return
            case "flaky":
                raise Flaky("Try again.")
            case "secret":
                raise RuntimeError("SELECT secret FROM internals")
            case _:
                await socket.send(message)


PLAYGROUND = (
    Example(
        slug="words",
        title="Hear words",
        description="A text, several times, or what goes wrong with it.",
        document="""subscription Words(
  $text: String!
  $count: Int!
  $behaviour: String! = "answer"
  $pauseS: Float! = 0
) {
  probeWords(text: $text, count: $count, behaviour: $behaviour, pauseS: $pauseS)
}""",
        variables={"text": "word ", "count": 3},
        text="probeWords",
    ),
    Example(
        slug="work",
        title="See it work",
        description="A job in steps.",
        document="""mutation Work($steps: Int!, $pauseS: Float! = 0) {
  probeWork(steps: $steps, pauseS: $pauseS) { id }
}""",
        variables={"steps": 3},
    ),
)

plugin = Plugin(
    name="probe",
    version="0.1.0",
    title="Probe",
    description="Behaves well or badly, as a test asks.",
    query=ProbeQuery,
    mutation=ProbeMutation,
    subscription=ProbeSubscription,
    operations=(
        Operation("probeAnswer", "probe:answer", (WORDS,)),
        Operation("probeWords", "probe:answer", (WORDS,), ask=AskSpec(Spell, Word, spell)),
        Operation("probeWork", "probe:answer", (WORDS,), JobSpec(Task, Done, work)),
    ),
    functions=(Probe, LineTraining),
    trainings=(
        Training(
            Model("probe-line", "Line", "skyhook_probe:weights", "small"),
            LineTraining.train,
            (Bar("near", 0.9), Bar("sign", 0.9)),
        ),
    ),
    playground=PLAYGROUND,
    pages=PAGES,
    settings=ProbeSettings,
    meters=(Meter(WORDS, "Words", "word", price=1_000_000),),
    scopes=(Scope("probe:answer", "Use the probe"), Scope("probe:read", "Look at the probe")),
    routes=(
        WebSocketRoute(
            "/v1/echo", "probe:answer", echo, ("echo",), key_subprotocol="key.", message_bytes=1000
        ),
    ),
)
