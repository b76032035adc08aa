"""No webhook reaches an address that is not an ordinary host's, whatever its URL or its DNS says."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.webhooks.conftest import Office, receiving

from skyhook.database import Database
from skyhook.network import is_global
from skyhook.webhooks.addresses import Addresses, NameNotResolved
from skyhook.webhooks.errors import WebhookAddressRefused
from skyhook.webhooks.models import WebhookAttempt, WebhookEndpoint
from skyhook.webhooks.sending import AttemptError
from skyhook.webhooks.service import Webhooks

GLOBAL = "93.184.216.34"
INSIDE = [
    "127.0.0.1", "10.1.2.3", "172.31.255.255", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
    "192.0.0.8", "198.19.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.88.99.1",
    "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
    "::7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1",
    "100::1", "5f00::1", "fec0::1",
]  # fmt: skip


class Dns:
    """What the operating system answers, one answer after the other and the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    def set(self, host: str, *answers: list[str]) -> None:
        self.answers[host] = list(answers)

    def getaddrinfo(self, host: Any, port: Any, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        answers = self.answers.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in found
        ]


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Dns:
    dns = Dns()
    monkeypatch.setattr(socket, "getaddrinfo", dns.getaddrinfo)
    return dns


@pytest.fixture
def addresses() -> Iterator[Addresses]:
    addresses = Addresses(allow_private=False)
    yield addresses
    addresses.close()


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_not_global(address: str) -> None:
    assert not is_global(ip_address(address))


@pytest.mark.parametrize("address", [GLOBAL, "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"])
def test_an_ordinary_host_is_global(address: str) -> None:
    assert is_global(ip_address(address))


@given(st.ip_addresses(v=4))
def test_nothing_that_python_calls_private_passes(address: IPv4Address) -> None:
    if is_global(address):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved


@given(st.ip_addresses(v=6))
def test_nothing_that_python_calls_private_passes_in_ipv6_either(address: IPv6Address) -> None:
    if is_global(address):
        assert address.is_global
        assert not address.is_multicast
        assert address.ipv4_mapped is address.sixtofour is address.teredo is None


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "64:ff9b::", "::"]))
def test_no_ipv4_address_passes_inside_an_ipv6_one(address: IPv4Address, prefix: str) -> None:
    assert not is_global(IPv6Address(int(IPv6Address(prefix)) + int(address)))


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://0x7f000001/", "https://127.1/", "https://2130706433/", "https://0177.0.0.1/",
        "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://localhost/",
        "https://127。0。0。1/", "https://10.0.0.1:8443/", "https://169.254.169.254/latest/meta-data/",
        "https://[fe80::1%25lo]/", "https://0/", "https://[64:ff9b::7f00:1]/",
    ],
)  # fmt: skip
async def test_no_notation_of_an_inner_address_passes(addresses: Addresses, url: str) -> None:
    with pytest.raises(WebhookAddressRefused):
        await addresses.check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "//example.com", "example.com", "",
        "https://", "https:///path", "https://user:password@example.com/", "https://user@example.com/",
        "https://example.com/#here", "https://example.com:port/", "https://exa mple.com/", "https://ex%61mple.com/",
        "https://a\n.example.com/", "https://" + "a" * 2000 + ".com/", "https://example.com\\@127.0.0.1/",
        "https://" + "a" * 64 + ".com/", "https://a..b/", "https://.example.com/", "https://１２７.0.0.1/",
    ],
)  # fmt: skip
async def test_what_is_no_plain_https_url_is_refused(addresses: Addresses, url: str) -> None:
    with pytest.raises(WebhookAddressRefused) as refused:
        await addresses.check(url)
    assert refused.value.field == "url"


@given(st.text(max_size=60), st.booleans())
def test_any_text_is_a_url_or_a_typed_error(text: str, with_scheme: bool) -> None:
    addresses = Addresses(allow_private=False)
    try:
        url = addresses.parse(f"https://{text}" if with_scheme else text)
    except WebhookAddressRefused:
        return
    assert url.scheme == "https"
    assert not url.userinfo
    assert addresses.parse(str(url)) == url


async def test_a_name_with_one_inner_address_among_others_is_refused(addresses: Addresses, dns: Dns) -> None:
    dns.set("mixed.example.com", [GLOBAL, "10.0.0.1"])
    with pytest.raises(WebhookAddressRefused, match="SKYHOOK_WEBHOOKS_ALLOW_PRIVATE"):
        await addresses.check("https://mixed.example.com/")


async def test_a_name_without_an_address_is_refused_with_its_own_reason(
    addresses: Addresses, dns: Dns
) -> None:
    with pytest.raises(WebhookAddressRefused, match="cannot be resolved"):
        await addresses.check("https://missing.example.com/")
    with pytest.raises(NameNotResolved):
        await addresses.resolve(httpx2.URL("https://missing.example.com/"))


@given(st.ip_addresses())
def test_an_operator_can_allow_private_networks_but_never_link_local_ones(
    address: IPv4Address | IPv6Address,
) -> None:
    addresses = Addresses(allow_private=True)
    if addresses.allows(address) and not is_global(address):
        assert address.is_private or address in ip_network("100.64.0.0/10")
        assert not address.is_link_local
    assert not addresses.allows(ip_address("169.254.169.254"))
    assert addresses.allows(ip_address("127.0.0.1"))


@pytest.fixture
async def strict(database: Database, office: Office) -> Office:
    """The same office on an instance that allows the Internet only."""
    office.webhooks = Webhooks(database, b"s" * 32, timeout_s=1, clock=office.clock)
    return office


async def test_a_name_that_leads_inside_later_is_refused_at_the_attempt(strict: Office, dns: Dns) -> None:
    async with receiving() as receiver:
        dns.set("hook.example.com", [GLOBAL], ["127.0.0.1"])
        await strict.endpoint(f"https://hook.example.com:{receiver.port}/")
        await strict.publish()
        await strict.deliver()
    assert receiver.received == []
    assert (await strict.one(WebhookAttempt)).error_code == AttemptError.ADDRESS_REFUSED


async def test_the_address_that_was_checked_is_the_one_that_is_connected_to(office: Office, dns: Dns) -> None:
    async with receiving() as receiver:
        # The second look at the name, if there were one, would lead elsewhere.
        dns.set("hook.example.com", ["127.0.0.1"], ["127.0.0.1"], ["169.254.169.254"])
        await office.endpoint(f"http://hook.example.com:{receiver.port}/")
        await office.publish()
        await office.deliver()
        assert receiver.received[0].headers["host"] == f"hook.example.com:{receiver.port}"
    assert dns.asked == ["hook.example.com"] * 2


async def test_a_name_that_is_gone_fails_the_attempt(office: Office, dns: Dns) -> None:
    dns.set("hook.example.com", [GLOBAL])
    await office.endpoint("https://hook.example.com/")
    del dns.answers["hook.example.com"]
    await office.publish()
    await office.deliver()
    assert (await office.one(WebhookAttempt)).error_code == AttemptError.NAME_NOT_RESOLVED


async def test_where_one_of_a_hosts_addresses_does_not_answer_the_next_one_is_tried(
    office: Office, dns: Dns
) -> None:
    async with receiving() as receiver:
        dns.set("hook.example.com", ["::1", "127.0.0.1"])
        await office.endpoint(f"http://hook.example.com:{receiver.port}/")
        await office.publish()
        await office.deliver()
    assert (await office.one(WebhookAttempt)).error_code is None


async def test_a_refused_endpoint_is_not_stored(strict: Office) -> None:
    with pytest.raises(WebhookAddressRefused):
        await strict.endpoint("https://localhost/")
    assert await strict.all(WebhookEndpoint) == []
