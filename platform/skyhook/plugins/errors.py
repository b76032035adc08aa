"""Errors of the plugin host."""

from skyhook.errors import SkyhookError


class PluginBroken(SkyhookError):
    """A plugin cannot be used; the message says why."""

    code = "PLUGIN_BROKEN"

    def __init__(self, plugin: str, reason: str) -> None:
        super().__init__(f"plugin {plugin}: {reason}")
        self.plugin = plugin
        self.reason = reason
