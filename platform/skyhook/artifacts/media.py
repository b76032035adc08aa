"""Media types: what a content is by its first bytes, and what may be shown in a browser."""

from __future__ import annotations

import codecs
import re

import filetype

from skyhook.artifacts.errors import ArtifactTypeMismatch
from skyhook.errors import InvalidInput

HEAD_BYTES = 8192
"""Of a content, to tell its type by."""
UNKNOWN = "application/octet-stream"
TEXT = "text/plain"
JSON = "application/json"

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")
_SAME = (
    {"audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"},
    {"audio/mpeg", "audio/mp3"},
    {"audio/mp4", "audio/m4a", "audio/x-m4a", "video/mp4", "video/quicktime", "video/x-m4v"},
    {"audio/ogg", "video/ogg", "application/ogg"},
    {"audio/webm", "video/webm", "video/x-matroska"},
    {"audio/aac", "audio/x-aac"},
    {"audio/flac", "audio/x-flac"},
    {"audio/aiff", "audio/x-aiff"},
    {"audio/midi", "audio/x-midi"},
    {"video/avi", "video/x-msvideo"},
    {"application/gzip", "application/x-gzip"},
    {"image/x-icon", "image/vnd.microsoft.icon"},
    {"font/woff", "application/font-woff"},
    {"font/woff2", "application/font-woff2"},
)
"""Types whose content begins alike, or has several names."""
_CANONICAL = {
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "audio/mp3": "audio/mpeg",
}
_CONTAINERS = {"application/zip", "application/gzip", "application/x-gzip"}
"""Formats of many types, such as a document that is a zip archive: any `application/` type may be said."""
_TEXTUAL = {"application/pdf", "application/rtf", "application/postscript"}
"""Formats that may be text from beginning to end; any other that is found in a text is a coincidence."""
_JSON_BEGINNING = re.compile(rb'\s*(?:\{\s*["}]|\[\s*(?:[\[\]{"0-9-]|true\b|false\b|null\b))')
_SHOWN = {"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "image/apng", "image/bmp"}


def settle(claimed: str | None, head: bytes, *, is_text: bool) -> str:
    """The media type of a content that begins with `head`; `is_text` says that all of it is UTF-8.

    Raises InvalidInput for a claim that is no media type, and ArtifactTypeMismatch for one that the
    content contradicts.
    """
    found = _sniffed(head, is_text=is_text)
    if claimed is None:
        return found or _textual(head, is_text)
    wanted = claimed.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(wanted):
        raise InvalidInput(f"{claimed!r} is not a media type, such as image/png.", field="mediaType")
    wanted = _CANONICAL.get(wanted, wanted)
    if wanted == UNKNOWN:
        return found or UNKNOWN
    if not _agrees(wanted, found, is_text=is_text):
        raise ArtifactTypeMismatch(
            f"The content is {found or _textual(head, is_text)}, not {wanted}: leave the media type out, "
            "or send the right one.",
            field="mediaType",
        )
    return wanted


def is_shown(media_type: str) -> bool:
    """Whether a browser may show it in place: never what can carry a script, such as HTML or SVG."""
    return media_type in _SHOWN or media_type == TEXT or media_type.startswith(("audio/", "video/"))


class TextCheck:
    """Whether bytes that come in parts are UTF-8 text without NUL, all together."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._holds = True

    def feed(self, part: bytes) -> None:
        """Looks at the next part."""
        if self._holds:
            self._decode(part, final=False)

    def holds(self) -> bool:
        """Whether all that was fed is text; the last question."""
        if self._holds:
            self._decode(b"", final=True)
        return self._holds

    def _decode(self, part: bytes, *, final: bool) -> None:
        try:
            self._holds = "\0" not in self._decoder.decode(part, final)
        except UnicodeDecodeError:
            self._holds = False


def _sniffed(head: bytes, *, is_text: bool) -> str | None:
    kind = filetype.guess(head)
    if kind is None or (is_text and kind.mime not in _TEXTUAL):
        return None
    mime: str = kind.mime
    return _CANONICAL.get(mime, mime)


def _textual(head: bytes, is_text: bool) -> str:
    if not is_text:
        return UNKNOWN
    return JSON if _JSON_BEGINNING.match(head) else TEXT


def _agrees(wanted: str, found: str | None, *, is_text: bool) -> bool:
    if found is None:
        # A type that is told by its first bytes was not found there; of the others only text can be checked.
        return wanted not in _known() and (is_text or not _is_text_type(wanted))
    if wanted == found or any({wanted, found} <= same for same in _SAME):
        return True
    if found not in _CONTAINERS or not wanted.startswith("application/"):
        return False
    return wanted.startswith("application/vnd.") or wanted not in _known()


def _known() -> set[str]:
    return {_CANONICAL.get(kind.mime, kind.mime) for kind in filetype.types}


def _is_text_type(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type.endswith(("/json", "+json", "/xml", "+xml"))
