"""The addresses of the REST API, as far as the stand-in has them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.stripe import checkout, payments, subscriptions
from tests.stripe.errors import StripeAnswersError, invalid
from tests.stripe.form import true, whole
from tests.stripe.parameters import check
from tests.stripe.store import Object, Store

Do = Callable[[Store, Object, str], Object]


@dataclass(frozen=True)
class Route:
    """What answers a method and a path; `parameters` names the SDK's type of what may be asked."""

    method: str
    path: re.Pattern[str]
    parameters: str | None
    do: Do


ROUTES: list[Route] = []


def _route(method: str, path: str, parameters: str | None = None) -> Callable[[Do], Do]:
    pattern = re.compile(re.escape(path).replace(r"\{id\}", r"(?P<id>[^/]+)") + "$")

    def add(do: Do) -> Do:
        ROUTES.append(Route(method, pattern, parameters, do))
        return do

    return add


def answer(store: Store, method: str, path: str, asked: Object) -> Object:
    """Does what a request asks for. Raises StripeAnswersError."""
    for route in ROUTES:
        if route.method == method and (found := route.path.match(path)):
            if route.parameters is not None:
                check(route.parameters, asked)
            identifier = found.groupdict().get("id", "")
            return _expanded(store, route.do(store, asked, identifier), asked.get("expand") or [])
    raise StripeAnswersError(404, "invalid_request_error", f"Unrecognized request URL ({method}: {path}).")


def _expanded(store: Store, found: Object, paths: list[str]) -> Object:
    """The same with objects in place of their ids where the client asks for that."""
    for path in paths:
        found = _expand(store, found, path.split("."))
    return found


def _expand(store: Store, at: Object, steps: list[str]) -> Object:
    step, rest = steps[0], steps[1:]
    if step not in at:
        raise invalid(f"This property cannot be expanded ({step}).", param="expand")
    value = at[step]
    if isinstance(value, str):
        value = store.find(value) or value
    if isinstance(value, list):
        new: object = [_expand(store, one, rest) if rest else one for one in value]
    else:
        new = _expand(store, value, rest) if rest and isinstance(value, dict) else value
    return {**at, step: new}


def _page(found: list[Object], asked: Object, url: str) -> Object:
    """One page of a list that is newest first."""
    limit = whole(asked, "limit") if "limit" in asked else 10
    if not 1 <= limit <= 100:
        raise invalid("Invalid limit: must be between 1 and 100.", param="limit")
    places = {one["id"]: place for place, one in enumerate(found)}
    if (after := asked.get("starting_after")) is not None:
        if after not in places:
            raise invalid(f"No such object: '{after}'", param="starting_after", code="resource_missing")
        found = found[places[after] + 1 :]
    if (before := asked.get("ending_before")) is not None:
        if before not in places:
            raise invalid(f"No such object: '{before}'", param="ending_before", code="resource_missing")
        found = found[: places[before]]
        kept = found[-limit:]
    else:
        kept = found[:limit]
    return {"object": "list", "url": url, "has_more": len(found) > len(kept), "data": kept}


def _reads(plural: str, kind: str, parameters: str, *filters: str) -> None:
    """Adds the addresses that read one, and that list."""

    @_route("GET", f"/v1/{plural}/{{id}}")
    def read(store: Store, asked: Object, identifier: str) -> Object:
        return store.get(kind, identifier)

    @_route("GET", f"/v1/{plural}", parameters)
    def read_all(store: Store, asked: Object, identifier: str) -> Object:
        wanted = {name: asked[name] for name in filters if name in asked}
        found = [one for one in store.all(kind, **wanted) if _within(one, asked.get("created"))]
        return _page(found, asked, f"/v1/{plural}")


def _within(one: Object, span: Object | None) -> bool:
    created = one["created"]
    tests = {"gte": created.__ge__, "gt": created.__gt__, "lte": created.__le__, "lt": created.__lt__}
    return all(tests[name](int(value)) for name, value in (span or {}).items())


_reads("customers", "customer", "CustomerListParams", "email")
_reads("products", "product", "ProductListParams")
_reads("payment_methods", "payment_method", "PaymentMethodListParams", "customer", "type")
_reads("payment_intents", "payment_intent", "PaymentIntentListParams", "customer")
_reads("charges", "charge", "ChargeListParams", "customer", "payment_intent")
_reads("refunds", "refund", "RefundListParams", "charge", "payment_intent")
_reads("disputes", "dispute", "DisputeListParams", "charge", "payment_intent")
_reads("invoices", "invoice", "InvoiceListParams", "customer", "status")
_reads("invoice_payments", "invoice_payment", "InvoicePaymentListParams", "invoice", "status")
_reads("events", "event", "EventListParams", "type")
_reads("webhook_endpoints", "webhook_endpoint", "WebhookEndpointListParams")
_reads("setup_intents", "setup_intent", "SetupIntentListParams", "customer")
_reads("checkout/sessions", "checkout.session", "checkout.SessionListParams", "customer", "payment_intent")
_reads("billing/meters", "billing.meter", "billing.MeterListParams", "status")
_reads(
    "billing_portal/configurations", "billing_portal.configuration", "billing_portal.ConfigurationListParams"
)


@_route("GET", "/v1/account")
def account(store: Store, asked: Object, identifier: str) -> Object:
    """Whose key it is."""
    return {
        "id": "acct_standin", "object": "account", "country": "US", "default_currency": "usd",
        "charges_enabled": True, "payouts_enabled": True, "details_submitted": True,
        "email": "owner@example.com",
        "settings": {"dashboard": {"display_name": "Stand-in"}},
    }  # fmt: skip


@_route("POST", "/v1/tax/calculations", "tax.CalculationCreateParams")
def calculate_tax(store: Store, asked: Object, identifier: str) -> Object:
    """The tax of a payment."""
    return checkout.calculate_tax(store, asked)


@_route("POST", "/v1/customers", "CustomerCreateParams")
def create_customer(store: Store, asked: Object, identifier: str) -> Object:
    """A customer."""
    return checkout.new_customer(store, asked)


@_route("POST", "/v1/customers/{id}", "CustomerUpdateParams")
def update_customer(store: Store, asked: Object, identifier: str) -> Object:
    """Changes a customer."""
    customer = store.get("customer", identifier)
    if (settings := asked.get("invoice_settings")) and (method := settings.get("default_payment_method")):
        if store.get("payment_method", method)["customer"] != identifier:
            raise invalid("The customer does not have a payment method with the ID " + method)
        customer["invoice_settings"]["default_payment_method"] = method
    customer.update({name: asked[name] for name in ("email", "name", "address") if name in asked})
    customer["metadata"].update(asked.get("metadata") or {})
    store.emit("customer.updated", customer)
    return customer


@_route("GET", "/v1/prices", "PriceListParams")
def list_prices(store: Store, asked: Object, identifier: str) -> Object:
    """Prices, also by their lookup keys."""
    keys = asked.get("lookup_keys")
    found = [one for one in store.all("price") if keys is None or one["lookup_key"] in keys]
    return _page(found, asked, "/v1/prices")


@_route("GET", "/v1/prices/{id}")
def read_price(store: Store, asked: Object, identifier: str) -> Object:
    """A price."""
    return store.get("price", identifier)


@_route("POST", "/v1/products", "ProductCreateParams")
def create_product(store: Store, asked: Object, identifier: str) -> Object:
    """A product."""
    return store.add(
        "product", "prod_", name=asked["name"], active=True, metadata=asked.get("metadata") or {}
    )


@_route("POST", "/v1/products/{id}", "ProductUpdateParams")
def update_product(store: Store, asked: Object, identifier: str) -> Object:
    """Changes a product."""
    product = store.get("product", identifier)
    product.update({name: asked[name] for name in ("name", "active") if name in asked})
    store.emit("product.updated", product)
    return product


@_route("POST", "/v1/prices", "PriceCreateParams")
def create_price(store: Store, asked: Object, identifier: str) -> Object:
    """A price of a product, paid once or monthly."""
    key = asked.get("lookup_key")
    for other in store.all("price", lookup_key=key) if key else ():
        if not true(asked.get("transfer_lookup_key")):
            raise invalid(f"A price (`{other['id']}`) already uses that lookup key.", param="lookup_key")
        other["lookup_key"] = None
    product = asked.get("product") or create_product(store, asked["product_data"], "")["id"]
    recurring = asked.get("recurring")
    return store.add(
        "price",
        "price_",
        product=store.get("product", product)["id"],
        unit_amount=whole(asked, "unit_amount"),
        currency=payments.currency_of(asked),
        recurring=recurring and {"interval_count": 1, "usage_type": "licensed", **recurring},
        type="recurring" if recurring else "one_time",
        lookup_key=key,
        nickname=asked.get("nickname"),
        active=True,
        metadata=asked.get("metadata") or {},
    )


@_route("POST", "/v1/checkout/sessions", "checkout.SessionCreateParams")
def create_session(store: Store, asked: Object, identifier: str) -> Object:
    """A Checkout session."""
    return checkout.create_session(store, asked)


@_route("POST", "/v1/checkout/sessions/{id}/expire")
def expire_session(store: Store, asked: Object, identifier: str) -> Object:
    """Closes a Checkout session."""
    return checkout.expire(store, store.get("checkout.session", identifier))


@_route("POST", "/v1/billing_portal/sessions", "billing_portal.SessionCreateParams")
def create_portal(store: Store, asked: Object, identifier: str) -> Object:
    """The address at which a customer manages cards and plans."""
    customer = store.get("customer", str(asked.get("customer")))
    session = store.add(
        "billing_portal.session", "bps_", customer=customer["id"], return_url=asked.get("return_url") or ""
    )
    session["url"] = f"{store.address}/p/session/{session['id']}"
    return session


@_route("POST", "/v1/payment_methods/{id}/attach", "PaymentMethodAttachParams")
def attach_method(store: Store, asked: Object, identifier: str) -> Object:
    """Saves a payment method with a customer."""
    customer = store.get("customer", str(asked.get("customer")))
    return payments.attach(store, payments.method_of(store, identifier), customer["id"])


@_route("POST", "/v1/payment_methods/{id}/detach")
def detach_method(store: Store, asked: Object, identifier: str) -> Object:
    """Forgets a payment method of a customer."""
    method = store.get("payment_method", identifier)
    method["customer"] = None
    store.emit("payment_method.detached", method)
    return method


@_route("POST", "/v1/payment_intents", "PaymentIntentCreateParams")
def create_intent(store: Store, asked: Object, identifier: str) -> Object:
    """A payment."""
    return payments.create_intent(store, asked)


@_route("POST", "/v1/payment_intents/{id}/confirm", "PaymentIntentConfirmParams")
def confirm_intent(store: Store, asked: Object, identifier: str) -> Object:
    """Tries a payment."""
    intent = store.get("payment_intent", identifier)
    if asked.get("payment_method"):
        intent["payment_method"] = payments.method_of(store, asked["payment_method"])["id"]
    return payments.confirm(store, intent, off_session=true(asked.get("off_session")))


@_route("POST", "/v1/payment_intents/{id}/cancel", "PaymentIntentCancelParams")
def cancel_intent(store: Store, asked: Object, identifier: str) -> Object:
    """Gives a payment up."""
    return payments.cancel(store, store.get("payment_intent", identifier), asked)


@_route("POST", "/v1/refunds", "RefundCreateParams")
def create_refund(store: Store, asked: Object, identifier: str) -> Object:
    """Gives money back."""
    return payments.refund(store, asked)


@_route("POST", "/v1/subscriptions", "SubscriptionCreateParams")
def create_subscription(store: Store, asked: Object, identifier: str) -> Object:
    """A subscription, paid with a saved card."""
    return subscriptions.create(store, asked)


@_route("GET", "/v1/subscriptions/{id}")
def read_subscription(store: Store, asked: Object, identifier: str) -> Object:
    """A subscription."""
    return store.get("subscription", identifier)


@_route("GET", "/v1/subscriptions", "SubscriptionListParams")
def list_subscriptions(store: Store, asked: Object, identifier: str) -> Object:
    """Subscriptions; those that were canceled only where they are asked for."""
    wanted = {"customer": asked["customer"]} if "customer" in asked else {}
    status = asked.get("status")
    found = [
        one
        for one in store.all("subscription", **wanted)
        if status in {"all", one["status"]} or (status is None and one["status"] != "canceled")
    ]
    return _page(found, asked, "/v1/subscriptions")


@_route("POST", "/v1/subscriptions/{id}", "SubscriptionUpdateParams")
def update_subscription(store: Store, asked: Object, identifier: str) -> Object:
    """Changes a subscription."""
    return subscriptions.update(store, store.get("subscription", identifier), asked)


@_route("DELETE", "/v1/subscriptions/{id}", "SubscriptionCancelParams")
def end_subscription(store: Store, asked: Object, identifier: str) -> Object:
    """Ends a subscription."""
    return subscriptions.end(store, store.get("subscription", identifier))


@_route("POST", "/v1/webhook_endpoints", "WebhookEndpointCreateParams")
def create_endpoint(store: Store, asked: Object, identifier: str) -> Object:
    """An address to which events are sent."""
    return store.add(
        "webhook_endpoint", "we_", url=asked["url"], enabled_events=asked["enabled_events"], status="enabled",
        secret=store.token("whsec_", 32), metadata={},
    )  # fmt: skip


@_route("POST", "/v1/billing/meters", "billing.MeterCreateParams")
def create_meter(store: Store, asked: Object, identifier: str) -> Object:
    """A meter of usage."""
    return store.add(
        "billing.meter", "mtr_", display_name=asked["display_name"], event_name=asked["event_name"],
        status="active", default_aggregation=asked["default_aggregation"],
    )  # fmt: skip


@_route("POST", "/v1/billing/meter_events", "billing.MeterEventCreateParams")
def create_meter_event(store: Store, asked: Object, identifier: str) -> Object:
    """Usage told to a meter, counted once for each identifier."""
    if not any(store.all("billing.meter", event_name=asked["event_name"], status="active")):
        raise invalid(f"No active meter found for event name {asked['event_name']}.", param="event_name")
    name = asked.get("identifier") or store.token("mevt_")
    if any(store.all("billing.meter_event", identifier=name)):
        raise invalid(f"An event already exists with identifier {name}.", code="duplicate_meter_event")
    return store.add(
        "billing.meter_event",
        "mev_",
        event_name=asked["event_name"],
        identifier=name,
        payload=asked["payload"],
    )
