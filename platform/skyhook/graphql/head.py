"""What a request's head says, of HTTP and of a WebSocket's handshake alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from skyhook.clock import new_id

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}\Z")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?\Z|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?\Z")


@dataclass(frozen=True, slots=True)
class Head:
    """The parts of a request's head that matter here."""

    method: str
    accept: str | None
    content_type: str
    content_length: int
    authorization: str | None
    cookie: str
    organization: str | None
    """For which organization a page of this server asks, in the name of who is logged in there."""
    is_of_own_page: bool
    """Whether a browser says that a page of this server opens this; programs that are no browser do not."""
    idempotency_key: str | None
    request_id: str
    client_address: str
    origin: str
    """Where the client reached the server, such as `https://api.example.com`."""

    @classmethod
    def of(cls, scope: Any) -> Head:
        """Reads the head of an HTTP request or of a WebSocket's handshake."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        length = headers.get(b"content-length", "")
        given_id = headers.get(b"x-request-id", "")
        client = scope.get("client")
        return cls(
            method=scope.get("method", "GET"),
            accept=headers.get(b"accept"),
            content_type=headers.get(b"content-type", ""),
            content_length=int(length) if length.isdecimal() else 0,
            authorization=headers.get(b"authorization"),
            cookie=headers.get(b"cookie", ""),
            organization=_organization(headers),
            is_of_own_page=_is_of_own_page(headers),
            idempotency_key=headers.get(b"idempotency-key"),
            request_id=given_id if _REQUEST_ID.match(given_id) else new_id().hex,
            client_address=client[0] if client else "",
            origin=_origin(scope["scheme"], headers.get(b"host", "")),
        )

    @property
    def is_of_session(self) -> bool:
        """Whether it is asked in the name of who is logged in, not with a key."""
        return self.authorization is None and self.organization is not None


def _organization(headers: dict[bytes, str]) -> str | None:
    # No page of another site can send this header: its browser asks first, and nobody allows it here.
    if headers.get(b"sec-fetch-site", "same-origin") != "same-origin":
        return None
    return headers.get(b"skyhook-organization")


def _is_of_own_page(headers: dict[bytes, str]) -> bool:
    # A WebSocket of any site carries this server's cookies, but its browser says whose page opened it.
    page, host = urlsplit(headers.get(b"origin", "")).netloc, headers.get(b"host")
    return page == host and headers.get(b"sec-fetch-site", "same-origin") == "same-origin"


def _origin(scheme: str, host: str) -> str:
    secure = scheme in ("https", "wss")
    return f"{'https' if secure else 'http'}://{host}" if _HOST.match(host) else ""
