"""The macrohard plugin: agents that operate a browser."""

from skyhook.plugin import Plugin

plugin = Plugin(name="macrohard", version="0.1.0", title="Macrohard")
