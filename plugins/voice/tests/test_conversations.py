"""Spoken conversations: an automatic caller talks to a session with the `openai` package's client."""

from __future__ import annotations

import asyncio

from calling import calling
from minds import Mind
from speech import balance, download, level, pcm, spoken
from tests.serving import Server

VOICE = "en-us+f3"
PLAYED_S = 1.1
"""What is left to play when a response is done, at most."""
STORY = "Once upon a time there was a very small server. " * 8
SCRIPT = {
    "what time is it": "It is ten o'clock.",
    "set a timer for ten minutes": "The timer is set.",
    "tell me a story": STORY,
    "stop talking": "Of course.",
    "goodbye": "Goodbye, and thank you.",
}


def said(server: Server, text: str) -> bytes:
    """A text as the caller says it."""
    return pcm(download(spoken(server, text, voice=VOICE)))


async def test_a_caller_holds_a_conversation_of_five_turns_and_interrupts_one(
    server: Server, mind: Mind
) -> None:
    mind.script = SCRIPT
    words = {text: await asyncio.to_thread(said, server, f"{text.capitalize()}.") for text in SCRIPT}
    before = balance(server)
    async with calling(server, "mind") as caller:
        await caller.connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Be brief.",
                "audio": {"output": {"voice": "en-us+m1"}},
            }
        )
        await caller.wait("session.updated")
        for turn, (text, sound) in enumerate(words.items(), start=1):
            caller.say(sound)
            heard = await caller.wait("conversation.item.input_audio_transcription.completed", turn)
            assert heard.transcript == text
            if text == "tell me a story":
                await caller.wait(
                    "response.output_audio.delta", len(caller.all("response.output_audio.delta")) + 8
                )
                continue  # and says the next thing while the story is told
            done = await caller.wait("response.done", turn)
            assert done.response.status == "completed", done
            (item,) = done.response.output
            assert item.content[0].transcript.strip() == SCRIPT[text]
            assert level(caller.sound(item.id)) > 500
            assert int(done.response.metadata["turn_latency_ms"]) > 0
            await asyncio.sleep(PLAYED_S)
        story = caller.all("response.done")[2].response
        assert (story.status, story.status_details.reason) == ("cancelled", "turn_detected")
        cut = await caller.wait("conversation.item.truncated")
        assert cut.item_id == story.output[0].id
        assert 0 < cut.audio_end_ms < 20_000
        assert caller.all("error") == []
    assert len(caller.all("input_audio_buffer.speech_started")) == 5
    assert len(caller.all("input_audio_buffer.speech_stopped")) == 5
    heard_of_story = next(m["content"] for m in mind.requests[-1] if m["content"].startswith("Once"))
    assert STORY.startswith(heard_of_story)
    assert len(heard_of_story) < len(STORY) / 2
    assert mind.requests[-1][0] == {"role": "system", "content": "Be brief."}
    assert balance(server) < before


async def test_the_bundled_model_can_be_the_mind(server: Server) -> None:
    words = await asyncio.to_thread(said, server, "Good morning.")
    async with calling(server, "skyhook-small") as caller:
        caller.say(words)
        done = await caller.wait("response.done", within_s=60)
    assert done.response.status == "completed", done
    assert done.response.output[0].content[0].transcript.strip()
    assert done.response.usage.output_tokens > 0


async def test_speech_outside_of_the_grammar_is_told_and_not_invented(server: Server, mind: Mind) -> None:
    sound = await asyncio.to_thread(said, server, "I would like a pizza with extra cheese.")
    async with calling(server, "mind") as caller:
        caller.say(sound)
        failed = await caller.wait("conversation.item.input_audio_transcription.failed")
        assert failed.error.code == "SPEECH_NOT_UNDERSTOOD"
        await caller.wait("response.done")
    assert "not understood" in mind.requests[-1][-1]["content"]


async def test_a_client_can_write_and_be_answered_in_text_or_sound(server: Server, mind: Mind) -> None:
    mind.script = {"hello": "Hello there."}
    async with calling(server, "mind", microphone=False) as caller:
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
        await caller.connection.conversation.item.create(item=item)
        assert (await caller.wait("conversation.item.added")).item.content[0].text == "hello"
        await caller.connection.response.create(response={"output_modalities": ["text"]})
        done = await caller.wait("response.done")
        assert done.response.output[0].content[0].text.strip() == "Hello there."
        assert caller.all("response.output_audio.delta") == []
        await caller.connection.response.create()
        done = await caller.wait("response.done", 2)
        assert level(caller.sound(done.response.output[0].id)) > 500
    names = [event.type for event in caller.events]
    start = len(names) - 1 - names[::-1].index("response.created")
    kinds = list(dict.fromkeys(names[start:]))
    assert kinds == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]


async def test_a_client_commits_and_cancels_by_itself(server: Server, mind: Mind) -> None:
    mind.script = {"tell me a story": STORY}
    sound = await asyncio.to_thread(said, server, "Tell me a story.")
    async with calling(server, "mind") as caller:
        await caller.connection.session.update(
            session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        )
        await caller.wait("session.updated")
        caller.say(sound)
        await asyncio.sleep(len(sound) / 48_000 + 0.3)
        await caller.connection.input_audio_buffer.commit()
        heard = await caller.wait("conversation.item.input_audio_transcription.completed")
        assert heard.transcript == "tell me a story"
        assert caller.all("input_audio_buffer.speech_started") == []
        await caller.connection.response.create()
        await caller.wait("response.output_audio.delta", 3)
        await caller.connection.response.cancel()
        done = await caller.wait("response.done")
        assert (done.response.status, done.response.status_details.reason) == (
            "cancelled",
            "client_cancelled",
        )
        await caller.connection.input_audio_buffer.clear()
        await caller.wait("input_audio_buffer.cleared")


async def test_the_mind_calls_a_function_of_the_client(server: Server, mind: Mind) -> None:
    mind.tool_call = {"name": "get_time", "arguments": '{"zone":"UTC"}'}
    mind.script = {'{"time":"10:00"}': "It is ten."}
    async with calling(server, "mind", microphone=False) as caller:
        tool = {
            "type": "function",
            "name": "get_time",
            "description": "The time.",
            "parameters": {"type": "object"},
        }
        await caller.connection.session.update(session={"type": "realtime", "tools": [tool]})
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "the time?"}]}
        await caller.connection.conversation.item.create(item=item)
        await caller.connection.response.create()
        done = await caller.wait("response.done")
        call = done.response.output[0]
        assert (call.type, call.name, call.arguments) == ("function_call", "get_time", '{"zone":"UTC"}')
        result = {"type": "function_call_output", "call_id": call.call_id, "output": '{"time":"10:00"}'}
        await caller.connection.conversation.item.create(item=result)
        await caller.connection.response.create()
        done = await caller.wait("response.done", 2)
        assert done.response.output[0].content[0].transcript.strip() == "It is ten."
