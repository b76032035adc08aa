"""Media types are told from the content, and no claim gets past it."""

from __future__ import annotations

import pytest

from skyhook.artifacts.errors import ArtifactTypeMismatch
from skyhook.artifacts.media import TextCheck, is_shown, settle
from skyhook.errors import InvalidInput

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
ZIP = b"PK\x03\x04" + bytes(20)
WAV = b"RIFF\x24\0\0\0WAVEfmt " + bytes(20)
MP4 = b"\0\0\0\x20ftypisom" + bytes(20)


def told(content: bytes, claimed: str | None = None) -> str:
    check = TextCheck()
    for start in range(0, len(content), 7):
        check.feed(content[start : start + 7])
    return settle(claimed, content, is_text=check.holds())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PNG, "image/png"),
        (WAV, "audio/wav"),
        (MP4, "video/mp4"),
        (b"\xff\xfe\x00\x01", "application/octet-stream"),
        ("Grüße, 日本".encode(), "text/plain"),
        ("Grüße".encode("latin-1"), "application/octet-stream"),
        (b"text with a \0", "application/octet-stream"),
        (b"BMW and MZ and ID3 are words", "text/plain"),
        (b"MZ", "text/plain"),
        (b"%PDF-1.7 all of it text", "application/pdf"),
        (b' {"a": 1}', "application/json"),
        (b"[1, 2]", "application/json"),
        (b"[]", "application/json"),
        (b"[section]\nkey = 1", "text/plain"),
        (b"{braces}", "text/plain"),
        (b"<!doctype html><script>", "text/plain"),
    ],
)
def test_what_nobody_says_is_told_from_the_content(content: bytes, expected: str) -> None:
    assert told(content) == expected


@pytest.mark.parametrize(
    ("content", "claimed", "expected"),
    [
        (PNG, "image/png", "image/png"),
        (PNG, "IMAGE/PNG; x=1", "image/png"),
        (PNG, "application/octet-stream", "image/png"),
        (WAV, "audio/x-wav", "audio/wav"),
        (MP4, "video/quicktime", "video/quicktime"),
        (ZIP, "application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
        (b"# Title", "text/markdown", "text/markdown"),
        (b"<html>", "text/html", "text/html"),
        (b"\x00\x01", "application/vnd.example", "application/vnd.example"),
        (b"BM is no bitmap", "text/plain", "text/plain"),
    ],
)
def test_a_claim_that_agrees_is_kept(content: bytes, claimed: str, expected: str) -> None:
    assert told(content, claimed) == expected


@pytest.mark.parametrize(
    ("content", "claimed"),
    [
        (PNG, "image/jpeg"),
        (PNG, "text/html"),
        (PNG, "application/vnd.example"),
        (ZIP, "image/png"),
        (ZIP, "application/pdf"),
        (b"plain text", "image/png"),
        (b"plain text", "video/mp4"),
        (b"\xff\xfe\x00", "text/plain"),
        (b"\xff\xfe\x00", "application/json"),
        (b"\xff\xfe\x00", "image/svg+xml"),
    ],
)
def test_a_claim_that_the_content_contradicts_is_refused(content: bytes, claimed: str) -> None:
    with pytest.raises(ArtifactTypeMismatch):
        told(content, claimed)


@pytest.mark.parametrize(
    "claimed", ["png", "image/", "/png", "image/p ng", "image/png\r\nX: y", "a" * 99 + "/b"]
)
def test_what_is_no_media_type_is_refused(claimed: str) -> None:
    with pytest.raises(InvalidInput):
        told(PNG, claimed)


def test_only_what_cannot_carry_a_script_is_shown() -> None:
    assert all(map(is_shown, ("image/png", "video/mp4", "audio/wav", "text/plain")))
    hidden = (
        "text/html",
        "image/svg+xml",
        "application/pdf",
        "application/xhtml+xml",
        "text/xml",
        "text/css",
    )
    assert not any(map(is_shown, hidden))
