"""One request to an endpoint: at most ten seconds, to the checked address, with no redirect followed."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import httpx2

from skyhook import __version__
from skyhook.network import Address
from skyhook.webhooks.addresses import Addresses, NameNotResolved
from skyhook.webhooks.errors import WebhookAddressRefused
from skyhook.webhooks.models import ANSWER_BYTES

TIMEOUT_S = 10.0
_TRIED_ADDRESSES = 3
"""So many of a host's addresses are tried when connections fail: one may be of a network we lack."""


class AttemptError(StrEnum):
    """Why an attempt failed."""

    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    NAME_NOT_RESOLVED = "NAME_NOT_RESOLVED"
    CONNECTION_FAILED = "CONNECTION_FAILED"
    TLS_FAILED = "TLS_FAILED"
    TIMEOUT = "TIMEOUT"
    ANSWER_INVALID = "ANSWER_INVALID"
    REDIRECTED = "REDIRECTED"
    STATUS = "STATUS"
    INTERNAL = "INTERNAL"
    """A fault of ours, such as a secret that another instance's secret encrypted; it is in the log."""


@dataclass(slots=True)
class Outcome:
    """What became of an attempt."""

    status_code: int | None = None
    error: AttemptError | None = None
    """None where the endpoint took it."""
    retry_after: str | None = None
    """The header of the answer."""
    answer: bytes = b""
    """The first KiB of the answer's body."""
    duration_ms: int = 0


class Sender:
    """Sends requests; a connection for each, since two endpoints must never share one."""

    def __init__(self, addresses: Addresses, timeout_s: float = TIMEOUT_S) -> None:
        self._addresses = addresses
        self._timeout_s = timeout_s

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        return httpx2.create_ssl_context()

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Posts the body; never raises for what the endpoint or its host does."""
        started, outcome = time.monotonic(), Outcome()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._send(url, headers, body, outcome)
        except TimeoutError:
            if outcome.status_code is None:  # else only the rest of the body is missing
                outcome.error = AttemptError.TIMEOUT
        outcome.duration_ms = round((time.monotonic() - started) * 1000)
        return outcome

    async def _send(self, text: str, headers: Mapping[str, str], body: bytes, outcome: Outcome) -> None:
        try:
            url = self._addresses.parse(text)
            addresses = await self._addresses.resolve(url)
            for address in addresses[:_TRIED_ADDRESSES]:
                try:
                    await self._post(url, address, headers, body, outcome)
                    break
                except httpx2.ConnectError as error:
                    outcome.error = _connect_error(error)
        except WebhookAddressRefused:
            outcome.error = AttemptError.ADDRESS_REFUSED
        except NameNotResolved:
            outcome.error = AttemptError.NAME_NOT_RESOLVED
        except httpx2.NetworkError:
            outcome.error = AttemptError.CONNECTION_FAILED
        except httpx2.HTTPError:
            outcome.error = AttemptError.ANSWER_INVALID

    async def _post(
        self, url: httpx2.URL, address: Address, headers: Mapping[str, str], body: bytes, outcome: Outcome
    ) -> None:
        async with (
            httpx2.AsyncClient(verify=self._certificates, trust_env=False, timeout=None) as client,
            client.stream(
                "POST",
                url.copy_with(host=str(address)),
                content=body,
                headers={
                    "host": url.netloc.decode(),
                    "content-type": "application/json",
                    "accept": "*/*",
                    "accept-encoding": "identity",
                    "connection": "close",
                    "user-agent": f"Skyhook-Webhooks/{__version__}",
                    **headers,
                },
                extensions={"sni_hostname": url.raw_host.decode()},
                follow_redirects=False,
            ) as response,
        ):
            outcome.status_code = response.status_code
            outcome.retry_after = response.headers.get("retry-after")
            outcome.error = _status_error(response.status_code)
            with suppress(httpx2.HTTPError):
                async for part in response.aiter_raw():
                    outcome.answer = (outcome.answer + part)[:ANSWER_BYTES]
                    if len(outcome.answer) == ANSWER_BYTES:
                        break


def _status_error(status_code: int) -> AttemptError | None:
    if 200 <= status_code < 300:
        return None
    return AttemptError.REDIRECTED if 300 <= status_code < 400 else AttemptError.STATUS


def _connect_error(error: BaseException) -> AttemptError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return AttemptError.TLS_FAILED
        cause = cause.__cause__ or cause.__context__
    return AttemptError.CONNECTION_FAILED
