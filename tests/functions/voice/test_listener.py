"""The function that hears, in this process: its numbers, its state, and its grammar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.serving import ROOT

from skyhook.function import FunctionError
from skyhook_functions.voice import sound
from skyhook_functions.voice.activity import stretches
from skyhook_functions.voice.listener import LIVE_FRAME, Listener
from skyhook_functions.voice.messages import Listening, Speech, Utterance
from skyhook_functions.voice.speaker import Speaker

COMMANDS = ROOT / "functions" / "skyhook_functions" / "weights" / "skyhook-commands"
FRAME_BYTES = 2 * LIVE_FRAME


@pytest.fixture(scope="module")
def listener() -> Listener:
    listener = Listener()
    listener.load()
    return listener


@pytest.fixture(scope="module")
def spoken() -> bytes:
    """A command between silences, in whole frames."""
    speaker = Speaker()
    speaker.load()
    parts = speaker.speak(Utterance("Turn on the lights in the kitchen.", "en-us+f3"))
    samples = bytes(24_000) + b"".join(part.pcm for part in parts) + bytes(24_000)
    return samples[: len(samples) // FRAME_BYTES * FRAME_BYTES]


@pytest.mark.parametrize(("hertz", "share"), [(200, 1.0), (5_000, 1.0), (9_500, 0.0), (11_500, 0.0)])
def test_what_16_khz_can_carry_stays_and_what_it_cannot_is_gone(hertz: int, share: float) -> None:
    wave = (8_000 * np.sin(2 * np.pi * hertz / 24_000 * np.arange(24_000))).astype(np.int16)
    heard = sound.to_16k(wave).astype(float)
    assert abs(len(heard) - 16_000) < sound.CONTEXT
    assert np.sqrt((heard[100:-100] ** 2).mean()) == pytest.approx(share * 8_000 / np.sqrt(2), abs=120)


def test_a_stream_is_heard_alike_however_it_is_cut(listener: Listener, spoken: bytes) -> None:
    whole = listener.listen(Listening(spoken)).probabilities
    state, cut = b"", []
    for size in (1, 7, 2, 30, 1_000):
        part, spoken = spoken[: size * FRAME_BYTES], spoken[size * FRAME_BYTES :]
        if part:
            activity = listener.listen(Listening(part, state))
            state, cut = activity.state, cut + activity.probabilities
    assert cut == pytest.approx(whole, abs=1e-4)
    assert len(stretches(whole)) == 1


def test_what_is_heard_does_not_depend_on_what_was_heard_before(listener: Listener, spoken: bytes) -> None:
    first = listener.recognize(Speech(spoken, str(COMMANDS)))
    listener.recognize(Speech(np.random.default_rng(2).bytes(96_000), str(COMMANDS)))
    assert listener.recognize(Speech(spoken, str(COMMANDS))) == first
    assert first.segments[0].text == "turn on the lights in the kitchen"


def test_speech_is_cut_at_silences_and_where_it_is_too_long() -> None:
    pause, word = [0.0] * 20, [1.0] * 10
    assert stretches([*pause, *word, *[0.0] * 5, *word, *pause, *word]) == [(20, 45), (65, 75)]
    assert stretches([1.0] * 1_000, most_ms=3_200) == [
        (start, min(start + 101, 1_000)) for start in range(0, 1_000, 101)
    ]


@pytest.mark.parametrize("pcm", [b"", b"\0" * 100, b"\0" * (FRAME_BYTES + 1)])
def test_a_stream_is_heard_in_whole_frames(listener: Listener, pcm: bytes) -> None:
    with pytest.raises(FunctionError) as caught:
        listener.listen(Listening(pcm))
    assert caught.value.code == "AUDIO_INVALID"


@pytest.mark.parametrize("grammar", [None, "no grammar", "#JSGF V1.0; grammar x; public <x> = notaword;"])
def test_a_folder_without_a_grammar_that_can_be_used_is_told(
    listener: Listener, tmp_path: Path, spoken: bytes, grammar: str | None
) -> None:
    if grammar is not None:
        (tmp_path / "commands.gram").write_text(grammar)
    with pytest.raises(FunctionError) as caught:
        listener.recognize(Speech(spoken, str(tmp_path)))
    assert caught.value.code == "MODEL_INVALID"


def test_a_grammar_of_ones_own_is_used(listener: Listener, tmp_path: Path, spoken: bytes) -> None:
    grammar = "#JSGF V1.0; grammar x; public <x> = turn on the lights [ in the kitchen ];"
    (tmp_path / "commands.gram").write_text(grammar)
    heard = listener.recognize(Speech(spoken, str(tmp_path)))
    assert heard.segments[0].text == "turn on the lights in the kitchen"


def test_markup_and_phonemes_in_a_text_are_spoken_and_not_obeyed() -> None:
    speaker = Speaker()
    speaker.load()

    def length(text: str) -> int:
        return sum(len(part.pcm) for part in speaker.speak(Utterance(text, "en-us")))

    assert length("[[a]]") != length("a")
    assert length("<break time='20s'/> hello") < 2 * 24_000 * 10


def test_a_reader_who_goes_away_ends_the_program() -> None:
    speaker = Speaker()
    speaker.load()
    parts = speaker.speak(Utterance("A long text. " * 300, "en-us"))
    assert next(parts).pcm
    parts.close()
    children = Path("/proc/self/task").glob("*/children")
    running = [Path(f"/proc/{pid}/comm").read_text() for file in children for pid in file.read_text().split()]
    assert "espeak-ng\n" not in running
