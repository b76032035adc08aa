"""What the plugin refuses by itself; what its functions and asked operations refuse comes through."""

from skyhook.plugin import SkyhookError


class CompletionModelNeeded(SkyhookError):
    """The request names no model, and the server brings none that completes code."""

    code = "COMPLETION_MODEL_NEEDED"
