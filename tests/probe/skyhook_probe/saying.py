"""What the probe says, for its GraphQL field and its page of the console."""

from __future__ import annotations

from probe_functions import Order, Probe, Word

from skyhook.plugin import Asked, Call, Context, SkyhookError

WORDS = "probe.words"


class Flaky(SkyhookError):
    code = "PROBE_FLAKY"
    retryable = True


async def say(context: Context, behaviour: str, text: str, pause_s: float = 0.0) -> str:
    """Answers with the text, or misbehaves as told."""

    async def body(call: Call) -> Word:
        word = await call.compute(Probe.answer, Order(behaviour, text, pause_s=pause_s))
        call.quantities[WORDS] = 1
        return word

    arguments = (behaviour, text, pause_s)
    key = context.next_idempotency_key(None)
    asked = Asked(context.caller, "probeAnswer", arguments, {WORDS: 2}, idempotency_key=key)
    answer = await context.services.operations.run(asked, Word, body)
    context.credit.add(answer.held, answer.charged)
    return answer.result.text
