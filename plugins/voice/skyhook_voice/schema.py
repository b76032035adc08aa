"""The plugin's GraphQL root fields."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from skyhook.plugin import Asked, Info
from skyhook_functions.voice.messages import LONGEST_RECORDING_S, LONGEST_TEXT, Nothing, Utterance
from skyhook_functions.voice.speaker import Speaker
from skyhook_voice import hearing, speaking
from skyhook_voice.meters import HEARD_MS
from skyhook_voice.requests import LONGEST_STREAM, check_utterance, recording
from skyhook_voice.scopes import READ, SPEAK, TRANSCRIBE
from skyhook_voice.types import (
    VoiceModel,
    VoiceSpeakInput,
    VoiceSpeech,
    VoiceSpeechPart,
    VoiceTranscribeInput,
    VoiceTranscript,
    VoiceVoices,
)


@strawberry.type
class VoiceQuery:
    """Root fields that read."""

    @strawberry.field(description="The voices that can speak, by espeak-ng.")
    async def voice_voices(self, info: Info) -> VoiceVoices:
        """The voices and their variants."""
        info.context.caller.require(READ)
        return VoiceVoices.of(await info.context.services.compute.call(Speaker.voices, Nothing()))

    @strawberry.field(description="The models that recognize speech: command grammars, no dictation.")
    async def voice_models(self, info: Info) -> list[VoiceModel]:
        """The plugin's models."""
        info.context.caller.require(READ)
        return [VoiceModel.of(model) for model in await info.context.services.catalogue.list("voice")]


@strawberry.type
class VoiceMutation:
    """Root fields that speak and hear."""

    @strawberry.mutation(description="Speaks a text into a WAV file. Charged by the character.")
    async def voice_speak(self, info: Info, input: VoiceSpeakInput) -> VoiceSpeech:
        """A finished file."""
        context = info.context
        asked = _asked_to_speak(info, "voiceSpeak", input, LONGEST_TEXT)
        artifacts = context.services.artifacts
        spoken = await speaking.speak(
            context.services.operations, artifacts, context.services.notary, asked, context.credit.add
        )
        return VoiceSpeech.of(spoken, await artifacts.get(context.caller.organization_id, spoken.artifact))

    @strawberry.mutation(
        description="Recognizes spoken commands in a recording: the sentences of the model's grammar, and no "
        "others. This is no dictation. Charged by the millisecond."
    )
    async def voice_transcribe(self, info: Info, input: VoiceTranscribeInput) -> VoiceTranscript:
        """A finished transcript."""
        context = info.context
        context.caller.require(TRANSCRIBE)
        model = await context.services.catalogue.get("voice", input.model)
        artifact = await recording(info, input.audio)
        asked = Asked(
            caller=context.caller,
            operation="voiceTranscribe",
            arguments=artifact.id,
            at_most={HEARD_MS: LONGEST_RECORDING_S * 1000},
            model=model,
            idempotency_key=context.next_idempotency_key(input.idempotency_key),
        )
        services = context.services
        heard = await hearing.transcribe(
            services.operations, services.artifacts, artifact, asked, context.credit.add
        )
        return VoiceTranscript.of(heard, model)


@strawberry.type
class VoiceSubscription:
    """Root fields that stream."""

    @strawberry.subscription(
        description="Speaks a text, sent as samples while they are made. Charged by the character, as soon "
        "as there is sound."
    )
    async def voice_speak_stream(
        self, info: Info, input: VoiceSpeakInput
    ) -> AsyncGenerator[VoiceSpeechPart, None]:
        """The sound as it is made."""
        asked = _asked_to_speak(info, "voiceSpeakStream", input, LONGEST_STREAM)
        parts = speaking.stream(info.context.services.operations, asked, info.context.credit.add)
        async with aclosing(parts):
            async for part in parts:
                yield VoiceSpeechPart.of(part)


def _asked_to_speak(info: Info, operation: str, input: VoiceSpeakInput, longest: int) -> Asked:
    context = info.context
    context.caller.require(SPEAK)
    utterance: Utterance = check_utterance(input.text, input.voice, input.speed, input.pitch, longest=longest)
    key = context.next_idempotency_key(input.idempotency_key)
    return speaking.asked_to_speak(context.caller, operation, utterance, key)
