"""What can be tried of voice."""

from skyhook.plugin import Example

PLAYGROUND = (
    Example(
        slug="speak",
        title="Speak a text",
        description="A text as a WAV file, to be heard here.",
        document="""mutation Speak(
  $text: String!
  $voice: String! = "en-us"
  $speed: Int! = 175
  $pitch: Int! = 50
) {
  voiceSpeak(input: { text: $text, voice: $voice, speed: $speed, pitch: $pitch }) {
    artifact { id name mediaType url }
    durationMs
    characters
    cost
  }
}""",
        variables={"text": "Turn on the lights in the kitchen.", "voice": "en-us+f3", "speed": 160},
    ),
    Example(
        slug="hear",
        title="Hear spoken commands",
        description="The commands in a recording, with the times of their words. A grammar, not dictation.",
        document="""mutation Hear($audio: ID!, $model: String! = "skyhook-commands") {
  voiceTranscribe(input: { audio: $audio, model: $model }) {
    text
    segments {
      text
      isCommand
      startMs
      endMs
      confidence
      words { text startMs endMs }
    }
    durationMs
    cost
  }
}""",
        text="voiceTranscribe.text",
        model="model",
        files={"audio": "audio/"},
    ),
    Example(
        slug="voices",
        title="See the voices",
        description="Everything that can speak here.",
        document="""query Voices {
  voiceVoices {
    voices { name title language gender }
    variants
  }
}""",
    ),
)
