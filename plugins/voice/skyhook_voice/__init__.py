"""The voice plugin: speech out, speech in, and spoken conversations."""

from skyhook.plugin import Plugin

plugin = Plugin(name="voice", version="0.1.0", title="Voice")
