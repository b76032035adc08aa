"""The code plugin: programs run in a sandbox, and code completed."""

from skyhook.plugin import Plugin

plugin = Plugin(name="code", version="0.1.0", title="Code")
