"""Live sessions over SSE: frames as they are made, a prompt that changes on the way, and what they cost."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from imagining import Studio

IMAGE = 1_000_000
LIVE = """subscription ($input: ImagineLiveInput!) { imagineLive(input: $input) {
  sessionId index prompt image cost } }"""
PROMPT = "mutation ($id: ID!, $prompt: String!) { imagineLivePrompt(sessionId: $id, prompt: $prompt) }"
ASKED: dict[str, Any] = {"prompt": "a red house", "model": "scenes", "width": 64, "height": 64}


def test_frames_come_as_they_are_made_and_the_prompt_changes(studio: Studio) -> None:
    before = studio.balance()
    frames: list[dict[str, Any]] = []
    for payload in studio.events(LIVE, input=ASKED | {"frames": 40}):
        frame = payload["data"]["imagineLive"]
        frames.append(frame)
        if frame["index"] == 1:
            answer = studio.server.graphql(PROMPT, id=frame["sessionId"], prompt="a blue house")
            assert answer["data"] == {"imagineLivePrompt": "a blue house"}
            refused = studio.server.graphql(PROMPT, id=frame["sessionId"], prompt="a weapon")
            assert refused["errors"][0]["extensions"]["code"] == "CONTENT_REFUSED"
    *pictures, last = frames
    assert [one["index"] for one in pictures] == list(range(40))
    for picture in pictures:
        kind, _, content = picture["image"].partition(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(content).startswith(b"\x89PNG")
    prompts = [one["prompt"] for one in pictures]
    assert (prompts[0], prompts[-1]) == ("a red house", "a blue house")
    assert (last["image"], last["index"], last["cost"]) == (None, 40, str(40 * IMAGE))
    assert studio.balance() == before - 40 * IMAGE
    gone = studio.server.graphql(PROMPT, id=last["sessionId"], prompt="a green house")
    assert gone["errors"][0]["extensions"]["code"] == "LIVE_SESSION_NOT_FOUND"


def test_who_goes_away_pays_for_the_frames_until_then(studio: Studio) -> None:
    before = studio.balance()
    events = studio.events(LIVE, input=ASKED | {"frames": 300})
    for _ in range(2):
        next(events)
    events.close()
    deadline = time.monotonic() + 20
    while not studio.balance() < before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    frames, rest = divmod(before - studio.balance(), IMAGE)
    assert rest == 0
    assert 2 <= frames < 300


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"frames": 301}, "INVALID_INPUT"),
        ({"strength": 0}, "INVALID_INPUT"),
        ({"prompt": "a WEAPON"}, "CONTENT_REFUSED"),
        ({"model": "films"}, "MODEL_UNABLE"),
    ],
)
def test_a_wrong_session_is_refused(studio: Studio, changed: dict[str, Any], code: str) -> None:
    (payload,) = studio.events(LIVE, input=ASKED | changed)
    assert payload["errors"][0]["extensions"]["code"] == code
