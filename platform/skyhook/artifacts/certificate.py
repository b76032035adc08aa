"""What provenance is signed with: the instance's own certificate, or the operator's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from skyhook.clock import now
from skyhook.configuration import write_once

FILE = "signer.pem"
_LIFETIME = timedelta(days=30 * 365)
"""No timestamp authority is asked, so a signature holds as long as its certificate."""
_ORGANIZATION = "Skyhook instance"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A key and the certificates that speak for it, all as PEM."""

    algorithm: str
    """As C2PA names it, such as `es256`."""
    key: bytes
    chain: bytes
    """The signer's certificate first."""
    anchor: bytes
    """The last certificate of the chain, which this instance trusts."""

    @classmethod
    def load(cls, certificate: Path, key: Path) -> Certificate:
        """Reads a chain and its key. Raises ValueError where they cannot be used."""
        try:
            chain = x509.load_pem_x509_certificates(certificate.read_bytes())
            private = load_pem_private_key(key.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as error:
            raise ValueError(f"the certificate or its key cannot be read: {error}") from error
        if chain[0].public_key() != private.public_key():
            raise ValueError("the key is not that of the first certificate")
        return cls(
            algorithm=_algorithm(private),
            key=private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            chain=b"".join(one.public_bytes(Encoding.PEM) for one in chain),
            anchor=chain[-1].public_bytes(Encoding.PEM),
        )

    @classmethod
    def of_instance(cls, folder: Path) -> Certificate:
        """The instance's own, made on first use with mode 600; of two processes one makes it."""
        path = folder / FILE
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_once(path, _new())
        return cls.load(path, path)


def _algorithm(key: PrivateKeyTypes) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in ("secp256r1", "secp384r1"):
        return "es256" if key.curve.name == "secp256r1" else "es384"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise ValueError("the key must be an elliptic-curve one: P-256, P-384 or Ed25519")


def _new() -> str:
    """A key with a certificate, and the one of the authority that signed it and nothing else ever.

    C2PA takes no certificate that signs itself; the authority's key is not kept.
    """
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name = _name("Skyhook certificate authority")
    authority = (
        _builder(authority_name, authority_name, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    signer = (
        _builder(_name("Skyhook"), authority_name, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    parts = [
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        signer.public_bytes(Encoding.PEM),
        authority.public_bytes(Encoding.PEM),
    ]
    return b"".join(parts).decode()


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    begin = now() - timedelta(days=1)  # for readers whose clock is behind
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
