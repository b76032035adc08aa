"""Links to artifacts: addresses that hold for a while, signed with a key of this instance."""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

from skyhook.artifacts.errors import ArtifactLinkExpired, ArtifactLinkInvalid

PATH = "/artifacts"


class Links:
    """Signs links and checks them."""

    def __init__(self, secret: bytes, public_url: str) -> None:
        """`secret` is the instance's; `public_url` goes before each path."""
        self._key = hmac.digest(secret, b"skyhook artifact links", hashlib.sha256)
        self._public_url = public_url

    def sign(self, artifact_id: UUID, name: str, expires_in: timedelta) -> str:
        """The link to an artifact, good from now for `expires_in`."""
        expires = int(time.time() + expires_in.total_seconds())
        signature = self._signature(artifact_id, name, str(expires))
        path = f"{PATH}/{artifact_id}/{quote(name, safe='')}"
        return f"{self._public_url}{path}?expires={expires}&signature={signature}"

    def check(self, artifact_id: UUID, name: str, expires: str, signature: str) -> None:
        """Raises ArtifactLinkInvalid, or ArtifactLinkExpired for a link that was good once."""
        expected = self._signature(artifact_id, name, expires)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise ArtifactLinkInvalid("This link was changed or cut off: ask for the artifact's `url` again.")
        if int(expires) <= time.time():
            raise ArtifactLinkExpired("This link has expired: ask for the artifact's `url` again.")

    def _signature(self, artifact_id: UUID, name: str, expires: str) -> str:
        message = f"{artifact_id}\n{expires}\n{name}".encode("utf-8", "replace")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()
