"""Recordings transcribed: what is spoken is heard, and what is no command is told as such."""

from __future__ import annotations

import io

import av
import numpy as np
import pytest
from speech import RATE, TRANSCRIBE, balance, download, heard, pcm, refused, spoken, upload, wav
from tests.serving import Server

MILLISECOND = 20
SILENCE = bytes(2 * RATE)
VOICE = "en-us+f3"


def encoded(samples: bytes, container: str, codec: str) -> bytes:
    """Samples as a file of another format."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as written:
        stream = written.add_stream(codec, rate=48_000 if codec == "libopus" else RATE)
        stream.codec_context.layout = "mono"
        frame = av.AudioFrame.from_ndarray(
            np.frombuffer(samples, np.int16)[None], format="s16", layout="mono"
        )
        frame.sample_rate = RATE
        resampler = av.AudioResampler(stream.codec_context.format, "mono", stream.codec_context.sample_rate)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            written.mux(stream.encode(part))
        written.mux(stream.encode(None))
    return file.getvalue()


def test_a_spoken_command_is_heard_with_its_words_times_and_price(server: Server) -> None:
    speech = spoken(server, "Turn on the lights in the kitchen.", voice=VOICE)
    before = balance(server)
    transcript = heard(server, speech["artifact"]["id"])
    assert transcript["text"] == "turn on the lights in the kitchen"
    (segment,) = transcript["segments"]
    assert segment["isCommand"]
    words = segment["words"]
    assert [word["text"] for word in words] == transcript["text"].split()
    times = [time for word in words for time in (word["startMs"], word["endMs"])]
    assert times == sorted(times)
    assert 0 <= times[0] < times[-1] <= transcript["durationMs"]
    assert all(0 < word["confidence"] <= 1 for word in words)
    assert transcript["durationMs"] in range(speech["durationMs"] - 2, speech["durationMs"] + 3)
    assert transcript["cost"] == str(transcript["durationMs"] * MILLISECOND)
    assert balance(server) == before - transcript["durationMs"] * MILLISECOND


def test_the_answer_says_that_it_is_a_grammar_and_no_dictation(server: Server) -> None:
    speech = spoken(server, "Yes please.", voice=VOICE)
    model = heard(server, speech["artifact"]["id"])["model"]
    assert "not dictation" in model["title"]
    schema = server.graphql('{ __type(name: "VoiceTranscript") { description } }')
    assert "no dictation" in schema["data"]["__type"]["description"]


def test_speech_outside_the_grammar_is_found_and_not_invented(server: Server) -> None:
    texts = ["What time is it?", "I would like a pizza with extra cheese.", "Play the next song."]
    sound = [pcm(download(spoken(server, text, voice=VOICE))) for text in texts]
    transcript = heard(server, upload(server, wav(SILENCE.join([b"", *sound])), "three.wav"))
    assert [segment["isCommand"] for segment in transcript["segments"]] == [True, False, True]
    assert transcript["text"] == "what time is it\nplay the next song"
    assert transcript["segments"][1]["words"] == []
    assert transcript["segments"][1]["text"] == ""


@pytest.mark.parametrize(
    ("container", "codec"),
    [("flac", "flac"), ("ogg", "libopus"), ("mp3", "libmp3lame")],
)
def test_other_formats_are_heard_as_well(server: Server, container: str, codec: str) -> None:
    sound = pcm(download(spoken(server, "Set a timer for ten minutes.", voice=VOICE)))
    artifact = upload(server, encoded(SILENCE + sound + SILENCE, container, codec), f"sound.{container}")
    assert heard(server, artifact)["text"] == "set a timer for ten minutes"


def test_silence_and_noise_are_no_speech(server: Server) -> None:
    noise = np.random.default_rng(1).bytes(2 * RATE)
    for sound in (SILENCE * 3, noise):
        transcript = heard(server, upload(server, wav(sound), "quiet.wav"))
        assert transcript["text"] == ""
        assert not any(segment["isCommand"] for segment in transcript["segments"])


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt " + b"\xff" * 100, "broken.wav", "AUDIO_INVALID"),
        (b"\xff\xfb" + b"\x01" * 4000, "broken.mp3", "AUDIO_INVALID"),
        (b"#EXTM3U\nfile:///etc/passwd\n\x00", "list.bin", "AUDIO_INVALID"),
        (b"Just a text.", "text.txt", "ARTIFACT_NOT_SOUND"),
        (wav(bytes(2 * RATE * 601)), "long.wav", "AUDIO_TOO_LONG"),
        (wav(b""), "empty.wav", "AUDIO_INVALID"),
    ],
)
def test_what_cannot_be_heard_is_refused_for_free(
    server: Server, content: bytes, name: str, code: str
) -> None:
    assert refused(server, TRANSCRIBE, audio=upload(server, content, name)) == code


def test_an_unknown_model_or_artifact_is_refused(server: Server) -> None:
    artifact = spoken(server, "Yes.")["artifact"]["id"]
    assert refused(server, TRANSCRIBE, audio=artifact, model="whisper") == "MODEL_NOT_FOUND"
    nothing = "QXJ0aWZhY3Q6MDAwMDAwMDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw"
    assert refused(server, TRANSCRIBE, audio=nothing) == "NOT_FOUND"
