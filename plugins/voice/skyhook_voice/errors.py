"""What the plugin refuses by itself; what its functions refuse comes through with their codes."""

from __future__ import annotations

from skyhook.plugin import SkyhookError


class NotSound(SkyhookError):
    """The artifact is no sound."""

    code = "ARTIFACT_NOT_SOUND"


class EventInvalid(SkyhookError):
    """A client's event of a live session cannot be read, or does not fit where the session stands."""

    code = "REALTIME_EVENT_INVALID"


class NotUnderstood(SkyhookError):
    """What was said in a live session is none of the recognizer's commands."""

    code = "SPEECH_NOT_UNDERSTOOD"


class SessionEnded(SkyhookError):
    """A live session was as long, or as long without a message, as it may be."""

    code = "REALTIME_SESSION_ENDED"
