"""The plugin's scopes, and the core's that it asks for."""

READ = "voice:read"
SPEAK = "voice:speak"
TRANSCRIBE = "voice:transcribe"
TALK = "voice:talk"
ARTIFACTS_READ = "artifacts:read"
"""Needed where a request names an artifact that is to be heard."""
