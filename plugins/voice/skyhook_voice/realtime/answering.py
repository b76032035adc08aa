"""One response: the mind thinks, its sentences are spoken as they come, and both can be cut off."""

from __future__ import annotations

import asyncio
import re
import time
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

from skyhook.plugin import Call, SkyhookError, new_id
from skyhook_functions.voice.messages import LONGEST_TEXT, Utterance
from skyhook_voice.realtime.conversation import Conversation, Item, item_id
from skyhook_voice.realtime.credit import OPERATION as TALK
from skyhook_voice.realtime.mind import OPERATION as MIND
from skyhook_voice.realtime.mind import MindTool, Prompt, Thought, ToolCall
from skyhook_voice.realtime.outlet import Outlet, described
from skyhook_voice.realtime.playing import Playing
from skyhook_voice.realtime.settings import USUAL_SPEED, Settings
from skyhook_voice.requests import SpokenPart
from skyhook_voice.speaking import asked_to_speak, milliseconds, sound

AHEAD_MS = 1_000
"""How far the sound that is sent may be ahead of what is played: what is cut off was not spoken in vain."""
DELTA_BYTES = 9_600
"""Of one event with sound: 200 ms."""
SENTENCE = re.compile(r".+?(?:[.!?…]+[\"')\]]*\s+|\n+)", re.DOTALL)
LONGEST_SENTENCE = 300
"""In characters: what goes on longer is spoken in parts."""


@dataclass(slots=True)
class Clock:
    """When the parts of a turn were done, by the monotonic clock."""

    asked_at: float
    """When the caller's last speech, or the client's request, arrived."""
    stopped_at: float
    """When the turn was over."""
    heard_at: float
    """When it was recognized."""
    thought_at: float | None = None
    """When the mind's first words came."""
    answered_at: float | None = None
    """When the first sound, or text, was sent."""

    def shown(self) -> dict[str, str]:
        """The measured latency, in milliseconds, as metadata of a response."""
        if self.thought_at is None or self.answered_at is None:
            return {}
        steps = {
            "turn_latency_ms": self.answered_at - self.asked_at,
            "silence_ms": self.stopped_at - self.asked_at,
            "recognition_ms": self.heard_at - self.stopped_at,
            "mind_ms": self.thought_at - self.heard_at,
            "voice_ms": self.answered_at - self.thought_at,
        }
        return {name: str(round(seconds * 1000)) for name, seconds in steps.items()}


@dataclass(slots=True)
class Answer:
    """A response of a session. `run` sends all its events; cancel it by `reason` and the task's cancel."""

    caller: Any
    services: Any
    outlet: Outlet
    conversation: Conversation
    settings: Settings
    model: str
    clock: Clock
    playing: Playing = field(init=False)
    reason: str = "client_cancelled"
    """Why it is cancelled, once it is."""
    error: SkyhookError | None = None
    _id: str = field(default_factory=lambda: f"resp_{new_id().hex}")
    _output: list[Item] = field(default_factory=list)
    _usage: dict[str, int] = field(default_factory=dict)
    _cost: int = 0
    _is_open: bool = False

    def __post_init__(self) -> None:
        spoken = self.settings.modality == "audio"
        item = Item("message", item_id(), "assistant", text="", is_spoken=spoken, status="in_progress")
        self.playing = Playing(item)

    async def run(self) -> None:
        """Thinks and speaks; ends with `response.done`, whatever happens."""
        await self.outlet.send("response.created", response=self._shown("in_progress"))
        status = "completed"
        details: dict[str, Any] | None = None
        try:
            await self._answer()
        except asyncio.CancelledError:
            status, details = "cancelled", {"type": "cancelled", "reason": self.reason}
        except SkyhookError as error:
            self.error = error
            status, details = "failed", {"type": "failed", "error": described(error)}
        await self._close("completed" if status == "completed" else "incomplete")
        await self.outlet.send("response.done", response=self._shown(status, details))

    async def _answer(self) -> None:
        sentences: asyncio.Queue[str | None] = asyncio.Queue()
        thinking = asyncio.create_task(self._think(sentences))
        try:
            while (sentence := await sentences.get()) is not None:
                await self._say(sentence)
            await thinking
        finally:
            thinking.cancel()
            with suppress(asyncio.CancelledError, SkyhookError):
                await thinking

    async def _think(self, sentences: asyncio.Queue[str | None]) -> None:
        """Asks the mind, and queues its sentences as they are whole."""
        rest = ""
        try:
            async with aclosing(self._thoughts()) as thoughts:
                async for thought in thoughts:
                    self.clock.thought_at = self.clock.thought_at or time.monotonic()
                    rest += thought.text
                    while found := SENTENCE.match(rest):
                        sentences.put_nowait(found[0])
                        rest = rest[found.end() :]
                    if len(rest) > LONGEST_SENTENCE and (cut := rest.rfind(" ")) > 0:
                        sentences.put_nowait(rest[: cut + 1])
                        rest = rest[cut + 1 :]
                    if thought.tool_call is not None:
                        await self._call(thought.tool_call)
                    if thought.finished is not None:
                        self._usage = {
                            "input_tokens": thought.finished.usage.prompt_tokens,
                            "output_tokens": thought.finished.usage.completion_tokens,
                        }
            if rest:
                sentences.put_nowait(rest)
        finally:
            sentences.put_nowait(None)

    def _thoughts(self) -> AsyncGenerator[Thought, None]:
        limit = self.settings.max_output_tokens
        prompt = Prompt(
            model=self.model,
            messages=self.conversation.messages(self.settings.instructions),
            tools=[MindTool(tool.name, tool.description, tool.parameters) for tool in self.settings.tools],
            max_tokens=None if limit == "inf" else limit,
        )
        thoughts: AsyncGenerator[Thought, None] = self.services.asks.stream(
            self.caller, MIND, prompt, Thought, charged=self._charged
        )
        return thoughts

    def _charged(self, _held: int, charged: int) -> None:
        self._cost += charged

    async def _say(self, sentence: str) -> None:
        """Sends a sentence: its words, and its sound at the pace at which it is played."""
        await self._open()
        kind = "output_audio_transcript" if self.settings.modality == "audio" else "output_text"
        if self.settings.modality == "text" or not any(letter.isalnum() for letter in sentence):
            await self._delta(kind, sentence)
            self.clock.answered_at = self.clock.answered_at or time.monotonic()
            return
        speed = round(USUAL_SPEED * self.settings.speed)
        utterance = Utterance(sentence[:LONGEST_TEXT], self.settings.voice, speed)
        self.playing.begin(sentence)
        is_first = True
        async with aclosing(self._spoken(utterance)) as parts:
            async for pcm in parts:
                if is_first:
                    await self._delta(kind, sentence)
                    is_first = False
                await self._play(pcm)

    async def _spoken(self, utterance: Utterance) -> AsyncGenerator[bytes, None]:
        async def body(call: Call) -> AsyncGenerator[SpokenPart, None]:
            async with aclosing(sound(call, utterance)) as parts:
                async for pcm in parts:
                    yield SpokenPart(pcm=pcm)

        asked = asked_to_speak(self.caller, TALK, utterance)
        events = self.services.operations.stream(
            asked, SpokenPart, body, lambda call: SpokenPart(cost=call.cost), self._charged
        )
        async with aclosing(events):
            async for part in events:
                if part.pcm is not None:
                    yield part.pcm

    async def _play(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), DELTA_BYTES):
            part = pcm[start : start + DELTA_BYTES]
            await self.outlet.send(
                "response.output_audio.delta", **self._place(), delta=b64encode(part).decode()
            )
            self.clock.answered_at = self.clock.answered_at or time.monotonic()
            self.playing.sent(milliseconds(len(part)))
            if (ahead := self.playing.ahead_ms - AHEAD_MS) > 0:
                await asyncio.sleep(ahead / 1000)

    async def _delta(self, kind: str, text: str) -> None:
        self.playing.item.text = (self.playing.item.text or "") + text
        await self.outlet.send(f"response.{kind}.delta", **self._place(), delta=text)

    async def _open(self) -> None:
        """The message begins with its first words."""
        if self._is_open:
            return
        self._is_open = True
        await self._add(self.playing.item)
        await self.outlet.send("response.content_part.added", **self._place(), part=self._part(""))

    async def _close(self, status: Any) -> None:
        if not self._is_open:
            return
        item = self.playing.item
        item.status = status
        text = item.text or ""
        if self.settings.modality == "audio":
            await self.outlet.send("response.output_audio.done", **self._place())
            await self.outlet.send("response.output_audio_transcript.done", **self._place(), transcript=text)
        else:
            await self.outlet.send("response.output_text.done", **self._place(), text=text)
        await self.outlet.send("response.content_part.done", **self._place(), part=self._part(text))
        await self._done(item)

    async def _call(self, call: ToolCall) -> None:
        """The mind wants the client to call a function."""
        item = Item("function_call", item_id(), call_id=call.id, name=call.name, arguments=call.arguments)
        await self._add(item)
        place = {"response_id": self._id, "item_id": item.id, "output_index": self._output.index(item)}
        await self.outlet.send(
            "response.function_call_arguments.delta", **place, call_id=call.id, delta=call.arguments
        )
        await self.outlet.send(
            "response.function_call_arguments.done",
            **place,
            call_id=call.id,
            name=call.name,
            arguments=call.arguments,
        )
        await self._done(item)

    async def _add(self, item: Item) -> None:
        previous = self.conversation.add(item)
        self._output.append(item)
        index = self._output.index(item)
        await self.outlet.send(
            "response.output_item.added", response_id=self._id, output_index=index, item=item.shown()
        )
        await self.outlet.send("conversation.item.added", previous_item_id=previous, item=item.shown())

    async def _done(self, item: Item) -> None:
        index = self._output.index(item)
        await self.outlet.send("conversation.item.done", previous_item_id=None, item=item.shown())
        await self.outlet.send(
            "response.output_item.done", response_id=self._id, output_index=index, item=item.shown()
        )

    def _place(self) -> dict[str, Any]:
        item = self.playing.item
        return {
            "response_id": self._id,
            "item_id": item.id,
            "output_index": self._output.index(item),
            "content_index": 0,
        }

    def _part(self, text: str) -> dict[str, str]:
        if self.settings.modality == "audio":
            return {"type": "audio", "transcript": text}
        return {"type": "text", "text": text}

    def _shown(self, status: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
        usage = None
        if self._usage:
            usage = self._usage | {"total_tokens": sum(self._usage.values())}
        return {
            "object": "realtime.response",
            "id": self._id,
            "status": status,
            "status_details": details,
            "output": [item.shown() for item in self._output],
            "output_modalities": [self.settings.modality],
            "metadata": self.clock.shown() | {"cost_nano_usd": str(self._cost)},
            "usage": usage,
        }
