"""Payments: credit bought by card, the saved cards, and credit that tops itself up."""

from __future__ import annotations

from uuid import UUID

from litestar import Response, get, post
from litestar.enums import MediaType

from skyhook.errors import SkyhookError
from skyhook.operations.caller import Caller
from skyhook.scopes import BILLING_READ, BILLING_WRITE
from skyhook_console.amounts import cents_of
from skyhook_console.visiting import Http, Visit, go

ROWS = 25
OFFERED = ("10", "20", "50", "100")
"""Dollars, one click each."""


@get("/o/{slug:str}/billing/payments")
async def payments_page(visit: Visit, slug: str, before: UUID | None = None) -> Response[str]:
    """What was paid, and what happens by itself."""
    visit, caller = visit.at(slug, BILLING_READ)
    return await _page(visit, caller, before=before)


@get("/o/{slug:str}/billing/cards")
async def cards(visit: Visit, slug: str) -> Response[str]:
    """The saved cards; asked for by the page once it is there, since Stripe may be slow."""
    visit, caller = visit.at(slug, BILLING_READ)
    try:
        found, problem = await visit.services.payments.cards(caller), None
    except SkyhookError as error:
        found, problem = [], error.message
    return visit.page("payment_cards.html", cards=found, problem=problem, may_write=_may_write(caller))


@get("/o/{slug:str}/billing/payments/{payment_id:uuid}")
async def payment_page(visit: Visit, slug: str, payment_id: UUID) -> Response[str]:
    """Where Stripe sends a customer back to."""
    visit, caller = visit.at(slug, BILLING_READ)
    payment = await visit.services.payments.payment(caller, payment_id, fresh=True)
    balance = await visit.services.billing.balance(caller.organization_id)
    return visit.page("payment.html", payment=payment, balance=balance)


@post("/o/{slug:str}/billing/payments", status_code=200)
async def buy(request: Http, visit: Visit, slug: str) -> Response[str]:
    """Sends the customer to Stripe's page."""
    visit, caller = visit.at(slug, BILLING_WRITE)
    form = await _form(request)
    try:
        _, page = await visit.services.payments.top_up(caller, cents_of(form, "amount"))
    except SkyhookError as error:
        return await _page(visit, caller, form=form, error=error)
    return leave(request, visit, page.url)


@post("/o/{slug:str}/billing/cards", status_code=200)
async def portal(request: Http, visit: Visit, slug: str) -> Response[str]:
    """Sends the customer to Stripe's page of cards."""
    visit, caller = visit.at(slug, BILLING_WRITE)
    try:
        return leave(request, visit, await visit.services.payments.portal(caller))
    except SkyhookError as error:
        return await _page(visit, caller, error=error)


@post("/o/{slug:str}/billing/automatic", status_code=200)
async def set_automatic(request: Http, visit: Visit, slug: str) -> Response[str]:
    """Lets the saved card be charged when credit runs low."""
    visit, caller = visit.at(slug, BILLING_WRITE)
    if (asked := await visit.ask_again()) is not None:
        return asked
    form = await _form(request)
    try:
        amounts = [cents_of(form, name) for name in ("threshold", "amount", "monthlyCap")]
        await visit.services.payments.set_auto_top_up(caller, *amounts)
    except SkyhookError as error:
        return await _page(visit, caller, automatic=form, error=error, is_of_automatic=True)
    return go(request, f"/console/o/{slug}/billing/payments")


@post("/o/{slug:str}/billing/automatic/stop", status_code=200)
async def stop_automatic(request: Http, visit: Visit, slug: str) -> Response[str]:
    """Charges the card no more by itself."""
    visit, caller = visit.at(slug, BILLING_WRITE)
    await visit.services.payments.stop_auto_top_up(caller)
    return go(request, f"/console/o/{slug}/billing/payments")


async def _page(
    visit: Visit,
    caller: Caller,
    *,
    before: UUID | None = None,
    form: dict[str, str] | None = None,
    automatic: dict[str, str] | None = None,
    error: SkyhookError | None = None,
    is_of_automatic: bool = False,
) -> Response[str]:
    payments = visit.services.payments
    rows = await payments.payments(caller, ROWS + 1, before)
    setting = await payments.auto_top_up(caller)
    if automatic is None and setting is not None:
        automatic = {
            "threshold": _dollars(setting.threshold),
            "amount": _dollars(setting.amount),
            "monthlyCap": _dollars(setting.monthly_cap),
        }
    return visit.page(
        "payments.html",
        are_taken=payments.are_taken,
        may_write=_may_write(caller),
        owed=await payments.owed(caller),
        rows=rows[:ROWS],
        older=rows[ROWS - 1].id if len(rows) > ROWS else None,
        offered=OFFERED,
        form=form or {},
        automatic=automatic or {"threshold": "5", "amount": "20", "monthlyCap": "100"},
        setting=setting,
        late=await visit.services.subscriptions.late(caller),
        error=error,
        is_of_automatic=is_of_automatic,
    )


def leave(request: Http, visit: Visit, address: str) -> Response[str]:
    """Sends the browser to Stripe: by HTMX, since a form may not lead to another site; else by a link."""
    if request.headers.get("hx-request"):
        return Response("", headers={"HX-Redirect": address}, media_type=MediaType.HTML)
    return visit.page("payment_leave.html", address=address)


async def _form(request: Http) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.form()).items()}


def _dollars(cents: int) -> str:
    """Cents as they are typed."""
    return f"{cents / 100:.2f}".removesuffix(".00")


def _may_write(caller: Caller) -> bool:
    return caller.has_scope(BILLING_WRITE)


HANDLERS = (payments_page, cards, payment_page, buy, portal, set_automatic, stop_automatic)
