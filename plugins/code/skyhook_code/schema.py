"""The plugin's GraphQL root fields."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import strawberry

from skyhook.plugin import Info
from skyhook_code.checks import checked
from skyhook_code.runs import Runs
from skyhook_code.scopes import RUN
from skyhook_code.types import CodeLanguageStatus, CodeRunEvent, CodeRunInput, CodeRunResult
from skyhook_functions.code.languages import LANGUAGES


@strawberry.type
class CodeQuery:
    """Root fields that read."""

    @strawberry.field(description="The languages of programs, and which of them this server can run.")
    def code_languages(self, info: Info) -> list[CodeLanguageStatus]:
        """The languages."""
        info.context.caller.require(RUN)
        return [CodeLanguageStatus.of(language) for language in LANGUAGES.values()]


@strawberry.type
class CodeMutation:
    """Root fields that do something."""

    @strawberry.mutation(description="Runs a program in a sandbox and waits for its end.")
    async def code_run(self, info: Info, input: CodeRunInput) -> CodeRunResult:
        """The whole run."""
        context = info.context
        run = await checked(info, input)
        key = context.next_idempotency_key(input.idempotency_key)
        finished = await _runs(info).run(context.caller, run, key, context.credit.add)
        return CodeRunResult.of(finished)


@strawberry.type
class CodeSubscription:
    """Root fields that stream."""

    @strawberry.subscription(
        description="Runs a program in a sandbox; what it prints comes as it is printed."
    )
    async def code_run_stream(self, info: Info, input: CodeRunInput) -> AsyncGenerator[CodeRunEvent, None]:
        """The parts of the output, then the whole run."""
        context = info.context
        run = await checked(info, input)
        key = context.next_idempotency_key(input.idempotency_key)
        events = _runs(info).stream(context.caller, run, key, context.credit.add)
        try:
            async for event in events:
                yield CodeRunEvent.of(event)
        finally:
            await events.aclose()


def _runs(info: Info) -> Runs:
    return Runs(info.context.services.operations, info.context.services.artifacts)
