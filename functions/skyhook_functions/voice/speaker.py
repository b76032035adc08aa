"""The function that speaks, by espeak-ng in a process of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

from skyhook.function import FunctionError, function
from skyhook_functions.voice.messages import SPOKEN_RATE, Nothing, Sound, Utterance, Voice, Voices

PROGRAM = "espeak-ng"
HEADER_BYTES = 44
FIRST_BYTES, NEXT_BYTES = 4_096, 65_536
"""How much of the program's sound makes the first part, which somebody waits for, and each other one."""
VOICE = re.compile(r"[A-Za-z0-9_-]{1,40}(\+[A-Za-z0-9_-]{1,40})?")
_GENDERS = {"M": "male", "F": "female"}


@function(
    requirements=("av>=15", "numpy>=2"),
    system_packages=("espeak-ng",),
    memory_gib=1.0,
    concurrency=8,
    timeout_s=60.0,
)
class Speaker:
    """Speaks texts with the voices of espeak-ng."""

    def load(self) -> None:
        """Imports what takes long, and asks once which voices there are."""
        import av  # noqa: F401
        import numpy  # noqa: F401

        self._known = _voices() if shutil.which(PROGRAM) else None

    def voices(self, _: Nothing) -> Voices:
        """Every voice and every variant. Raises SPEECH_UNAVAILABLE."""
        return self._installed()

    def speak(self, utterance: Utterance) -> Iterator[Sound]:
        """The text as sound, in parts as they are made. Raises SPEECH_UNAVAILABLE and VOICE_UNKNOWN."""
        known = self._installed()
        name, _, variant = utterance.voice.partition("+")
        if name not in {voice.name for voice in known.voices} or (variant and variant not in known.variants):
            raise FunctionError(
                "VOICE_UNKNOWN", f"There is no voice {utterance.voice[:80]!r}: ask voiceVoices for them."
            )
        command = [
            *(PROGRAM, "--stdout", "--stdin", "-b", "1", "-v", utterance.voice),
            *("-s", str(utterance.speed), "-p", str(utterance.pitch)),
        ]
        # Stands apart from the file's other text: `[[` begins phonemes, which are no text of the caller's.
        text = utterance.text.replace("[[", "[ [").replace("\0", " ")
        with subprocess.Popen(  # noqa: S603 - the voice is one of the program's own list
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                with suppress(BrokenPipeError), process.stdin:
                    process.stdin.write(text.encode())
                yield from _converted(process.stdout)
            finally:
                process.kill()

    def _installed(self) -> Voices:
        if self._known is None:
            raise FunctionError(
                "SPEECH_UNAVAILABLE",
                "This server cannot speak yet: an operator runs `apt-get install espeak-ng`.",
            )
        return self._known


def _converted(output: IO[bytes]) -> Iterator[Sound]:
    """The program's WAV stream as PCM at 24 kHz."""
    import av
    import numpy as np

    header = output.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        raise FunctionError("SPEECH_FAILED", "The program espeak-ng has failed: try again.", retryable=True)
    rate = int.from_bytes(header[24:28], "little")
    resampler: Any = av.AudioResampler("s16", "mono", SPOKEN_RATE)
    size = FIRST_BYTES
    while part := output.read(size):
        frame = av.AudioFrame.from_ndarray(
            np.frombuffer(part[: len(part) // 2 * 2], np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate = rate
        yield Sound(_pcm(resampler.resample(frame)))
        size = NEXT_BYTES
    if last := _pcm(resampler.resample(None)):
        yield Sound(last)


def _pcm(frames: list[Any]) -> bytes:
    return b"".join(frame.to_ndarray().tobytes() for frame in frames)


def _voices() -> Voices:
    """What `espeak-ng --voices` lists; of several voices of one language the preferred."""
    voices: dict[str, Voice] = {}
    for language, gender, title, file in _rows("--voices"):
        if not file.startswith("mb/"):  # needs another program, and its voices' files
            voices.setdefault(language, Voice(language, title.replace("_", " "), language, gender))
    variants = sorted(file.removeprefix("!v/") for *_, file in _rows("--voices=variant"))
    return Voices(
        voices=sorted(voices.values(), key=lambda voice: voice.name),
        variants=[name for name in variants if VOICE.fullmatch(name)],
    )


def _rows(option: str) -> Iterator[tuple[str, str, str, str]]:
    """Language, gender, name and file of each voice that the program lists."""
    command = [PROGRAM, option]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    for line in listed.splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 5:
            yield fields[1], _GENDERS.get(fields[2].rpartition("/")[2], ""), fields[3], fields[4]
