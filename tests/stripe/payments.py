"""Payment methods, payments, refunds and disputes."""

from __future__ import annotations

from typing import Any

from tests.stripe.cards import CARDS, NAMED, Card
from tests.stripe.errors import StripeAnswersError, declined, invalid, missing
from tests.stripe.form import true, whole
from tests.stripe.store import Object, Store

SMALLEST = 50  # cents, for what Stripe charges at least
LARGEST = 99_999_999
CURRENCIES = {"usd", "eur", "gbp", "jpy"}


def amount_of(asked: Object) -> int:
    """The amount of a payment, in the currency's smallest unit."""
    amount = whole(asked, "amount")
    if amount < SMALLEST:
        raise invalid(
            f"Amount must be at least ${SMALLEST / 100:.2f} usd", code="amount_too_small", param="amount"
        )
    if amount > LARGEST:
        raise invalid("Amount must be no more than $999,999.99", code="amount_too_large", param="amount")
    return amount


def currency_of(asked: Object) -> str:
    """The currency of a payment."""
    currency = str(asked.get("currency", "")).lower()
    if currency not in CURRENCIES:
        raise invalid(f"Invalid currency: {currency}.", param="currency")
    return currency


def new_method(store: Store, number: str, *, set_up: bool = False) -> Object:
    """A payment method of a test card's number."""
    card = CARDS.get(number.replace(" ", ""))
    if card is None:
        raise declined("incorrect_number", None, "Your card number is incorrect.", param="number")
    return store.add(
        "payment_method",
        "pm_",
        type="card",
        card={"brand": "visa", "last4": card.number[-4:], "exp_month": 12, "exp_year": 2034},
        customer=None,
        metadata={},
        _number=card.number,
        _set_up=set_up,
    )


def method_of(store: Store, identifier: str) -> Object:
    """A payment method, made anew where one of Stripe's names is given."""
    if identifier in NAMED:
        return new_method(store, NAMED[identifier])
    return store.get("payment_method", identifier)


def card_of(method: Object) -> Card:
    """What the card of a payment method does."""
    return CARDS[method["_number"]]


def attach(store: Store, method: Object, customer: str) -> Object:
    """Saves a payment method with a customer."""
    if method["customer"] not in {None, customer}:
        raise invalid("The payment method you provided has already been attached to a customer.")
    if card_of(method).declines_setup:
        raise declined("card_declined", card_of(method).decline_code, "Your card was declined.")
    method["customer"] = customer
    store.emit("payment_method.attached", method)
    return method


def create_intent(store: Store, asked: Object) -> Object:
    """A payment, tried at once where it is confirmed."""
    customer = asked.get("customer")
    if customer is not None:
        store.get("customer", customer)
    intent = store.add(
        "payment_intent",
        "pi_",
        amount=amount_of(asked),
        amount_received=0,
        currency=currency_of(asked),
        customer=customer,
        status="requires_payment_method",
        payment_method=None,
        latest_charge=None,
        last_payment_error=None,
        next_action=None,
        setup_future_usage=asked.get("setup_future_usage"),
        hooks=asked.get("hooks"),
        description=asked.get("description"),
        metadata=asked.get("metadata") or {},
    )
    store.emit("payment_intent.created", intent)
    if asked.get("payment_method"):
        intent["payment_method"] = method_of(store, asked["payment_method"])["id"]
        intent["status"] = "requires_confirmation"
    if true(asked.get("confirm")):
        confirm(store, intent, off_session=true(asked.get("off_session")))
    return intent


def confirm(store: Store, intent: Object, *, off_session: bool, asked_owner: bool = False) -> Object:
    """Tries a payment. Raises as Stripe does where the card is declined, or its owner is to be asked."""
    if intent["status"] in {"succeeded", "canceled"}:
        raise _unexpected(intent)
    if intent["payment_method"] is None:
        raise invalid("You cannot confirm this PaymentIntent because it's missing a payment method.")
    method = store.get("payment_method", intent["payment_method"])
    card = card_of(method)
    saved = method["_set_up"] and not card.asks_after_setup
    if card.asks and not asked_owner and not (off_session and saved):
        if off_session:
            raise _failed(
                store, intent, method, "authentication_required",
                "Your card was declined. This transaction requires authentication.",
            )  # fmt: skip
        intent["status"] = "requires_action"
        intent["next_action"] = {
            "type": "redirect_to_url", "redirect_to_url": {"url": f"{store.address}/3ds/{intent['id']}"},
        }  # fmt: skip
        store.emit("payment_intent.requires_action", intent)
        return intent
    if card.decline_code:
        raise _failed(store, intent, method, card.decline_code, "Your card was declined.")
    return _succeed(store, intent, method)


def _succeed(store: Store, intent: Object, method: Object) -> Object:
    charge = _charge(store, intent, method, status="succeeded")
    intent.update(
        status="succeeded", amount_received=intent["amount"], next_action=None, last_payment_error=None
    )
    if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None:
        method["_set_up"] = True
        attach(store, method, intent["customer"])
    store.emit("charge.succeeded", charge)
    store.emit("payment_intent.succeeded", intent)
    if intent["hooks"]:
        calculation = store.get("tax.calculation", intent["hooks"]["inputs"]["tax"]["calculation"])
        if calculation["amount_total"] != intent["amount"]:
            raise invalid("The amount does not match the tax calculation.")
        store.add("tax.transaction", "tax_", reference=intent["id"], _calculation=calculation["id"])
    if card_of(method).disputes:
        open_dispute(store, charge["id"])
    return intent


def _charge(store: Store, intent: Object, method: Object, *, status: str) -> Object:
    charge = store.add(
        "charge",
        "ch_",
        amount=intent["amount"],
        amount_captured=intent["amount"] if status == "succeeded" else 0,
        amount_refunded=0,
        currency=intent["currency"],
        customer=intent["customer"],
        disputed=False,
        paid=status == "succeeded",
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={"type": "card", "card": method["card"]},
        refunded=False,
        status=status,
        metadata=dict(intent["metadata"]),
    )
    intent["latest_charge"] = charge["id"]
    return charge


def _failed(store: Store, intent: Object, method: Object, reason: str, message: str) -> StripeAnswersError:
    """Writes a failed try down; the error to raise."""
    charge = _charge(store, intent, method, status="failed")
    code = reason if reason == "authentication_required" else "card_declined"
    seen = {name: value for name, value in method.items() if not name.startswith("_")}
    error = declined(code, reason, message, charge=charge["id"], payment_method=seen)
    intent["status"] = "requires_payment_method"
    intent["last_payment_error"] = dict(error.body["error"])
    store.emit("charge.failed", charge)
    store.emit("payment_intent.payment_failed", intent)
    error.body["error"]["payment_intent"] = {**intent, "last_payment_error": None}
    return error


def cancel(store: Store, intent: Object, asked: Object) -> Object:
    """Gives a payment up."""
    if intent["status"] in {"succeeded", "canceled"}:
        raise _unexpected(intent)
    intent["status"] = "canceled"
    intent["cancellation_reason"] = asked.get("cancellation_reason")
    store.emit("payment_intent.canceled", intent)
    return intent


def _unexpected(intent: Object) -> StripeAnswersError:
    return invalid(
        f"This PaymentIntent's status is {intent['status']}, which does not allow this.",
        code="payment_intent_unexpected_state",
    )


def refund(store: Store, asked: Object) -> Object:
    """Gives money back, at most what is left of the charge."""
    if "charge" in asked:
        charge = store.get("charge", asked["charge"])
    elif "payment_intent" in asked:
        intent = store.get("payment_intent", asked["payment_intent"])
        if intent["latest_charge"] is None or intent["status"] != "succeeded":
            raise invalid(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
        charge = store.get("charge", intent["latest_charge"])
    else:
        raise invalid(
            "One of the following params should be provided for this request: payment_intent or charge."
        )
    left = charge["amount"] - charge["amount_refunded"]
    amount = whole(asked, "amount") if "amount" in asked else left
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if charge["disputed"]:
        raise invalid(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    if amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if amount > left:
        raise invalid(
            f"Refund amount (${amount / 100:.2f}) is greater than unrefunded amount on charge "
            f"(${left / 100:.2f})",
            param="amount",
        )
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    made = store.add(
        "refund",
        "re_",
        amount=amount,
        charge=charge["id"],
        currency=charge["currency"],
        payment_intent=charge["payment_intent"],
        reason=asked.get("reason"),
        status="succeeded",
        metadata=asked.get("metadata") or {},
    )
    store.emit("refund.created", made)
    store.emit("charge.refunded", charge)
    return made


def fail_refund(store: Store, refund_id: str) -> Object:
    """The card's bank did not take a refund: the money is back with the account."""
    made = store.get("refund", refund_id)
    charge = store.get("charge", made["charge"])
    charge["amount_refunded"] -= made["amount"]
    charge["refunded"] = False
    made["status"] = "failed"
    store.emit("refund.updated", made)
    store.emit("refund.failed", made)
    return made


def open_dispute(store: Store, charge_id: str, reason: str = "fraudulent") -> Object:
    """The owner of a card wants the money of a charge back."""
    charge = store.get("charge", charge_id)
    charge["disputed"] = True
    dispute = store.add(
        "dispute",
        "du_",
        amount=charge["amount"] - charge["amount_refunded"],
        charge=charge_id,
        currency=charge["currency"],
        payment_intent=charge["payment_intent"],
        reason=reason,
        status="needs_response",
        metadata={},
    )
    store.emit("charge.dispute.created", dispute)
    store.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(store: Store, dispute_id: str, *, won: bool) -> Object:
    """The bank has decided a dispute."""
    dispute = store.find(dispute_id)
    if dispute is None:
        raise missing("dispute", dispute_id)
    dispute["status"] = "won" if won else "lost"
    if won:
        store.get("charge", dispute["charge"])["disputed"] = False
        store.emit("charge.dispute.funds_reinstated", dispute)
    store.emit("charge.dispute.closed", dispute)
    return dispute


def methods_of(store: Store, customer: str) -> list[Object]:
    """The saved payment methods of a customer, newest first."""
    return list(store.all("payment_method", customer=customer))


def shown(value: Any) -> Any:
    """What a client sees: without what only the stand-in knows."""
    if isinstance(value, dict):
        return {name: shown(one) for name, one in value.items() if not name.startswith("_")}
    return [shown(one) for one in value] if isinstance(value, list) else value
