"""Errors of webhooks."""

from skyhook.errors import SkyhookError


class WebhookAddressRefused(SkyhookError):
    """Webhooks do not go to this address: it is no https URL, or leads into a private network."""

    code = "WEBHOOK_ADDRESS_REFUSED"


class WebhookEventTypeUnknown(SkyhookError):
    """An endpoint asks for events that do not exist."""

    code = "WEBHOOK_EVENT_TYPE_UNKNOWN"


class WebhookEndpointDisabled(SkyhookError):
    """A delivery was to be replayed to an endpoint that is off."""

    code = "WEBHOOK_ENDPOINT_DISABLED"


class WebhookEndpointsTooMany(SkyhookError):
    """The organization has as many endpoints as it may have."""

    code = "WEBHOOK_ENDPOINTS_TOO_MANY"
