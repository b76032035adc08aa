"""The voice plugin: speech out, speech in, and spoken conversations."""

from skyhook.plugin import Meter, Model, Operation, Plugin, Scope
from skyhook_functions.voice.listener import Listener
from skyhook_functions.voice.speaker import Speaker
from skyhook_voice.meters import CHARACTERS, HEARD_MS
from skyhook_voice.playground import PLAYGROUND
from skyhook_voice.realtime.credit import OPERATION
from skyhook_voice.realtime.route import ROUTE
from skyhook_voice.schema import VoiceMutation, VoiceQuery, VoiceSubscription
from skyhook_voice.scopes import READ, SPEAK, TALK, TRANSCRIBE
from skyhook_voice.settings import VoiceSettings

plugin = Plugin(
    name="voice",
    version="0.1.0",
    title="Voice",
    description="Speaks texts, hears spoken commands, and holds conversations by voice.",
    query=VoiceQuery,
    mutation=VoiceMutation,
    subscription=VoiceSubscription,
    operations=(
        Operation("voiceSpeak", SPEAK, (CHARACTERS,)),
        Operation("voiceSpeakStream", SPEAK, (CHARACTERS,)),
        Operation("voiceTranscribe", TRANSCRIBE, (HEARD_MS,)),
        Operation(OPERATION, TALK, (HEARD_MS, CHARACTERS)),
    ),
    functions=(Speaker, Listener),
    meters=(
        Meter(CHARACTERS, "Characters spoken", "character", price=1_000),
        Meter(HEARD_MS, "Milliseconds of sound heard", "millisecond", price=20),
    ),
    scopes=(
        Scope(READ, "See voices and the models that recognize speech"),
        Scope(SPEAK, "Speak texts"),
        Scope(TRANSCRIBE, "Transcribe recordings"),
        Scope(TALK, "Hold spoken conversations"),
    ),
    settings=VoiceSettings,
    routes=(ROUTE,),
    models=(
        Model(
            name="skyhook-commands",
            title="Skyhook Commands (a command grammar, not dictation)",
            location="skyhook_functions:weights/skyhook-commands",
            tier="small",
            description="Understands the sentences of a small grammar of spoken commands in American "
            "English, and says of all other speech that it was not understood. Its model card "
            "lists what can be said.",
        ),
    ),
    playground=PLAYGROUND,
)
