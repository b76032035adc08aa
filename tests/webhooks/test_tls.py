"""Certificates are verified for the endpoint's name, although the connection goes to an address."""

from __future__ import annotations

import ssl
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.webhooks.conftest import Office, receiving
from tests.webhooks.test_addresses import Dns

from skyhook.clock import now
from skyhook.webhooks.models import WebhookAttempt
from skyhook.webhooks.sending import AttemptError

NAME = "hook.example.com"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's certificate for `NAME` and 127.0.0.1 by an authority that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test")])
    names = x509.SubjectAlternativeName([x509.DNSName(NAME), x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        signed.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> Dns:
    dns = Dns()
    monkeypatch.setattr("socket.getaddrinfo", dns.getaddrinfo)
    return dns


async def deliver(office: Office, certificate: ssl.SSLContext, host: str) -> str | None:
    """The error of an attempt at `https://host`; what the server was named, as `asked`."""
    async with receiving(tls=certificate) as receiver:
        await office.endpoint(f"https://{host}:{receiver.port}/")
        await office.publish()
        await office.deliver()
        attempt = await office.one(WebhookAttempt)
        assert bool(receiver.received) is (attempt.error_code is None)
        error: str | None = attempt.error_code
        return error


async def test_a_certificate_for_the_name_is_accepted(
    office: Office, certificate: ssl.SSLContext, dns: Dns
) -> None:
    named: list[str | None] = []
    certificate.sni_callback = lambda _socket, name, _context: named.append(name)
    dns.set(NAME, ["127.0.0.1"])
    assert await deliver(office, certificate, NAME) is None
    assert named == [NAME]


async def test_a_certificate_for_the_address_alone_is_not_enough(
    office: Office, certificate: ssl.SSLContext, dns: Dns
) -> None:
    dns.set("other.example.com", ["127.0.0.1"])
    assert await deliver(office, certificate, "other.example.com") == AttemptError.TLS_FAILED


async def test_an_address_as_host_is_verified_as_an_address(
    office: Office, certificate: ssl.SSLContext
) -> None:
    assert await deliver(office, certificate, "127.0.0.1") is None


async def test_an_authority_that_nobody_trusts_is_refused(
    office: Office, certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert await deliver(office, certificate, "127.0.0.1") == AttemptError.TLS_FAILED
