"""Where there is speech, by silero-vad's network; needs no torch."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from skyhook_functions.voice.messages import HEARD_RATE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FRAME = 512
"""Samples at 16 kHz that the network looks at together: 32 ms."""
FRAME_MS = FRAME * 1000 // HEARD_RATE
BEFORE = 64
"""Samples before a frame that it is given as well."""
STATE_BYTES = 4 * (2 * 128 + BEFORE)
MOST_FRAMES = 512
"""Of one run of the network."""


class Detector:
    """The network; many streams can share it, since each brings its own state."""

    def __init__(self) -> None:
        import onnxruntime

        spec = find_spec("silero_vad")
        assert spec is not None
        assert spec.origin is not None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = Path(spec.origin).parent / "data" / "silero_vad_16k_sequence.onnx"
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def listen(self, samples: NDArray[np.int16], state: bytes = b"") -> tuple[list[float], bytes]:
        """The probability of speech in each frame, and the state for what comes next.

        `samples` are whole frames at 16 kHz; the empty state is that of a beginning.
        """
        import numpy as np

        values = np.frombuffer(state or bytes(STATE_BYTES), np.float32)
        hidden, cell, before = values[:128], values[128:256], values[256:]
        probabilities: list[float] = []
        sound: NDArray[np.float32] = samples.astype(np.float32) / np.float32(32768)
        for start in range(0, len(sound), MOST_FRAMES * FRAME):
            frames = sound[start : start + MOST_FRAMES * FRAME].reshape(-1, FRAME)
            contexts = np.vstack([before, frames[:-1, -BEFORE:]])
            given = {
                "input": np.hstack([contexts, frames]),
                "h": hidden.reshape(1, 1, 128),
                "c": cell.reshape(1, 1, 128),
            }
            likely, hidden, cell = self._session.run(None, given)
            before = np.asarray(frames[-1, -BEFORE:], np.float32)
            probabilities += likely.reshape(-1).tolist()
        return probabilities, np.concatenate([hidden.reshape(-1), cell.reshape(-1), before]).tobytes()


def stretches(
    probabilities: list[float], *, threshold: float = 0.5, silence_ms: int = 500, most_ms: int = 20_000
) -> list[tuple[int, int]]:
    """The stretches of speech as frames, the second one exclusive: each ends with a silence.

    A pause within `most_ms` that is shorter than `silence_ms` is part of the speech around it.
    """
    found: list[tuple[int, int]] = []
    start: int | None = None
    last = 0
    for number, likely in enumerate(probabilities):
        if likely >= threshold:
            start = number if start is None else start
            last = number
        if start is None:
            continue
        is_over = (number - last) * FRAME_MS >= silence_ms
        if is_over or (number - start) * FRAME_MS >= most_ms:
            found.append((start, last + 1))
            start = None
    if start is not None:
        found.append((start, last + 1))
    return found
