"""Checkout and the customer portal: what the API makes, and the pages that a customer sees."""

from __future__ import annotations

from html import escape

from tests.stripe import payments, subscriptions
from tests.stripe.errors import StripeAnswersError, invalid
from tests.stripe.form import true
from tests.stripe.store import Object, Store

MODES = {"payment", "setup", "subscription"}


def create_session(store: Store, asked: Object) -> Object:
    """A Checkout session, with the address of its page."""
    mode = asked.get("mode")
    if mode not in MODES:
        raise invalid(f"Invalid mode: must be one of {', '.join(sorted(MODES))}", param="mode")
    if not asked.get("success_url"):
        raise invalid("Missing required param: success_url.", param="success_url", code="parameter_missing")
    customer = asked.get("customer")
    if customer is not None:
        store.get("customer", customer)
    lines = [_line(store, one, str(mode)) for one in asked.get("line_items") or []]
    if mode != "setup" and not lines:
        raise invalid("You must pass line_items.", param="line_items")
    total = sum(line["amount_total"] for line in lines)
    session = store.add(
        "checkout.session",
        "cs_test_",
        mode=mode,
        status="open",
        payment_status="no_payment_required" if mode == "setup" else "unpaid",
        customer=customer,
        client_reference_id=asked.get("client_reference_id"),
        currency=asked.get("currency", "usd"),
        amount_subtotal=total,
        amount_total=total,
        success_url=asked["success_url"],
        cancel_url=asked.get("cancel_url"),
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        payment_intent=None,
        setup_intent=None,
        subscription=None,
        invoice=None,
        expires_at=store.now + 86_400,
        metadata=asked.get("metadata") or {},
        _lines=lines,
        _taxed=_taxed(asked),
        _payment=asked.get("payment_intent_data") or {},
        _subscription=asked.get("subscription_data") or {},
    )
    session["url"] = f"{store.address}/c/pay/{session['id']}"
    return session


def _taxed(asked: Object) -> bool:
    if not true((asked.get("automatic_tax") or {}).get("enabled")):
        return False
    update = asked.get("customer_update") or {}
    if asked.get("customer") and update.get("address") != "auto":
        raise invalid(
            "Automatic tax calculation in Checkout requires a valid address on the Customer, or "
            "`customer_update[address]` set to 'auto'."
        )
    ids = true((asked.get("tax_id_collection") or {}).get("enabled"))
    if ids and asked.get("customer") and update.get("name") != "auto":
        raise invalid("Tax ID collection requires updating business name on the customer.")
    return True


def _add_tax(store: Store, session: Object, country: str) -> None:
    """What the page does once the customer has typed an address."""
    address = {"country": country} if country else store.get("customer", session["customer"])["address"]
    if not address:
        raise invalid("An address is needed to tell the tax.")
    store.get("customer", session["customer"])["address"] = address
    tax = store.tax_of(session["amount_subtotal"], address["country"])
    session["total_details"]["amount_tax"] = tax
    session["amount_total"] = session["amount_subtotal"] + tax


def calculate_tax(store: Store, asked: Object) -> Object:
    """What Stripe Tax says of a payment that is not made on a page."""
    address = store.get("customer", str(asked.get("customer")))["address"]
    if not address:
        raise invalid(
            "The customer's location isn't recognized. Set a valid customer address in order to "
            "automatically calculate tax.",
            code="customer_tax_location_invalid",
        )
    amount = sum(payments.whole(line, "amount") for line in asked["line_items"])
    tax = store.tax_of(amount, address["country"])
    return store.add(
        "tax.calculation", "taxcalc_", amount_total=amount + tax, tax_amount_exclusive=tax,
        tax_amount_inclusive=0, currency=payments.currency_of(asked), customer=asked["customer"],
    )  # fmt: skip


def _line(store: Store, asked: Object, mode: str) -> Object:
    quantity = int(asked.get("quantity", 1))
    if "price" in asked:
        price = store.get("price", asked["price"])
    else:
        data = asked["price_data"]
        product = data.get("product_data") or {}
        if mode == "payment" and not (product.get("name") or data.get("product")):
            raise invalid("Missing required param: line_items[0][price_data][product_data].")
        amount = payments.whole(data, "unit_amount")
        if amount < 0:
            raise invalid("This value must be greater than or equal to 0.", param="unit_amount")
        price = {
            "unit_amount": amount, "currency": payments.currency_of(data), "nickname": product.get("name"),
            "recurring": None,
        }  # fmt: skip
    if (mode == "subscription") != (price["recurring"] is not None):
        raise invalid(f"The price does not fit mode `{mode}`.", param="line_items[0][price]")
    return {"price": price, "quantity": quantity, "amount_total": price["unit_amount"] * quantity}


def expire(store: Store, session: Object) -> Object:
    """Closes a session that nobody paid."""
    if session["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can be expired, not {session["status"]}.'
        )
    session["status"] = "expired"
    session["url"] = None
    store.emit("checkout.session.expired", session)
    return session


def pay(
    store: Store, session: Object, number: str, *, asked_owner: bool = False, country: str = ""
) -> str | None:
    """What the page's button does with a card; where its owner is to be asked first, that page's address.

    Raises as a payment does where the card is declined; the session stays open then.
    """
    if session["status"] != "open":
        raise invalid("You're all done here: this Checkout Session has ended.")
    if session["customer"] is None:
        session["customer"] = new_customer(store, {})["id"]
    method = payments.new_method(store, number)
    if payments.card_of(method).asks and not asked_owner:
        return f"/c/pay/{session['id']}/3ds?number={number.replace(' ', '')}"
    if session["_taxed"]:
        _add_tax(store, session, country)
    match session["mode"]:
        case "payment":
            _take(store, session, method)
        case "setup":
            _save(store, session, method)
        case _:
            _subscribe(store, session, method)
    session["status"] = "complete"
    session["payment_status"] = "no_payment_required" if session["mode"] == "setup" else "paid"
    store.emit("checkout.session.completed", session)
    return None


def _take(store: Store, session: Object, method: Object) -> None:
    more = session["_payment"]
    intent = payments.create_intent(
        store,
        {
            "amount": session["amount_total"],
            "currency": session["currency"],
            "customer": session["customer"],
            "payment_method": method["id"],
            "setup_future_usage": more.get("setup_future_usage"),
            "metadata": more.get("metadata"),
            "description": more.get("description"),
        },
    )
    payments.confirm(store, intent, off_session=False, asked_owner=True)
    session["payment_intent"] = intent["id"]


def _save(store: Store, session: Object, method: Object) -> None:
    payments.attach(store, method, session["customer"])
    method["_set_up"] = True
    intent = store.add(
        "setup_intent", "seti_", customer=session["customer"], payment_method=method["id"],
        status="succeeded", usage="off_session", metadata=dict(session["metadata"]),
    )  # fmt: skip
    session["setup_intent"] = intent["id"]
    store.emit("setup_intent.succeeded", intent)


def _subscribe(store: Store, session: Object, method: Object) -> None:
    payments.attach(store, method, session["customer"])
    method["_set_up"] = True
    asked = {
        "customer": session["customer"],
        "items": [{"price": line["price"]["id"]} for line in session["_lines"]],
        "automatic_tax": {"enabled": "true" if session["_taxed"] else "false"},
        "metadata": session["_subscription"].get("metadata"),
    }
    subscription = subscriptions.create(store, asked, method["id"])
    if subscription["status"] != "active":
        raise StripeAnswersError(402, "card_error", "Your card was declined.", code="card_declined")
    session["subscription"] = subscription["id"]
    session["invoice"] = subscription["latest_invoice"]


def new_customer(store: Store, asked: Object) -> Object:
    """A customer."""
    customer = store.add(
        "customer",
        "cus_",
        email=asked.get("email"),
        name=asked.get("name"),
        address=asked.get("address"),
        invoice_settings={"default_payment_method": None, **(asked.get("invoice_settings") or {})},
        metadata=asked.get("metadata") or {},
    )
    store.emit("customer.created", customer)
    return customer


PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<body><main><h1>{title}</h1>{body}</main></body></html>"""


def payment_page(session: Object, error: str = "") -> str:
    """The page on which a customer pays."""
    if session["status"] != "open":
        return PAGE.format(title="This page is no longer available", body="<p>You may close it.</p>")
    total = f"${session['amount_total'] / 100:,.2f}"
    alert = f'<p role="alert">{escape(error)}</p>' if error else ""
    lines = "".join(f"<li>{escape(str(line['price']['nickname']))}</li>" for line in session["_lines"])
    back = f'<a href="{escape(session["cancel_url"])}">Back</a>' if session["cancel_url"] else ""
    return PAGE.format(
        title=f"Pay {total}" if session["mode"] != "setup" else "Save a card",
        body=f'<ul>{lines}</ul>{alert}<form method="post"><label>Card number <input name="number" '
        f'autocomplete="cc-number" required></label><button>Pay</button></form>{back}',
    )


def invoice_page(invoice: Object, error: str = "") -> str:
    """The page on which an open invoice is paid."""
    if invoice["status"] != "open":
        return PAGE.format(title=f"Invoice {invoice['number']}: {invoice['status']}", body="")
    alert = f'<p role="alert">{escape(error)}</p>' if error else ""
    return PAGE.format(
        title=f"Pay ${invoice['amount_due'] / 100:,.2f}",
        body=f'{alert}<form method="post"><label>Card number <input name="number" required></label>'
        "<button>Pay</button></form>",
    )


def asking_page(session: Object, number: str) -> str:
    """The page on which a bank asks the owner of a card."""
    return PAGE.format(
        title="Your bank wants to know that it is you",
        body=f'<form method="post" action="/c/pay/{session["id"]}/3ds"><input type="hidden" name="number" '
        f'value="{escape(number)}"><button name="answer" value="yes">Complete</button>'
        '<button name="answer" value="no">Fail</button></form>',
    )


def portal_page(store: Store, session: Object) -> str:
    """The customer portal: saved cards and subscriptions, each to be ended."""
    cards = "".join(
        f"<li>card ending in {one['card']['last4']} "
        f'<button name="detach" value="{one["id"]}">Remove</button></li>'
        for one in payments.methods_of(store, session["customer"])
    )
    plans = "".join(
        f"<li>{escape(str(one['items']['data'][0]['price']['nickname']))}: {one['status']} "
        f'<button name="end" value="{one["id"]}">Cancel plan</button></li>'
        for one in store.all("subscription", customer=session["customer"])
        if one["status"] != "canceled"
    )
    back = f'<a href="{escape(session["return_url"])}">Back</a>'
    number = '<label>Card number <input name="number"></label>'
    body = f'<form method="post"><ul>{cards}</ul><ul>{plans}</ul>{number}'
    return PAGE.format(
        title="Your billing", body=f'{body}<button name="add" value="1">Add card</button></form>{back}'
    )
