"""What the environment says: where data lies, which database, which port."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Configuration:
    """The platform's configuration, read once from the environment at start."""

    data: Path
    """The data folder (`SKYHOOK_DATA`, default `.skyhook/`)."""
    port: int
    """The server's port (`SKYHOOK_PORT`, default 8000)."""
    host: str
    """The address the server listens on (`SKYHOOK_HOST`, default 127.0.0.1)."""
    database_url: str
    """An SQLAlchemy URL (`SKYHOOK_DATABASE_URL`, default SQLite in the data folder)."""
    compute: Literal["local", "modal"] = "local"
    """Where functions run (`SKYHOOK_COMPUTE`): in processes of this machine, or on Modal."""
    functions: Path | None = None
    """The operator's settings of functions on Modal (`SKYHOOK_FUNCTIONS`); none for the data folder's
    `functions.toml`, which need not be there."""
    public_url: str | None = None
    """Where callers reach the server (`SKYHOOK_PUBLIC_URL`), without a slash at its end."""
    artifacts_url: str | None = None
    """An S3-compatible store (`SKYHOOK_ARTIFACTS_URL`); none for the data folder's `artifacts/`."""
    artifact_max_mib: int = 512
    """The most that one artifact may have (`SKYHOOK_ARTIFACT_MAX_MIB`)."""
    artifacts_max_gib: int = 20
    """The most that an organization's artifacts may have together (`SKYHOOK_ARTIFACTS_MAX_GIB`)."""
    provenance_certificate: Path | None = None
    """The operator's certificate chain (`SKYHOOK_PROVENANCE_CERTIFICATE`); none for the instance's own."""
    provenance_key: Path | None = None
    """Its key (`SKYHOOK_PROVENANCE_KEY`)."""
    jobs_at_once: int = 4
    """How many jobs this server runs at once (`SKYHOOK_JOBS_AT_ONCE`)."""
    jobs_per_organization: int = 2
    """How many of them, on all servers, are one organization's (`SKYHOOK_JOBS_PER_ORGANIZATION`)."""
    webhooks_allow_private: bool = False
    """Whether webhooks may use http and private networks (`SKYHOOK_WEBHOOKS_ALLOW_PRIVATE`, default no)."""
    smtp_url: str | None = None
    """Where mail goes (`SKYHOOK_SMTP_URL`); none for the data folder's `mail/`."""
    mail_from: str = "skyhook@localhost"
    """Who mail is from (`SKYHOOK_MAIL_FROM`)."""
    signup_is_open: bool = False
    """Whether anybody may make an account (`SKYHOOK_SIGNUP`: `open`, or `closed`, the default)."""
    stripe_secret_key: str | None = None
    """Stripe's secret key (`STRIPE_SECRET_KEY`); none where no cards are taken."""
    stripe_webhook_secret: str | None = None
    """The secret of the webhook endpoint at Stripe (`STRIPE_WEBHOOK_SECRET`); none believes no webhook."""
    stripe_meters: bool = False
    """Whether usage is reported to Stripe's Billing meters (`SKYHOOK_STRIPE_METERS`: `on`, or `off`)."""
    stripe_url: str | None = None
    """Where Stripe's API is (`STRIPE_API_URL`); none for Stripe itself, else a stand-in."""
    stripe_tax: bool = False
    """Whether Stripe Tax adds tax to payments (`SKYHOOK_STRIPE_TAX`: `on`, or `off`, the default)."""
    seller_name: str = "Skyhook"
    """Who bills (`SKYHOOK_SELLER_NAME`)."""
    seller_address: tuple[str, ...] = ()
    """The seller's address (`SKYHOOK_SELLER_ADDRESS`), its lines with semicolons between them."""
    seller_tax_id: str | None = None
    """The seller's tax id (`SKYHOOK_SELLER_TAX_ID`)."""

    @classmethod
    def from_environment(cls) -> Configuration:
        """Reads `SKYHOOK_*`; raises ValueError with the variable's name where one is malformed."""
        data = Path(os.environ.get("SKYHOOK_DATA") or ".skyhook").absolute()
        port = os.environ.get("SKYHOOK_PORT") or "8000"
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(f"SKYHOOK_PORT must be a number from 1 to 65535, not {port!r}")
        url = os.environ.get("SKYHOOK_DATABASE_URL") or f"sqlite:///{data / 'skyhook.db'}"
        allow_private = os.environ.get("SKYHOOK_WEBHOOKS_ALLOW_PRIVATE") or "false"
        if allow_private not in ("true", "false"):
            raise ValueError(f"SKYHOOK_WEBHOOKS_ALLOW_PRIVATE must be true or false, not {allow_private!r}")
        signup = os.environ.get("SKYHOOK_SIGNUP") or "closed"
        if signup not in ("open", "closed"):
            raise ValueError(f"SKYHOOK_SIGNUP must be open or closed, not {signup!r}")
        meters = os.environ.get("SKYHOOK_STRIPE_METERS") or "off"
        if meters not in ("on", "off"):
            raise ValueError(f"SKYHOOK_STRIPE_METERS must be on or off, not {meters!r}")
        tax = os.environ.get("SKYHOOK_STRIPE_TAX") or "off"
        if tax not in ("on", "off"):
            raise ValueError(f"SKYHOOK_STRIPE_TAX must be on or off, not {tax!r}")
        compute = os.environ.get("SKYHOOK_COMPUTE") or "local"
        if compute not in ("local", "modal"):
            raise ValueError(f"SKYHOOK_COMPUTE must be local or modal, not {compute!r}")
        return cls(
            data=data,
            port=int(port),
            host=os.environ.get("SKYHOOK_HOST") or "127.0.0.1",
            database_url=url,
            compute=cast(Literal["local", "modal"], compute),
            functions=_path(os.environ.get("SKYHOOK_FUNCTIONS")),
            public_url=_public_url(os.environ.get("SKYHOOK_PUBLIC_URL")),
            artifacts_url=os.environ.get("SKYHOOK_ARTIFACTS_URL") or None,
            artifact_max_mib=_positive(
                "SKYHOOK_ARTIFACT_MAX_MIB", os.environ.get("SKYHOOK_ARTIFACT_MAX_MIB"), 512
            ),
            artifacts_max_gib=_positive(
                "SKYHOOK_ARTIFACTS_MAX_GIB", os.environ.get("SKYHOOK_ARTIFACTS_MAX_GIB"), 20
            ),
            provenance_certificate=_path(os.environ.get("SKYHOOK_PROVENANCE_CERTIFICATE")),
            provenance_key=_path(os.environ.get("SKYHOOK_PROVENANCE_KEY")),
            jobs_at_once=_positive("SKYHOOK_JOBS_AT_ONCE", os.environ.get("SKYHOOK_JOBS_AT_ONCE"), 4),
            jobs_per_organization=_positive(
                "SKYHOOK_JOBS_PER_ORGANIZATION", os.environ.get("SKYHOOK_JOBS_PER_ORGANIZATION"), 2
            ),
            webhooks_allow_private=allow_private == "true",
            smtp_url=_smtp_url(os.environ.get("SKYHOOK_SMTP_URL")),
            mail_from=os.environ.get("SKYHOOK_MAIL_FROM") or "skyhook@localhost",
            signup_is_open=signup == "open",
            stripe_secret_key=_stripe_key(os.environ.get("STRIPE_SECRET_KEY")),
            stripe_webhook_secret=os.environ.get("STRIPE_WEBHOOK_SECRET") or None,
            stripe_meters=meters == "on",
            stripe_url=os.environ.get("STRIPE_API_URL") or None,
            stripe_tax=tax == "on",
            seller_name=os.environ.get("SKYHOOK_SELLER_NAME") or "Skyhook",
            seller_address=_lines(os.environ.get("SKYHOOK_SELLER_ADDRESS")),
            seller_tax_id=os.environ.get("SKYHOOK_SELLER_TAX_ID") or None,
        )

    @property
    def address(self) -> str:
        """What links in mails begin with: never what a request claims that the server is called."""
        host = "localhost" if self.host in ("0.0.0.0", "::", "127.0.0.1") else self.host  # noqa: S104
        return self.public_url or f"http://{host}:{self.port}"

    def secret(self) -> bytes:
        """The instance's 32-byte secret that keys are hashed with.

        It is `SKYHOOK_SECRET` (64 hexadecimal digits; the same for all servers of one database), or else
        the data folder's `secret`, made on first use with mode 600. Raises ValueError for a malformed one.
        """
        text = os.environ.get("SKYHOOK_SECRET")
        if not text:
            path = self.data / "secret"
            if not path.exists():
                self.data.mkdir(parents=True, exist_ok=True)
                write_once(path, secrets.token_hex(32))
            text = path.read_text().strip()
        if len(text) != 64 or not all(digit in "0123456789abcdefABCDEF" for digit in text):
            raise ValueError("SKYHOOK_SECRET must be 64 hexadecimal digits: openssl rand -hex 32")
        return bytes.fromhex(text)


def _positive(name: str, text: str | None, default: int) -> int:
    if not text:
        return default
    if not text.isdecimal() or not 0 < int(text) < 2**31:
        raise ValueError(f"{name} must be a whole number from 1, not {text!r}")
    return int(text)


def _lines(text: str | None) -> tuple[str, ...]:
    return tuple(line.strip() for line in (text or "").split(";") if line.strip())


def _path(text: str | None) -> Path | None:
    return Path(text).absolute() if text else None


def _public_url(text: str | None) -> str | None:
    if not text:
        return None
    if not text.startswith(("http://", "https://")) or not urlsplit(text).netloc:
        raise ValueError(f"SKYHOOK_PUBLIC_URL must be such as https://api.example.com, not {text!r}")
    return text.rstrip("/")


def _smtp_url(text: str | None) -> str | None:
    if not text:
        return None
    url = urlsplit(text)
    if url.scheme not in ("smtp", "starttls", "smtps") or not url.hostname:
        # Not shown as it is: it may have a password.
        raise ValueError("SKYHOOK_SMTP_URL must be such as starttls://user:password@mail.example.com:587")
    return text


def _stripe_key(text: str | None) -> str | None:
    if not text:
        return None
    if not text.startswith(("sk_", "rk_")):
        raise ValueError("STRIPE_SECRET_KEY must be a secret or restricted key, sk_... or rk_...")
    return text


def write_once(path: Path, text: str) -> None:
    """Writes a private file whole or not at all, unless another process has just written it."""
    mine = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    write_private(mine, text)
    try:
        os.link(mine, path)
    except FileExistsError:
        pass
    finally:
        mine.unlink()


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, never readable by others on the way."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text + "\n")
