"""Endpoints of an organization: create, change, delete; and their secrets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import httpx2
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts import audit
from skyhook.accounts.models import Organization
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.encryption import SecretStore
from skyhook.errors import InvalidInput, NotFound
from skyhook.operations.caller import Caller
from skyhook.webhooks.addresses import Addresses
from skyhook.webhooks.errors import WebhookEndpointsTooMany
from skyhook.webhooks.events import known_types
from skyhook.webhooks.models import WebhookEndpoint, WebhookSecret
from skyhook.webhooks.recording import give_up_pending
from skyhook.webhooks.signing import new_secret

LONGEST_OVERLAP = timedelta(days=30)
MOST_ENDPOINTS = 50
MOST_SECRETS = 5
"""Of one endpoint at a time: each signs every delivery."""


class WebhookEndpoints:
    """Creates, changes and deletes the endpoints of an organization."""

    def __init__(
        self, database: Database, addresses: Addresses, secrets: SecretStore, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._addresses = addresses
        self._secrets = secrets
        self._clock = clock

    async def create(
        self, caller: Caller, url: str, *, description: str = "", event_types: Sequence[str] = ()
    ) -> tuple[WebhookEndpoint, str]:
        """A new endpoint and its secret, which is shown this once; no types means all of them.

        Raises WebhookAddressRefused, WebhookEventTypeUnknown, WebhookEndpointsTooMany or InvalidInput.
        """
        endpoint = WebhookEndpoint(
            id=new_id(),
            organization_id=caller.organization_id,
            description=_description(description),
            event_types=known_types(event_types, "eventTypes"),
            url=await self._addresses.check(url),
            enabled=True,
            created_at=self._clock(),
        )
        async with self._database.write() as session:
            await _require_room(session, caller)
            session.add(endpoint)
            await session.flush()
            secret = self._add_secret(session, endpoint)
            audit.record(
                session, caller, "webhook_endpoint.created", endpoint.id, host=httpx2.URL(endpoint.url).host
            )
        return endpoint, secret

    async def update(
        self,
        caller: Caller,
        endpoint_id: UUID,
        *,
        url: str | None = None,
        description: str | None = None,
        event_types: Sequence[str] | None = None,
        enabled: bool | None = None,
    ) -> WebhookEndpoint:
        """Changes what is not None. What waits for an endpoint that is turned off fails, and can be replayed.

        Raises NotFound, WebhookAddressRefused, WebhookEventTypeUnknown or InvalidInput.
        """
        changed: dict[str, object] = {}
        if description is not None:
            changed["description"] = _description(description)
        if event_types is not None:
            changed["event_types"] = known_types(event_types, "eventTypes")
        if url is not None:
            changed["url"] = await self._addresses.check(url)
        if enabled is not None:
            changed["enabled"] = enabled
        async with self._database.write() as session:
            endpoint = await own_endpoint(session, caller, endpoint_id)
            if enabled and not endpoint.enabled:
                endpoint.disabled_reason = endpoint.failing_since = None
            for name, value in changed.items():
                setattr(endpoint, name, value)
            if url is not None:
                endpoint.failing_since = None
            if enabled is False:
                await give_up_pending(session, endpoint.id)
            details = {name: value for name, value in changed.items() if name != "url"}
            if url is not None:
                details["host"] = httpx2.URL(endpoint.url).host
            audit.record(session, caller, "webhook_endpoint.updated", endpoint.id, **details)
        return endpoint

    async def delete(self, caller: Caller, endpoint_id: UUID) -> None:
        """Deletes an endpoint with its secrets and deliveries. Raises NotFound."""
        async with self._database.write() as session:
            endpoint = await own_endpoint(session, caller, endpoint_id, for_deletion=True)
            await session.delete(endpoint)
            host = httpx2.URL(endpoint.url).host
            audit.record(session, caller, "webhook_endpoint.deleted", endpoint.id, host=host)

    async def rotate_secret(
        self, caller: Caller, endpoint_id: UUID, overlap: timedelta
    ) -> tuple[WebhookEndpoint, str]:
        """A new secret, shown this once; deliveries are signed with the old ones, too, for `overlap` more.

        Raises NotFound, or InvalidInput.
        """
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise InvalidInput("The overlap is 0 to 720 hours.", field="overlapHours")
        at = self._clock()
        async with self._database.write() as session:
            endpoint = await own_endpoint(session, caller, endpoint_id)
            is_valid = or_(WebhookSecret.expires_at.is_(None), WebhookSecret.expires_at > at)
            old = list(
                await session.scalars(
                    select(WebhookSecret).where(WebhookSecret.endpoint_id == endpoint.id, is_valid)
                )
            )
            if overlap and len(old) >= MOST_SECRETS:
                raise InvalidInput(
                    f"{MOST_SECRETS} secrets of this endpoint are valid already. Wait until one expires, or "
                    "rotate with an overlap of 0, which ends them all.",
                    field="overlapHours",
                )
            for secret in old:
                secret.expires_at = min(at + overlap, secret.expires_at or at + overlap)
            text = self._add_secret(session, endpoint)
            audit.record(session, caller, "webhook_endpoint.secret_rotated", endpoint.id)
        return endpoint, text

    def _add_secret(self, session: AsyncSession, endpoint: WebhookEndpoint) -> str:
        text = new_secret()
        encrypted = self._secrets.encrypt(text, endpoint.id.bytes)
        session.add(WebhookSecret(endpoint_id=endpoint.id, encrypted=encrypted, created_at=self._clock()))
        return text


async def own_endpoint(
    session: AsyncSession, caller: Caller, endpoint_id: UUID, *, for_deletion: bool = False
) -> WebhookEndpoint:
    """The caller's endpoint, locked; events go on to be published to it unless it is deleted.

    Raises NotFound.
    """
    query = select(WebhookEndpoint).where(
        WebhookEndpoint.id == endpoint_id, WebhookEndpoint.organization_id == caller.organization_id
    )
    endpoint = await session.scalar(query.with_for_update(key_share=not for_deletion))
    if endpoint is None:
        raise NotFound("This organization has no such webhook endpoint.")
    return endpoint


async def _require_room(session: AsyncSession, caller: Caller) -> None:
    # The organization is locked, so that two endpoints cannot both be the last one.
    own = select(Organization.id).where(Organization.id == caller.organization_id)
    await session.execute(own.with_for_update(key_share=True))
    count = await session.scalar(
        select(func.count()).where(WebhookEndpoint.organization_id == caller.organization_id)
    )
    if count is not None and count >= MOST_ENDPOINTS:
        raise WebhookEndpointsTooMany(
            f"An organization has at most {MOST_ENDPOINTS} webhook endpoints: delete one first."
        )


def _description(text: str) -> str:
    text = text.strip()
    if len(text) > 200 or not text.isprintable():
        raise InvalidInput("A description is one line of at most 200 characters.", field="description")
    return text
