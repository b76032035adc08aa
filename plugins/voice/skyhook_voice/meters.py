"""What the plugin counts."""

CHARACTERS = "voice.characters"
HEARD_MS = "voice.heard_ms"
