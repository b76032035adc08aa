"""Which addresses the server may connect to for somebody: none that only the server reaches."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

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


def may_connect(address: Address, *, allow_private: bool) -> bool:
    """Whether an address is an ordinary host of the Internet, or a private one where these are allowed."""
    return is_global(address) or (allow_private and any(address in network for network in _PRIVATE))


def is_global(address: Address) -> bool:
    """Whether an address is an ordinary host of the Internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_IPV4)
    return address in _ORDINARY_IPV6 and not any(address in network for network in _SPECIAL_IPV6)
