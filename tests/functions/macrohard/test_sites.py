"""Which sites an allow-list has, and which addresses a browser may reach."""

from __future__ import annotations

import pytest

from skyhook_functions.macrohard.addresses import is_allowed
from skyhook_functions.macrohard.sites import NotASite, Sites


@pytest.mark.parametrize(
    ("site", "url", "is_on"),
    [
        ("example.com", "https://example.com/a", True),
        ("example.com", "http://EXAMPLE.com./", True),
        ("example.com", "wss://example.com/live", True),
        ("example.com", "https://www.example.com/", False),
        ("example.com", "https://example.com.evil.org/", False),
        ("example.com", "https://example.com@evil.org/", False),
        ("example.com", "https://notexample.com/", False),
        ("example.com", "https://example.com:8443/", False),
        ("example.com:8443", "https://example.com:8443/", True),
        ("example.com:8443", "https://example.com/", False),
        ("*.example.com", "https://a.b.example.com/", True),
        ("*.example.com", "https://example.com/", True),
        ("*.example.com", "https://badexample.com/", False),
        ("[::1]:80", "http://[::1]/", True),
        ("example.com", "file://example.com/etc/passwd", False),
        ("example.com", "chrome://version", False),
        ("example.com", "http://[broken", False),
    ],
)
def test_a_list_has_its_sites_and_no_others(site: str, url: str, is_on: bool) -> None:
    assert Sites.parse([site]).allows(url) is is_on


@pytest.mark.parametrize("text", ["", "*", "https://example.com", "exa mple.com", "example.com:0", "*.*.com"])
def test_what_names_no_site_is_refused(text: str) -> None:
    with pytest.raises(NotASite):
        Sites.parse([text])


@pytest.mark.parametrize(
    ("address", "by_default", "where_allowed"),
    [
        ("93.184.216.34", True, True),
        ("2606:4700::1111", True, True),
        ("127.0.0.1", False, True),
        ("10.1.2.3", False, True),
        ("::1", False, True),
        ("::ffff:127.0.0.1", False, True),
        ("fd00::1", False, True),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1", False, False),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("2002:a9fe:a9fe::", False, False),
    ],
)
def test_private_addresses_are_refused(address: str, by_default: bool, where_allowed: bool) -> None:
    assert is_allowed(address, allow_private=False) is by_default
    assert is_allowed(address, allow_private=True) is where_allowed
