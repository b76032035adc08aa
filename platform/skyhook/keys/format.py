"""The format of a key: `sk_live_<id>_<secret><checksum>`.

The prefix and the checksum let a scanner find a leaked key without asking anybody, and let a mistyped
key be told from an unknown one. id: 12, secret: 43 (256 bits), checksum: 6 characters of base 62; the
checksum is the CRC-32 of everything before it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass

from skyhook.keys.errors import KeyInvalid

PREFIX = "sk_live_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PATTERN = re.compile(r"sk_live_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at its birth, the only time that its text is known."""

    public_id: str
    text: str


def generate() -> NewKey:
    """A new random key."""
    public_id = _random(12)
    body = f"{PREFIX}{public_id}_{_random(43)}"
    return NewKey(public_id, body + checksum(body))


def public_id(text: str) -> str:
    """The id inside a key's text. Raises KeyInvalid for what cannot be a key."""
    match = PATTERN.fullmatch(text)
    if match is None:
        raise KeyInvalid("This is not a Skyhook key: keys begin with sk_live_ and have 70 characters.")
    if not hmac.compare_digest(checksum(text[:-6]), match[3]):
        raise KeyInvalid("The key is mistyped or cut off: its checksum is wrong. Copy it again.")
    return match[1]


def checksum(body: str) -> str:
    """Six characters of base 62 from the CRC-32 of `body`."""
    number = zlib.crc32(body.encode())
    digits = []
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def hash_key(secret: bytes, text: str) -> bytes:
    """The keyed hash that is stored: a 256-bit random secret needs no slow hash."""
    return hmac.digest(secret, text.encode(), hashlib.sha256)


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
