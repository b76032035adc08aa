"""Texts spoken, as a file and as a stream."""

from __future__ import annotations

import asyncio

import pytest
from speech import SPEAK, balance, decoded, download, level, parts, pcm, refused, spoken
from tests.serving import Server

from skyhook.artifacts.provenance import Notary
from skyhook.configuration import Configuration

CHARACTER = 1_000
TEXT = "What is seven plus nine?"


def test_a_text_becomes_a_file_that_can_be_heard_and_is_charged_by_the_character(server: Server) -> None:
    before = balance(server)
    speech = spoken(server, TEXT, voice="en-us+f3")
    samples = pcm(download(speech))
    assert level(samples) > 500
    assert speech["durationMs"] == len(samples) * 1000 // 48_000
    assert (speech["characters"], speech["cost"]) == (len(TEXT), str(len(TEXT) * CHARACTER))
    assert balance(server) == before - len(TEXT) * CHARACTER
    artifact = speech["artifact"]
    assert (artifact["mediaType"], artifact["madeBy"]) == ("audio/wav", "voiceSpeak")


def test_the_file_says_that_a_program_spoke_and_no_trained_model(server: Server) -> None:
    content = download(spoken(server, TEXT))
    notary = Notary(Configuration(data=server.data, port=1, host="", database_url=""))
    said = asyncio.run(notary.read(content))
    assert said is not None
    assert (said.holds, said.is_ours, said.is_generated) == (True, True, False)
    assert (said.operation, said.model) == ("voiceSpeak", "espeak-ng")


def test_speed_pitch_and_voice_change_what_is_heard(server: Server) -> None:
    usual, fast = spoken(server, TEXT), spoken(server, TEXT, speed=350)
    assert fast["durationMs"] < 0.7 * usual["durationMs"]
    files = {
        download(usual),
        *(download(spoken(server, TEXT, **how)) for how in ({"pitch": 90}, {"voice": "de"})),
    }
    assert len(files) == 3


def test_a_retry_with_the_same_key_gives_the_same_file_for_nothing(server: Server) -> None:
    first = spoken(server, TEXT, idempotencyKey="once")
    before = balance(server)
    assert spoken(server, TEXT, idempotencyKey="once")["artifact"]["id"] == first["artifact"]["id"]
    assert balance(server) == before
    assert refused(server, SPEAK, text="Another.", idempotencyKey="once") == "IDEMPOTENCY_KEY_REUSED"


def test_a_stream_gives_the_same_sound_in_parts(server: Server) -> None:
    text = "Now this text is long enough to come in several parts. " * 10
    payloads = [payload["data"]["voiceSpeakStream"] for payload in parts(server, text=text)]
    *sounds, last = payloads
    samples = b"".join(decoded(part["audio"]) for part in sounds)
    assert len(sounds) > 3
    assert len(decoded(sounds[0]["audio"])) < len(samples) / 10
    assert samples == pcm(download(spoken(server, text)))
    assert last == {
        "audio": None,
        "durationMs": len(samples) * 1000 // 48_000,
        "cost": str(len(text) * CHARACTER),
    }


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"text": ""}, "INVALID_INPUT"),
        ({"text": " ... "}, "INVALID_INPUT"),
        ({"text": "a" * 5001}, "INVALID_INPUT"),
        ({"speed": 1000}, "INVALID_INPUT"),
        ({"pitch": -1}, "INVALID_INPUT"),
        ({"voice": "nobody"}, "VOICE_UNKNOWN"),
        ({"voice": "en-us+nobody"}, "VOICE_UNKNOWN"),
        ({"voice": "-w/tmp/file"}, "VOICE_UNKNOWN"),
        ({"voice": "../../etc/passwd"}, "VOICE_UNKNOWN"),
    ],
)
def test_a_wrong_request_is_refused_for_free(server: Server, wrong: dict[str, object], code: str) -> None:
    assert refused(server, SPEAK, **{"text": TEXT} | wrong) == code


def test_voices_are_listed_with_their_variants(server: Server) -> None:
    answer = server.graphql("{ voiceVoices { voices { name title language gender } variants } }")
    known = answer["data"]["voiceVoices"]
    assert {"en-us", "de", "fr-fr"} <= {voice["name"] for voice in known["voices"]}
    assert {"f3", "m1"} <= set(known["variants"])


def test_a_server_without_the_program_says_how_to_install_it(bare_server: Server) -> None:
    answer = bare_server.graphql(SPEAK, input={"text": TEXT})
    assert answer["errors"][0]["extensions"]["code"] == "SPEECH_UNAVAILABLE"
    assert "apt-get install espeak-ng" in answer["errors"][0]["message"]
    assert answer["extensions"]["cost"]["credit"]["charged"] == 0
