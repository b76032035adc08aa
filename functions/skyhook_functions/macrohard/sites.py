"""The sites that a task may open: `example.com`, `*.example.com`, or `example.com:8080`.

A site without a port stands for the ports of http and https, 80 and 443. `*.` stands for any number of names
before the domain, and for the domain itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_SITE = re.compile(
    r"(?P<any>\*\.)?(?P<host>[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?"
)


class NotASite(ValueError):
    """The text names no site."""


@dataclass(frozen=True, slots=True)
class Site:
    """One entry of an allow-list."""

    host: str
    """In lower case, an IPv6 address without its brackets."""
    with_names_below: bool
    ports: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Site:
        """Raises NotASite."""
        found = _SITE.fullmatch(text.strip().lower())
        if found is None:
            raise NotASite(f"{text!r} is no site: write example.com, *.example.com or example.com:8080.")
        port = found["port"]
        if port is not None and not 1 <= int(port) <= 65535:
            raise NotASite(f"{text!r} has a port that does not exist.")
        ports = frozenset({int(port)} if port else {80, 443})
        return cls(found["host"].strip("[]"), found["any"] is not None, ports)

    def has(self, host: str, port: int) -> bool:
        """Whether a host and port belong to it."""
        named = host == self.host or (self.with_names_below and host.endswith(f".{self.host}"))
        return named and port in self.ports


@dataclass(frozen=True, slots=True)
class Sites:
    """An allow-list."""

    sites: tuple[Site, ...]

    @classmethod
    def parse(cls, texts: list[str]) -> Sites:
        """Raises NotASite."""
        return cls(tuple(Site.parse(text) for text in texts))

    def has(self, host: str, port: int) -> bool:
        """Whether a host and port are on the list."""
        host = host.lower().rstrip(".")
        return any(site.has(host, port) for site in self.sites)

    def allows(self, url: str) -> bool:
        """Whether a URL may be opened; of schemes only http, https and those of WebSockets."""
        place = place_of(url)
        return place is not None and self.has(*place)


def place_of(url: str) -> tuple[str, int] | None:
    """Host and port of a URL; None where it has no host, a broken one, or another scheme."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in PORTS or not parts.hostname:
        return None
    return parts.hostname, port or PORTS[parts.scheme]
