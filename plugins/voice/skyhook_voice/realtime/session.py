"""One spoken conversation: what the client sends, what is heard, and the answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from skyhook.plugin import CatalogueModel, InvalidInput, SkyhookError, WebSocket, new_id, plugin_settings
from skyhook_functions.voice.listener import LIVE_FRAME, Listener
from skyhook_functions.voice.messages import Listening, Nothing, Speech
from skyhook_functions.voice.speaker import Speaker
from skyhook_voice.errors import EventInvalid, NotUnderstood, SessionEnded
from skyhook_voice.realtime import events
from skyhook_voice.realtime.answering import Answer, Clock
from skyhook_voice.realtime.conversation import Conversation, Item, item_id
from skyhook_voice.realtime.credit import HearingCredit
from skyhook_voice.realtime.events import TurnDetection
from skyhook_voice.realtime.outlet import Outlet, described
from skyhook_voice.realtime.settings import Settings
from skyhook_voice.realtime.turns import Turns
from skyhook_voice.settings import VoiceSettings
from skyhook_voice.speaking import milliseconds

FRAME_BYTES = 2 * LIVE_FRAME
LONGEST_TURN_MS = 60_000
PIECE_BYTES = 48_000
"""Of the client's sound that is held and listened to at a time: a second."""
POLICY_VIOLATION = 1008


class Session:
    """Serves one connection until it ends."""

    def __init__(self, socket: WebSocket, mind: str, recognizer: CatalogueModel) -> None:
        self._socket = socket
        self._services = socket.services
        self._mind = mind
        self._recognizer = recognizer
        self._id = f"sess_{new_id().hex}"
        self._settings = Settings(recognizer=recognizer.name)
        self._outlet = Outlet(socket)
        self._conversation = Conversation()
        self._credit = HearingCredit(socket, self._services.operations)
        self._turns = Turns()
        self._sound = bytearray()
        """What was heard since the turn began, or shortly before one may."""
        self._listened = 0
        """How many of its bytes the detector has heard."""
        self._detector = b""
        self._item = item_id()
        self._answer: Answer | None = None
        self._answering: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._limits = plugin_settings(self._services, VoiceSettings)
        self._ends_at = time.time() + self._limits.session_s

    async def serve(self) -> None:
        """Reads the client's events until it goes, or the session must end."""
        await self._outlet.send("session.created", session=self._shown())
        try:
            async with asyncio.timeout(self._limits.session_s):
                while (message := await self._receive()) is not None:
                    await self._handle(message)
        except TimeoutError:
            await self._end(SessionEnded("The session is over: open another one."))
        except SkyhookError as error:
            await self._end(error)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._credit.settle()
            if self._failure.done():
                self._failure.exception()

    async def _receive(self) -> str | bytes | None:
        """The next message. Raises what a task of the session has failed with, and TimeoutError."""
        receiving = asyncio.ensure_future(self._socket.receive())
        try:
            await asyncio.wait(
                (receiving, self._failure), timeout=self._limits.idle_s, return_when=asyncio.FIRST_COMPLETED
            )
            if self._failure.done():
                self._failure.result()
            if not receiving.done():
                raise TimeoutError
            return receiving.result()
        finally:
            receiving.cancel()

    async def _handle(self, message: str | bytes) -> None:
        event_id = None
        try:
            event = events.read(message)
            event_id = event.event_id
            await self._follow(event)
        except SkyhookError as error:
            if _is_final(error):
                raise
            await self._outlet.error(error, event_id or events.id_of(message))

    async def _follow(self, event: events.Event) -> None:
        match event:
            case events.Append(audio=audio):
                await self._hear(audio)
            case events.SessionUpdate(session=change):
                await self._update(change)
            case events.Commit():
                await self._commit_by_client()
            case events.Clear():
                self._forget_sound()
                await self._outlet.send("input_audio_buffer.cleared")
            case events.ItemCreate(item=new):
                item, previous = self._conversation.create(new)
                for name in ("added", "done"):
                    await self._outlet.send(
                        f"conversation.item.{name}", previous_item_id=previous, item=item.shown()
                    )
            case events.ItemDelete(item_id=id):
                self._conversation.items.remove(self._conversation.find(id))
                await self._outlet.send("conversation.item.deleted", item_id=id)
            case events.ItemTruncate(item_id=id, audio_end_ms=end_ms):
                await self._truncate(id, end_ms)
            case events.ResponseCreate(response=change):
                await self._respond_to_client(change)
            case events.ResponseCancel():
                if self._answering is None or self._answering.done():
                    raise EventInvalid("There is no response to cancel.")
                await self._interrupt("client_cancelled")

    async def _update(self, change: events.SessionChange) -> None:
        changed = self._settings.changed(change)
        recognizer = await self._services.catalogue.get("voice", changed.recognizer)
        if changed.voice != self._settings.voice:
            known = await self._services.compute.call(Speaker.voices, Nothing())
            name, _, variant = changed.voice.partition("+")
            if name not in {v.name for v in known.voices} or (variant and variant not in known.variants):
                raise InvalidInput(
                    f"There is no voice {changed.voice[:80]!r}: ask voiceVoices for them.",
                    field="session.audio.output.voice",
                )
        self._settings, self._recognizer = changed, recognizer
        await self._outlet.send("session.updated", session=self._shown())

    async def _hear(self, audio: bytes) -> None:
        if len(audio) % 2:
            raise EventInvalid("A sample has two bytes: send a whole number of them.", field="audio")
        for start in range(0, len(audio), PIECE_BYTES):
            piece = audio[start : start + PIECE_BYTES]
            rule = self._settings.turn_detection
            if rule is None and milliseconds(len(self._sound) + len(piece)) > LONGEST_TURN_MS:
                raise EventInvalid("The buffer holds a minute: commit or clear it.", field="audio")
            await self._credit.take(milliseconds(len(piece)))
            self._sound += piece
            if rule is not None:
                await self._listen(rule)

    async def _listen(self, rule: TurnDetection) -> None:
        """Looks for the beginnings and ends of turns in the sound that is new."""
        size = (len(self._sound) - self._listened) // FRAME_BYTES * FRAME_BYTES
        if not size:
            return
        new = bytes(self._sound[self._listened : self._listened + size])
        self._listened += size
        activity = await self._services.compute.call(Listener.listen, Listening(new, self._detector))
        self._detector = activity.state
        for likely in activity.probabilities:
            change = self._turns.follow(likely, rule)
            if change is not None and change.kind == "started":
                await self._started(change.at_ms, rule)
            elif change is not None:
                await self._stopped(change.at_ms, rule)
        if self._turns.is_speaking and milliseconds(len(self._sound)) > LONGEST_TURN_MS:
            self._turns.forget()
            await self._stopped(self._turns.at_ms, rule)
        if not self._turns.is_speaking:
            kept = max(rule.prefix_padding_ms * 48, FRAME_BYTES) // 2 * 2 + FRAME_BYTES * 2
            gone = max(0, self._listened - kept)
            del self._sound[:gone]
            self._listened -= gone

    async def _started(self, at_ms: int, rule: TurnDetection) -> None:
        await self._outlet.send("input_audio_buffer.speech_started", audio_start_ms=at_ms, item_id=self._item)
        if rule.interrupt_response:
            await self._interrupt("turn_detected")

    async def _stopped(self, at_ms: int, rule: TurnDetection) -> None:
        await self._outlet.send("input_audio_buffer.speech_stopped", audio_end_ms=at_ms, item_id=self._item)
        await self._commit(respond=rule.create_response, asked_at=self._turns.last_loud_at)

    async def _commit_by_client(self) -> None:
        if milliseconds(len(self._sound)) < 100:
            raise EventInvalid("There is less than 100 ms of sound to commit.")
        await self._commit(respond=False, asked_at=time.monotonic())

    async def _commit(self, *, respond: bool, asked_at: float) -> None:
        """Makes an item of what was heard, and has it recognized."""
        item = Item("message", self._item, "user", is_spoken=True)
        pcm = bytes(self._sound)
        previous = self._conversation.add(item)
        self._forget_sound()
        await self._outlet.send("input_audio_buffer.committed", item_id=item.id, previous_item_id=previous)
        await self._outlet.send("conversation.item.added", previous_item_id=previous, item=item.shown())
        self._start(self._recognize(item, pcm, respond=respond, asked_at=asked_at))

    async def _recognize(self, item: Item, pcm: bytes, *, respond: bool, asked_at: float) -> None:
        stopped_at = time.monotonic()
        speech = Speech(pcm, self._recognizer.location)
        transcript = await self._services.compute.call(Listener.recognize, speech)
        understood = [segment.text for segment in transcript.segments if segment.is_command]
        place = {"item_id": item.id, "content_index": 0}
        if understood:
            item.text = " ".join(understood)
            await self._outlet.send(
                "conversation.item.input_audio_transcription.completed",
                **place,
                transcript=item.text,
                usage={"type": "duration", "seconds": transcript.duration_ms / 1000},
            )
        else:
            error = NotUnderstood(f"This is none of the commands of {self._recognizer.name}.")
            await self._outlet.send(
                "conversation.item.input_audio_transcription.failed", **place, error=described(error)
            )
        await self._outlet.send("conversation.item.done", previous_item_id=None, item=item.shown())
        if respond and not self._turns.is_speaking:
            await self._respond(self._settings, Clock(asked_at, stopped_at, time.monotonic()))

    async def _respond_to_client(self, change: events.ResponseChange) -> None:
        if self._answering is not None and not self._answering.done():
            raise EventInvalid("A response is in progress: cancel it, or wait until it is done.")
        at = time.monotonic()
        await self._respond(self._settings.for_response(change), Clock(at, at, at))

    async def _respond(self, settings: Settings, clock: Clock) -> None:
        if self._answering is not None and not self._answering.done():
            return
        self._answer = Answer(
            caller=await self._socket.admit(),
            services=self._services,
            outlet=self._outlet,
            conversation=self._conversation,
            settings=settings,
            model=self._mind,
            clock=clock,
        )
        self._answering = self._start(self._run(self._answer))

    async def _run(self, answer: Answer) -> None:
        await answer.run()
        if answer.error is not None and _is_final(answer.error):
            raise answer.error

    async def _interrupt(self, reason: str) -> None:
        """Cuts the answer off that is made or played, and forgets what of it was not heard."""
        answer, answering = self._answer, self._answering
        if answer is None or answering is None:
            return
        self._answer = self._answering = None
        unheard_ms, played_ms = answer.playing.ahead_ms, answer.playing.played_ms
        if not answering.done():
            answer.reason = reason
            answering.cancel()
            await asyncio.wait((answering,))
        if unheard_ms > 0:
            item = answer.playing.item
            item.text = answer.playing.words_until(played_ms)
            await self._outlet.send(
                "conversation.item.truncated", item_id=item.id, content_index=0, audio_end_ms=played_ms
            )

    async def _truncate(self, id: str, end_ms: int) -> None:
        """Cuts an answer where the client says that it stopped playing."""
        item = self._conversation.find(id)
        if self._answer is None or self._answer.playing.item is not item:
            raise EventInvalid("Only the last spoken answer can be truncated.", field="item_id")
        item.text = self._answer.playing.words_until(end_ms)
        await self._outlet.send(
            "conversation.item.truncated", item_id=id, content_index=0, audio_end_ms=end_ms
        )

    def _forget_sound(self) -> None:
        self._sound = bytearray()
        self._listened = 0
        self._item = item_id()
        self._turns.forget()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs `work` beside the client's events; what it fails with ends the session, or is told."""
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except SkyhookError as error:
            if not _is_final(error):
                await self._outlet.error(error)
            elif not self._failure.done():
                self._failure.set_exception(error)
        except Exception as error:
            if not self._failure.done():
                self._failure.set_exception(error)

    async def _end(self, error: SkyhookError) -> None:
        await self._outlet.error(error)
        await self._socket.close(POLICY_VIOLATION, f"{error.code}: {error.message}")

    def _shown(self) -> dict[str, Any]:
        return {
            "object": "realtime.session",
            "type": "realtime",
            "id": self._id,
            "model": self._mind,
            "expires_at": int(self._ends_at),
            **self._settings.shown(),
        }


def _is_final(error: SkyhookError) -> bool:
    """Whether the session cannot go on: credit, budget or key are at their end."""
    return error.status in (401, 402, 403)
