"""Subscriptions and the invoices that they make, month by month, as the account's clock is turned."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.stripe import payments
from tests.stripe.errors import StripeAnswersError, invalid
from tests.stripe.form import true
from tests.stripe.store import Object, Store

DAY = 86_400
TRIES_AFTER = (3 * DAY, 5 * DAY, 7 * DAY)
"""When a failed renewal is tried again; after the last, the subscription ends."""


def month_after(moment: int) -> int:
    """The same day of the next month, or its last day."""
    start = datetime.fromtimestamp(moment, UTC)
    year, month = (start.year + 1, 1) if start.month == 12 else (start.year, start.month + 1)
    for day in range(start.day, 27, -1):
        try:
            return int(start.replace(year=year, month=month, day=day).timestamp())
        except ValueError:
            continue
    return int(start.replace(year=year, month=month).timestamp())


def price_of(store: Store, identifier: str) -> Object:
    """A price that is paid again and again."""
    price = store.get("price", identifier)
    if price["recurring"] is None:
        raise invalid("The price specified is set to `type=one_time`, but this field takes `type=recurring`.")
    return price


def create(store: Store, asked: Object, method: str | None = None) -> Object:
    """A subscription, paid at once. Raises as a payment does, which leaves it incomplete."""
    customer = store.get("customer", str(asked.get("customer")))
    items = asked.get("items") or []
    if not items:
        raise invalid("Missing required param: items.", param="items")
    now = store.now
    subscription = store.add(
        "subscription",
        "sub_",
        customer=customer["id"],
        status="incomplete",
        cancel_at_period_end=False,
        cancel_at=None,
        cancellation_details={"comment": None, "feedback": None, "reason": None},
        canceled_at=None,
        ended_at=None,
        currency="usd",
        default_payment_method=method or asked.get("default_payment_method") or _default_of(customer),
        latest_invoice=None,
        billing_cycle_anchor=now,
        start_date=now,
        automatic_tax={"enabled": true((asked.get("automatic_tax") or {}).get("enabled"))},
        metadata=asked.get("metadata") or {},
    )
    subscription["items"] = {
        "object": "list", "has_more": False,
        "url": f"/v1/subscription_items?subscription={subscription['id']}",
        "data": [_item(store, subscription, one["price"], now) for one in items],
    }  # fmt: skip
    store.emit("customer.subscription.created", subscription)
    lines = [_line(one["price"], now, month_after(now)) for one in subscription["items"]["data"]]
    invoice = _invoice(store, subscription, "subscription_create", lines)
    _pay(store, subscription, invoice)
    return subscription


def _default_of(customer: Object) -> str | None:
    return customer["invoice_settings"]["default_payment_method"]  # type: ignore[no-any-return]


def _item(store: Store, subscription: Object, price_id: str, start: int) -> Object:
    return store.add(
        "subscription_item",
        "si_",
        subscription=subscription["id"],
        price=price_of(store, price_id),
        quantity=1,
        current_period_start=start,
        current_period_end=month_after(start),
        metadata={},
    )


def _line(price: Object, start: int, end: int, amount: int | None = None, text: str = "") -> Object:
    return {
        "object": "line_item", "currency": "usd",
        "amount": price["unit_amount"] if amount is None else amount,
        "description": text or f"1 × {price['nickname'] or price['id']}",
        "period": {"start": start, "end": end},
        "pricing": {
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
        },
    }  # fmt: skip


def _invoice(store: Store, subscription: Object, reason: str, lines: list[Object]) -> Object:
    subtotal = sum(line["amount"] for line in lines)
    total = subtotal + _tax_of(store, subscription, subtotal)
    invoice = store.add(
        "invoice",
        "in_",
        customer=subscription["customer"],
        status="open",
        billing_reason=reason,
        currency="usd",
        subtotal=subtotal,
        total=total,
        total_excluding_tax=subtotal,
        amount_due=max(total, 0),
        amount_paid=0,
        amount_remaining=max(total, 0),
        attempt_count=0,
        next_payment_attempt=None,
        number=None,
        period_start=min(line["period"]["start"] for line in lines),
        period_end=max(line["period"]["end"] for line in lines),
        parent={
            "type": "subscription_details",
            "subscription_details": {
                "subscription": subscription["id"],
                "metadata": dict(subscription["metadata"]),
            },
        },
        lines={"object": "list", "has_more": False, "data": lines},
        metadata={},
    )
    invoice["number"] = f"STAND-{len(list(store.all('invoice'))):04}"
    invoice["hosted_invoice_url"] = f"{store.address}/invoice/{invoice['id']}"
    subscription["latest_invoice"] = invoice["id"]
    store.emit("invoice.created", invoice)
    store.emit("invoice.finalized", invoice)
    return invoice


def _tax_of(store: Store, subscription: Object, cents: int) -> int:
    address = store.get("customer", subscription["customer"])["address"]
    if not subscription["automatic_tax"]["enabled"] or not address:
        return 0
    return store.tax_of(cents, address["country"])


def _pay(store: Store, subscription: Object, invoice: Object) -> None:
    """Tries an invoice; the subscription becomes active, incomplete, past due or ends."""
    invoice["attempt_count"] += 1
    try:
        if invoice["amount_due"]:
            _charge(store, subscription, invoice)
    except StripeAnswersError:
        _not_paid(store, subscription, invoice)
        return
    _paid(store, subscription, invoice)


def _paid(store: Store, subscription: Object, invoice: Object) -> None:
    invoice.update(
        status="paid", amount_paid=invoice["amount_due"], amount_remaining=0, next_payment_attempt=None
    )
    before = subscription["status"]
    subscription["status"] = "active"
    store.emit("invoice.paid", invoice)
    store.emit("invoice.payment_succeeded", invoice)
    if before != "active":
        store.emit("customer.subscription.updated", subscription, status=before)


def _charge(store: Store, subscription: Object, invoice: Object, method: str | None = None) -> None:
    method = (
        method
        or subscription["default_payment_method"]
        or _default_of(store.get("customer", subscription["customer"]))
    )
    if method is None:
        raise invalid("This customer has no attached payment source or default payment method.")
    asked = {
        "amount": invoice["amount_due"], "currency": "usd", "customer": subscription["customer"],
        "payment_method": method, "confirm": "true", "off_session": "true",
        "metadata": {"invoice": invoice["id"]},
    }  # fmt: skip
    intent = payments.create_intent(store, asked)
    store.add(
        "invoice_payment", "inpay_", invoice=invoice["id"], amount_paid=invoice["amount_due"],
        amount_requested=invoice["amount_due"], currency="usd", is_default=True, status="paid",
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
    )  # fmt: skip


def pay_by_hand(store: Store, invoice: Object, method: str) -> None:
    """What a customer does on the page of an open invoice. Raises as a payment does."""
    if invoice["status"] != "open":
        raise invalid("This invoice can no longer be paid.")
    subscription = store.get("subscription", invoice["parent"]["subscription_details"]["subscription"])
    _charge(store, subscription, invoice, method)
    _paid(store, subscription, invoice)


def _not_paid(store: Store, subscription: Object, invoice: Object) -> None:
    tried, before = invoice["attempt_count"], subscription["status"]
    if before == "incomplete":
        store.emit("invoice.payment_failed", invoice)
        return
    if tried <= len(TRIES_AFTER):
        invoice["next_payment_attempt"] = store.now + TRIES_AFTER[tried - 1]
        subscription["status"] = "past_due"
        store.emit("invoice.payment_failed", invoice)
        if before != "past_due":
            store.emit("customer.subscription.updated", subscription, status=before)
        return
    invoice["next_payment_attempt"] = None
    store.emit("invoice.payment_failed", invoice)
    end(store, subscription, "payment_failed")


def end(store: Store, subscription: Object, reason: str = "cancellation_requested") -> Object:
    """Ends a subscription now."""
    subscription.update(status="canceled", canceled_at=store.now, ended_at=store.now)
    subscription["cancellation_details"]["reason"] = reason
    store.emit("customer.subscription.deleted", subscription)
    return subscription


def update(store: Store, subscription: Object, asked: Object) -> Object:
    """Changes what a subscription is for, or whether it goes on."""
    if subscription["status"] == "canceled":
        raise invalid("A canceled subscription can only update its cancellation_details and metadata.")
    previous = {}
    for name in ("default_payment_method", "metadata"):
        if name in asked:
            previous[name] = subscription[name]
            subscription[name] = asked[name]
    if "cancel_at_period_end" in asked:
        previous["cancel_at_period_end"] = subscription["cancel_at_period_end"]
        subscription["cancel_at_period_end"] = true(asked["cancel_at_period_end"])
        item = subscription["items"]["data"][0]
        ends = subscription["cancel_at_period_end"]
        subscription["cancel_at"] = item["current_period_end"] if ends else None
    lines = [line for one in asked.get("items") or [] for line in _changed(store, subscription, one)]
    if lines and asked.get("proration_behavior") == "always_invoice":
        _bill_change(store, subscription, lines, asked.get("payment_behavior"))
    store.emit("customer.subscription.updated", subscription, **previous)
    return subscription


def _bill_change(store: Store, subscription: Object, lines: list[Object], behavior: str | None) -> None:
    """Makes the invoice of a change, and pays it; where that must not fail and does, nothing was changed."""
    latest = subscription["latest_invoice"]
    invoice = _invoice(store, subscription, "subscription_update", lines)
    if behavior != "error_if_incomplete":
        _pay(store, subscription, invoice)
        return
    try:
        if invoice["amount_due"]:
            _charge(store, subscription, invoice)
    except StripeAnswersError:
        invoice["status"] = "void"
        store.emit("invoice.voided", invoice)
        old = lines[0]["pricing"]["price_details"]["price"]
        subscription["items"]["data"][0]["price"] = price_of(store, old)
        subscription["latest_invoice"] = latest
        raise
    _paid(store, subscription, invoice)


def _changed(store: Store, subscription: Object, asked: Object) -> list[Object]:
    """Puts another price in place of an item's; the lines of what goes unused and of what the rest costs."""
    item = next((one for one in subscription["items"]["data"] if one["id"] == asked.get("id")), None)
    if item is None:
        raise invalid(f"No such subscription item: '{asked.get('id')}'", code="resource_missing")
    old, new = item["price"], price_of(store, asked["price"])
    if old["id"] == new["id"]:
        return []
    item["price"] = new
    start, end_at, now = item["current_period_start"], item["current_period_end"], store.now
    left = max(0, end_at - now) / (end_at - start)
    return [
        _line(old, now, end_at, -round(old["unit_amount"] * left), f"Unused time on {old['nickname']}"),
        _line(new, now, end_at, round(new["unit_amount"] * left), f"Remaining time on {new['nickname']}"),
    ]


def turn(store: Store) -> None:
    """Does all that is due by the account's clock: renewals, tries again, ends."""
    for subscription in list(store.all("subscription")):
        while subscription["status"] in {"active", "past_due"}:
            invoice = store.get("invoice", subscription["latest_invoice"])
            item = subscription["items"]["data"][0]
            if (
                invoice["status"] == "open"
                and (invoice["next_payment_attempt"] or store.now + 1) <= store.now
            ):
                _pay(store, subscription, invoice)
            elif item["current_period_end"] <= store.now:
                _renew(store, subscription)
            else:
                break


def _renew(store: Store, subscription: Object) -> None:
    if subscription["cancel_at_period_end"]:
        end(store, subscription)
        return
    lines = []
    for item in subscription["items"]["data"]:
        start = item["current_period_end"]
        item.update(current_period_start=start, current_period_end=month_after(start))
        lines.append(_line(item["price"], start, item["current_period_end"]))
    store.emit("customer.subscription.updated", subscription)
    _pay(store, subscription, _invoice(store, subscription, "subscription_cycle", lines))
