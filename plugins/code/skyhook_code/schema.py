"""The plugin's GraphQL root fields."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal

import strawberry

from skyhook.plugin import Info
from skyhook_code.checks import checked_completing, checked_run
from skyhook_code.completions import ChatCompletions, Event, ModelCompletions
from skyhook_code.errors import CompletionModelNeeded
from skyhook_code.runs import Runs
from skyhook_code.scopes import RUN
from skyhook_code.types import (
    CodeCompleteInput,
    CodeCompletion,
    CodeCompletionEvent,
    CodeLanguageStatus,
    CodeRunEvent,
    CodeRunInput,
    CodeRunResult,
)
from skyhook_functions.code.languages import LANGUAGES


@strawberry.type
class CodeQuery:
    """Root fields that read."""

    @strawberry.field(description="The languages of programs, and which of them this server can run.")
    def code_languages(self, info: Info) -> list[CodeLanguageStatus]:
        """The languages."""
        info.context.caller.require(RUN)
        is_here = info.context.services.configuration.compute == "local"
        return [CodeLanguageStatus.of(language, is_here=is_here) for language in LANGUAGES.values()]


@strawberry.type
class CodeMutation:
    """Root fields that do something."""

    @strawberry.mutation(description="Runs a program in a sandbox and waits for its end.")
    async def code_run(self, info: Info, input: CodeRunInput) -> CodeRunResult:
        """The whole run."""
        context = info.context
        run = await checked_run(info, input)
        key = context.next_idempotency_key(input.idempotency_key)
        finished = await _runs(info).run(context.caller, run, key, context.credit.add)
        return CodeRunResult.of(finished)

    @strawberry.mutation(description="Completes code at a place in a file, and waits for the whole.")
    async def code_complete(self, info: Info, input: CodeCompleteInput) -> CodeCompletion:
        """The whole completion."""
        async with aclosing(await _completion(info, "codeComplete", input)) as events:
            *_, last = [event async for event in events]
        assert last.completed is not None
        return CodeCompletion.of(last.completed)


@strawberry.type
class CodeSubscription:
    """Root fields that stream."""

    @strawberry.subscription(
        description="Runs a program in a sandbox; what it prints comes as it is printed."
    )
    async def code_run_stream(self, info: Info, input: CodeRunInput) -> AsyncGenerator[CodeRunEvent, None]:
        """The parts of the output, then the whole run."""
        context = info.context
        run = await checked_run(info, input)
        key = context.next_idempotency_key(input.idempotency_key)
        events = _runs(info).stream(context.caller, run, key, context.credit.add)
        try:
            async for event in events:
                yield CodeRunEvent.of(event)
        finally:
            await events.aclose()

    @strawberry.subscription(description="Completes code at a place in a file, as it is written.")
    async def code_complete_stream(
        self, info: Info, input: CodeCompleteInput
    ) -> AsyncGenerator[CodeCompletionEvent, None]:
        """The parts of the completion, then the whole."""
        events = await _completion(info, "codeCompleteStream", input)
        try:
            async for event in events:
                yield CodeCompletionEvent.of(event)
        finally:
            await events.aclose()


async def _completion(
    info: Info, operation: Literal["codeComplete", "codeCompleteStream"], given: CodeCompleteInput
) -> AsyncGenerator[Event, None]:
    """The completion's events, by whichever model is asked for. Raises CompletionModelNeeded."""
    context = info.context
    request = checked_completing(info, given)
    own = {model.name: model for model in await context.services.catalogue.list("code")}
    name = given.model or next(iter(own), None)
    if name is None:
        raise CompletionModelNeeded(
            "Name a chat model that knows code in `model`: this server has none of its own. An operator adds "
            "one, such as with `skyhook models pull coder --from Qwen/Qwen2.5-Coder-1.5B-Instruct`.",
            field="model",
        )
    key = context.next_idempotency_key(given.idempotency_key)
    if name in own:
        completions = ModelCompletions(context.services.operations, own[name])
        return completions.stream(operation, context.caller, request, key, context.credit.add)
    asking = ChatCompletions(context.services.asks, name)
    return asking.stream(context.caller, request, key, context.credit.add)


def _runs(info: Info) -> Runs:
    return Runs(info.context.services.operations, info.context.services.artifacts)
