"""Which addresses a browser may connect to: a page must not reach what only the server reaches."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

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
"""What an operator may allow. Link-local addresses, where clouds keep their metadata, stay refused."""
_CARRIES_IPV4 = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16")))
"""NAT64, Teredo and 6to4: an IPv4 address inside an IPv6 one would pass by the check of the former."""


def is_allowed(text: str, *, allow_private: bool) -> bool:
    """Whether an address is an ordinary host of the Internet, or a private one where these are allowed."""
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if allow_private and any(address in network for network in _PRIVATE):
        return True
    return _is_ordinary(address)


def _is_ordinary(address: IPv4Address | IPv6Address) -> bool:
    if any(address in network for network in _CARRIES_IPV4):
        return False
    return address.is_global and not address.is_multicast
