"""The voice plugin's GraphQL as a client sees it, and sound as the tests look at it."""

from __future__ import annotations

import array
import base64
import io
import json
import math
import wave
from collections.abc import Iterator
from typing import Any

import httpx
from tests.serving import Server

RATE = 24_000
SPEAK = """mutation ($input: VoiceSpeakInput!) { voiceSpeak(input: $input) {
  durationMs characters cost artifact { id name mediaType madeBy url } } }"""
STREAM = (
    "subscription ($input: VoiceSpeakInput!) { voiceSpeakStream(input: $input) { audio durationMs cost } }"
)
TRANSCRIBE = """mutation ($input: VoiceTranscribeInput!) { voiceTranscribe(input: $input) {
  text durationMs cost model { name title description }
  segments { startMs endMs isCommand text confidence words { text startMs endMs confidence } } } }"""


def spoken(server: Server, text: str, **more: Any) -> dict[str, Any]:
    """A text that must be spoken."""
    answer = server.graphql(SPEAK, input={"text": text, **more})
    assert "errors" not in answer, answer
    return answer["data"]["voiceSpeak"]


def heard(server: Server, artifact: str, **more: Any) -> dict[str, Any]:
    """The transcript of an artifact that must be heard."""
    answer = server.graphql(TRANSCRIBE, input={"audio": artifact, **more})
    assert "errors" not in answer, answer
    return answer["data"]["voiceTranscribe"]


def refused(server: Server, query: str, **input: Any) -> str:
    """The code of a refusal that costs nothing."""
    answer = server.graphql(query, input=input)
    assert answer["extensions"]["cost"]["credit"]["charged"] == 0, answer
    return answer["errors"][0]["extensions"]["code"]


def parts(server: Server, **input: Any) -> Iterator[dict[str, Any]]:
    """The payloads of a stream over SSE."""
    body = {"query": STREAM, "variables": {"input": input}}
    headers = {"Accept": "text/event-stream"}
    with server.client() as client, client.stream("POST", "/graphql", json=body, headers=headers) as response:
        event = ""
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            event = value if name == "event" else event
            if name == "data" and event == "next":
                yield json.loads(value)


def upload(server: Server, content: bytes, name: str) -> str:
    """The id of an uploaded artifact."""
    with server.client() as client:
        response = client.post("/artifacts", params={"name": name}, content=content)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def download(speech: dict[str, Any]) -> bytes:
    """The file of a spoken text."""
    return httpx.get(speech["artifact"]["url"]).content


def pcm(file: bytes) -> bytes:
    """The samples of a WAV file."""
    with wave.open(io.BytesIO(file)) as opened:
        assert (opened.getnchannels(), opened.getsampwidth(), opened.getframerate()) == (1, 2, RATE)
        return opened.readframes(opened.getnframes())


def wav(samples: bytes) -> bytes:
    """A WAV file of samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(RATE)
        written.writeframes(samples)
    return file.getvalue()


def level(samples: bytes) -> float:
    """The root mean square of samples, of 32768."""
    values = array.array("h", samples)
    return math.sqrt(sum(value * value for value in values) / len(values))


def balance(server: Server) -> int:
    """What is left, in nano-dollars."""
    answer = server.graphql("{ viewer { organization { balance { balance } } } }")
    return int(answer["data"]["viewer"]["organization"]["balance"]["balance"])


def decoded(text: str) -> bytes:
    """Bytes of base64."""
    return base64.b64decode(text, validate=True)
