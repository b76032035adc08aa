"""The function that hears: where there is speech, and which command it is."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from skyhook.function import FunctionError, function
from skyhook_functions.voice import sound
from skyhook_functions.voice.activity import FRAME, STATE_BYTES, Detector, stretches
from skyhook_functions.voice.commands import AROUND_MS, Commands
from skyhook_functions.voice.messages import (
    HEARD_RATE,
    SPOKEN_RATE,
    Activity,
    Listening,
    Recording,
    Segment,
    Speech,
    Transcript,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LIVE_FRAME = FRAME * SPOKEN_RATE // HEARD_RATE


@function(
    requirements=("onnxruntime>=1.22", "pocketsphinx>=5.1", "silero-vad>=6.2", "av>=15", "numpy>=2"),
    memory_gib=2.0,
    concurrency=4,
)
class Listener:
    """Finds speech by silero-vad and recognizes the sentences of a command grammar by pocketsphinx."""

    def load(self) -> None:
        """Loads the network, and the bundled grammar with the first call that needs it."""
        import av  # noqa: F401

        self._detector = Detector()
        self._commands: dict[str, Commands] = {}
        self._lock = Lock()

    def transcribe(self, recording: Recording) -> Transcript:
        """The commands in a file. Raises AUDIO_INVALID, AUDIO_TOO_LONG and MODEL_INVALID."""
        samples = sound.read(recording.content)
        return Transcript(
            duration_ms=len(samples) * 1000 // HEARD_RATE, segments=self._segments(samples, recording.model)
        )

    def recognize(self, speech: Speech) -> Transcript:
        """The commands in a turn of a live session. Raises AUDIO_INVALID and MODEL_INVALID."""
        samples = sound.to_16k(_live(bytes(2 * sound.CONTEXT) + speech.pcm))
        return Transcript(
            duration_ms=len(samples) * 1000 // HEARD_RATE, segments=self._segments(samples, speech.model)
        )

    def listen(self, listening: Listening) -> Activity:
        """How likely there is speech in the next sound of a session. Raises AUDIO_INVALID."""
        if len(listening.pcm) % (2 * LIVE_FRAME) or not listening.pcm:
            raise FunctionError("AUDIO_INVALID", f"Send whole frames of {LIVE_FRAME} samples.")
        state, before = listening.state[:STATE_BYTES], listening.state[STATE_BYTES:]
        samples = sound.to_16k(_live((before or bytes(2 * sound.CONTEXT)) + listening.pcm))
        probabilities, state = self._detector.listen(samples, state)
        return Activity(probabilities, state + listening.pcm[-2 * sound.CONTEXT :])

    def _segments(self, samples: NDArray[np.int16], model: str) -> list[Segment]:
        import numpy as np

        whole = np.pad(samples, (0, -len(samples) % FRAME))
        probabilities, _ = self._detector.listen(whole)
        segments = []
        for first, last in stretches(probabilities):
            start = max(0, first * FRAME - AROUND_MS * HEARD_RATE // 1000)
            end = min(len(samples), last * FRAME + AROUND_MS * HEARD_RATE // 1000)
            with self._lock:
                segments.append(self._model(model).recognize(samples[start:end], start * 1000 // HEARD_RATE))
        return segments

    def _model(self, folder: str) -> Commands:
        if folder not in self._commands:
            self._commands[folder] = Commands(Path(folder))
        return self._commands[folder]


def _live(pcm: bytes) -> NDArray[np.int16]:
    import numpy as np

    if len(pcm) % 2:
        raise FunctionError("AUDIO_INVALID", "A sample has two bytes: send a whole number of them.")
    return np.frombuffer(pcm, np.int16)
