"""Which addresses a browser may connect to: a page must not reach what only the server reaches."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from skyhook.function import may_connect


def is_allowed(text: str, *, allow_private: bool) -> bool:
    """Whether an address is an ordinary host of the Internet, or a private one where these are allowed."""
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return may_connect(address.ipv4_mapped, allow_private=allow_private)
    return may_connect(address, allow_private=allow_private)
