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
from ipaddress import ip_address

import httpx2

from skyhook.network import Address, may_connect
from skyhook.webhooks.errors import WebhookAddressRefused

LONGEST_URL = 2000
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_RESOLVING = 32
"""Names that are resolved at once; one that hangs keeps a thread beyond its attempt."""


class NameNotResolved(Exception):
    """The URL's host has no address now."""


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
        return may_connect(address, allow_private=self._allow_private)


def _refused(message: str) -> WebhookAddressRefused:
    return WebhookAddressRefused(message, field="url")
