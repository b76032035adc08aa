"""Recordings transcribed."""

from __future__ import annotations

from collections.abc import Callable

from skyhook.plugin import Artifacts, Asked, Call, Operations, StoredArtifact
from skyhook_functions.voice.listener import Listener
from skyhook_functions.voice.messages import Recording
from skyhook_voice.meters import HEARD_MS
from skyhook_voice.requests import LARGEST_RECORDING, Heard


async def transcribe(
    operations: Operations,
    artifacts: Artifacts,
    artifact: StoredArtifact,
    asked: Asked,
    charged: Callable[[int, int], None],
) -> Heard:
    """What is said in `artifact`; `charged` is told what was held and charged, in nano-dollars."""
    assert asked.model is not None
    model = asked.model

    async def body(call: Call) -> Heard:
        content = await artifacts.read(artifact, at_most=LARGEST_RECORDING)
        transcript = await call.compute(Listener.transcribe, Recording(content, model.location))
        call.quantities[HEARD_MS] = transcript.duration_ms
        return Heard(duration_ms=transcript.duration_ms, segments=transcript.segments, cost=call.cost)

    answer = await operations.run(asked, Heard, body)
    charged(answer.held, answer.charged)
    return answer.result
