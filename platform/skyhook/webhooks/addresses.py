"""Where webhooks may go: URLs and the addresses behind their names, so that none reaches a private network.

The address that was checked is the one that is connected to: a name that resolves differently a moment later
changes nothing.
"""

from __future__ import annotations

import asyncio
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

import httpx2

from skyhook.webhooks.errors import WebhookAddressRefused

Address: TypeAlias = IPv4Address | IPv6Address

LONGEST_URL = 2000
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_RESOLVING = 32
"""Names that are resolved at once; one that hangs keeps a thread beyond its attempt."""

# Of the registries of special-purpose addresses (RFC 6890 and later) all that is not an ordinary host,
# whatever this Python's `is_global` knows of them.
_SPECIAL_IPV4 = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local, with the metadata services of clouds
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",  # multicast, reserved, broadcast
        ),
    )
)
_ORDINARY_IPV6 = ip_network("2000::/3")
"""Outside lie loopback, link-local, unique-local, multicast, IPv4-mapped, and NAT64 (64:ff9b::/96)."""
_SPECIAL_IPV6 = tuple(
    map(
        ip_network,
        (
            "2001::/23",  # Teredo and others, which carry an IPv4 address inside
            "2001:db8::/32",
            "2002::/16",  # 6to4
            "3ffe::/16",
            "3fff::/20",
        ),
    )
)
_PRIVATE = tuple(
    map(
        ip_network,
        (
            "127.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "::1/128",
            "fc00::/7",
        ),
    )
)
"""What an operator may allow. Link-local addresses stay refused."""


class NameNotResolved(Exception):
    """The URL's host has no address now."""


def is_global(address: Address) -> bool:
    """Whether an address is an ordinary host of the Internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    return address in _ORDINARY_IPV6 and not any(address in network for network in _SPECIAL_IPV6)


class Addresses:
    """The rule of this instance, and the way to resolve names by it."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._threads = ThreadPoolExecutor(_RESOLVING, thread_name_prefix="webhook-names")

    def close(self) -> None:
        """Resolves nothing any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def parse(self, text: str) -> httpx2.URL:
        """The URL of an endpoint; whether its addresses are allowed is left to `resolve`.

        Raises WebhookAddressRefused.
        """
        try:
            url = httpx2.URL(text.strip())
        except httpx2.InvalidURL as error:
            raise _refused(f"This is not a URL: {error}.") from error
        if len(str(url)) > LONGEST_URL:
            raise _refused(f"The URL has more than {LONGEST_URL:,} characters: give a shorter one.")
        if url.scheme != "https" and not (self._allow_private and url.scheme == "http"):
            raise _refused("Webhooks go to https:// URLs only: give one.")
        if url.userinfo:
            raise _refused("The URL must not carry a name or a password: deliveries are signed instead.")
        if url.fragment:
            raise _refused("The URL must not have a #fragment: take it away.")
        if not _HOST.fullmatch(url.raw_host.decode()):
            raise _refused("The URL needs a host, such as https://example.com/hook.")
        return url

    async def resolve(self, url: httpx2.URL) -> list[Address]:
        """The addresses of the URL's host, each of them allowed.

        Raises WebhookAddressRefused where one is not, NameNotResolved where there is none.
        """
        host = url.raw_host.decode()
        look_up = partial(socket.getaddrinfo, host, 443, type=socket.SOCK_STREAM)
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, look_up)
        except (OSError, UnicodeError) as error:
            raise NameNotResolved(f"{host!r} cannot be resolved") from error
        addresses = list(dict.fromkeys(ip_address(where[0]) for *_, where in found))
        if not addresses:
            raise NameNotResolved(f"{host!r} has no address")
        if not all(self.allows(address) for address in addresses):
            raise _refused(
                f"{host!r} leads to a private or special-purpose address. Give a URL that is reachable from "
                "the Internet; an operator can allow private ones with SKYHOOK_WEBHOOKS_ALLOW_PRIVATE=true."
            )
        return addresses

    async def check(self, text: str) -> str:
        """The URL, normalized. Raises WebhookAddressRefused, also where its host cannot be resolved now."""
        url = self.parse(text)
        try:
            await self.resolve(url)
        except NameNotResolved as error:
            raise _refused(f"{error}: check its spelling, or its DNS records.") from error
        return str(url)

    def allows(self, address: Address) -> bool:
        """Whether webhooks may go to an address."""
        if is_global(address):
            return True
        return self._allow_private and any(address in network for network in _PRIVATE)


def _refused(message: str) -> WebhookAddressRefused:
    return WebhookAddressRefused(message, field="url")
