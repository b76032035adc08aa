"""Errors of the plugin host."""

from skyhook.errors import Forbidden, InvalidInput, SkyhookError


class PluginBroken(SkyhookError):
    """A plugin cannot be used; the message says why."""

    code = "PLUGIN_BROKEN"

    def __init__(self, plugin: str, reason: str) -> None:
        super().__init__(f"plugin {plugin}: {reason}")
        self.plugin = plugin
        self.reason = reason


class PluginDisabled(Forbidden):
    """The organization has switched the plugin off."""

    code = "PLUGIN_DISABLED"

    def __init__(self, plugin: str) -> None:
        super().__init__(
            f"The plugin {plugin} is switched off for this organization. One of its owners or administrators "
            "can switch it on, in the console under Plugins or with pluginEnable."
        )


class SettingInvalid(InvalidInput):
    """A value does not fit the plugin's setting that `field` names."""

    code = "SETTING_INVALID"


class PluginRefused(SkyhookError):
    """What is installed cannot be changed like this; everything is as it was before. The message says why."""

    code = "PLUGIN_REFUSED"
    status = 422


class PluginsBusy(SkyhookError):
    """What is installed is being changed by somebody else just now."""

    code = "PLUGINS_BUSY"
    status = 409
    retryable = True
