"""Recognizes the sentences of a grammar, and says of other speech that it is none of them.

A sentence is understood where the sound fits its words about as well as it fits any phones at all: a second
search, over free phones, tells how well sound can fit, and what of it the sentence leaves out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skyhook.function import FunctionError
from skyhook_functions.voice.messages import HEARD_RATE, Segment, Word

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GRAMMAR = "commands.gram"
AROUND_MS = 250
"""How much of the sound before and after speech is looked at with it."""
NOISE = 4
"""The loudest noise that is added, of 32768."""
FRAME_MS = 10
"""Of the recognizer's own frame."""
SCORE_SCALE = 1024
"""By which pocketsphinx divides its scores before it takes them out of the logarithm."""
PHONES = (
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
)

SENTENCE_FIT = -3.2
"""Nats a frame by which all words together may fit worse than free phones."""
WORD_FIT = -4.5
"""The same of each word."""
LEFT_OUT = 0.15
"""Frames of speech that a sentence may leave out, for each of its own."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """A word or a phone in a result: its frames, the last one exclusive, and its score in nats."""

    text: str
    start: int
    end: int
    score: float

    @property
    def is_filler(self) -> bool:
        return self.text[0] in "<+"


class Commands:
    """The recognizer of one grammar. Not to be used by two threads at a time."""

    def __init__(self, folder: Path) -> None:
        """Raises MODEL_INVALID where the folder has no grammar that can be used."""
        wide = {"beam": 1e-80, "pbeam": 1e-80, "wbeam": 1e-60}
        self._sentences = _decoder(**wide)
        try:
            self._sentences.add_jsgf_string("search", (folder / GRAMMAR).read_text())
        except (OSError, ValueError, RuntimeError) as error:
            raise FunctionError(
                "MODEL_INVALID",
                f"{folder.name} has no {GRAMMAR} in the JSpeech Grammar Format that can be used.",
            ) from error
        self._sentences.activate_search("search")

    @cached_property
    def _phones(self) -> Any:
        phones = PHONES.split()
        decoder = _decoder(beam=1e-40, pbeam=1e-40, wbeam=1e-25, lw=3.0)
        for number, phone in enumerate(phones):
            decoder.add_word(f"p_{phone}", phone, number == len(phones) - 1)
        choice = " | ".join(f"p_{phone}" for phone in phones)
        decoder.add_jsgf_string("search", f"#JSGF V1.0; grammar phones; public <phones> = ( {choice} )+;")
        decoder.activate_search("search")
        return decoder

    def recognize(self, samples: NDArray[np.int16], at_ms: int = 0) -> Segment:
        """The sentence in `samples` (16 kHz), a stretch of speech with `AROUND_MS` around it.

        Times count from `at_ms`.
        """
        import numpy as np

        # Silence without any noise, as programs make it, upsets what is next to it.
        noise = np.random.default_rng(0).integers(-NOISE, NOISE, len(samples), np.int16, endpoint=True)
        samples = np.clip(samples, -32768 + NOISE, 32767 - NOISE) + noise
        sentence = _search(self._sentences, samples)
        words = [piece for piece in sentence if not piece.is_filler]
        end_ms = at_ms + len(samples) * 1000 // HEARD_RATE
        if not words:
            return Segment(start_ms=at_ms, end_ms=end_ms, is_command=False, confidence=0.0, words=[])
        fits, whole, left_out = _compared(sentence, _search(self._phones, samples))
        is_command = whole >= SENTENCE_FIT and min(fits) >= WORD_FIT and left_out <= LEFT_OUT
        found = [
            Word(
                text=piece.text.partition("(")[0],  # as `the(2)` names another pronunciation
                start_ms=at_ms + piece.start * FRAME_MS,
                end_ms=at_ms + piece.end * FRAME_MS,
                confidence=_confidence(fit),
            )
            for piece, fit in zip(words, fits, strict=True)
        ]
        return Segment(
            start_ms=at_ms,
            end_ms=end_ms,
            is_command=is_command,
            confidence=_confidence(whole) * max(0.0, 1 - left_out),
            words=found if is_command else [],
        )


def _decoder(**options: Any) -> Any:
    import pocketsphinx

    path = f"{pocketsphinx.get_model_path()}/en-us"
    settings = {
        "hmm": f"{path}/en-us",
        "dict": f"{path}/cmudict-en-us.dict",
        "lm": None,
        "loglevel": "FATAL",
        "bestpath": False,  # else a sentence may end anywhere
        "silprob": 1e-8,  # else silence swallows words
        "fillprob": 1e-30,
        "topn": 8,
        "cmn": "batch",
    }
    return pocketsphinx.Decoder(pocketsphinx.Config(**settings | options))


def _search(decoder: Any, samples: NDArray[np.int16]) -> list[_Piece]:
    """What the decoder finds; nothing where no sentence of its grammar fits."""
    decoder.reinit_feat()  # else it hears a little by what it has heard before, from whomever
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    if decoder.hyp() is None:
        return []
    return [
        _Piece(one.word, one.start_frame, one.end_frame + 1, _nats(one.ascore))
        for one in decoder.seg()
        if one.word[0] != "("  # as `(NULL)`, a place in the grammar without a word
    ]


def _nats(score: float) -> float:
    return math.log(max(score, 1e-300)) * SCORE_SCALE


def _compared(sentence: list[_Piece], phones: list[_Piece]) -> tuple[list[float], float, float]:
    """How each word fits, and all of them, in nats a frame; and how much speech there is beside them."""
    free, speech = _by_frame(phones, max(piece.end for piece in (*sentence, *phones)))
    words = [piece for piece in sentence if not piece.is_filler]
    worse = [piece.score - sum(free[piece.start : piece.end]) for piece in words]
    lengths = [piece.end - piece.start for piece in words]
    beside = sum(sum(speech[piece.start : piece.end]) for piece in sentence if piece.is_filler)
    fits = [nats / length for nats, length in zip(worse, lengths, strict=True)]
    return fits, sum(worse) / sum(lengths), beside / sum(lengths)


def _by_frame(phones: list[_Piece], frames: int) -> tuple[list[float], list[bool]]:
    """The score of free phones in each frame, and whether it is speech, not what is around it."""
    around = AROUND_MS // FRAME_MS
    free, speech = [0.0] * frames, [False] * frames
    for piece in phones:
        for frame in range(piece.start, piece.end):
            free[frame] = piece.score / (piece.end - piece.start)
            speech[frame] = not piece.is_filler and around <= frame < frames - around
    return free, speech


def _confidence(fit: float) -> float:
    """From 1 for what fits as free phones do, to a half at the limit of a sentence, towards 0."""
    return round(math.exp2(min(0.0, -fit / SENTENCE_FIT)), 3)
