"""Texts spoken: as a signed file, or as a stream of samples."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from skyhook.plugin import Artifacts, Asked, Call, Caller, Notary, Operations, Provenance
from skyhook_functions.voice.messages import SPOKEN_RATE, Utterance
from skyhook_functions.voice.speaker import PROGRAM, Speaker
from skyhook_voice.meters import CHARACTERS
from skyhook_voice.requests import Spoken, SpokenPart


def milliseconds(pcm_bytes: int) -> int:
    """How long so many bytes of 24 kHz PCM are."""
    return pcm_bytes * 1000 // (2 * SPOKEN_RATE)


async def sound(call: Call, utterance: Utterance) -> AsyncGenerator[bytes, None]:
    """The samples as they are made; the text is metered whole with the first of them."""
    async with aclosing(call.stream(Speaker.speak, utterance)) as parts:
        async for part in parts:
            call.quantities.setdefault(CHARACTERS, len(utterance.text))
            yield part.pcm


async def speak(
    operations: Operations,
    artifacts: Artifacts,
    notary: Notary,
    asked: Asked,
    charged: Callable[[int, int], None],
) -> Spoken:
    """The text of `asked` as a WAV file of the organization, signed; `charged` as `Operations.stream`'s."""
    utterance: Utterance = asked.arguments

    async def body(call: Call) -> Spoken:
        async with aclosing(sound(call, utterance)) as parts:
            pcm = b"".join([part async for part in parts])
        content = await notary.sign(_wav(pcm), Provenance(asked.operation, PROGRAM, is_trained=False))
        stored = await artifacts.put(
            asked.caller.organization_id, content, name="speech.wav", made_by=asked.operation
        )
        return Spoken(
            artifact=stored.id,
            duration_ms=milliseconds(len(pcm)),
            characters=len(utterance.text),
            cost=call.cost,
        )

    answer = await operations.run(asked, Spoken, body)
    charged(answer.held, answer.charged)
    return answer.result


def stream(
    operations: Operations, asked: Asked, charged: Callable[[int, int], None]
) -> AsyncGenerator[SpokenPart, None]:
    """The text of `asked` as samples while they are made."""
    size = 0

    async def body(call: Call) -> AsyncGenerator[SpokenPart, None]:
        nonlocal size
        async with aclosing(sound(call, asked.arguments)) as parts:
            async for pcm in parts:
                size += len(pcm)
                yield SpokenPart(pcm=pcm)

    def last(call: Call) -> SpokenPart:
        return SpokenPart(duration_ms=milliseconds(size), cost=call.cost)

    return operations.stream(asked, SpokenPart, body, last, charged)


def asked_to_speak(caller: Caller, operation: str, utterance: Utterance, key: str | None = None) -> Asked:
    """What an operation that speaks is asked."""
    return Asked(caller, operation, utterance, {CHARACTERS: len(utterance.text)}, idempotency_key=key)


def _wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(SPOKEN_RATE)
        written.writeframes(pcm)
    return file.getvalue()
