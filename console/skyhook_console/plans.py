"""The plan: what is offered by the month, what the organization has, and what becomes of it."""

from __future__ import annotations

from litestar import Response, get, post

from skyhook.errors import SkyhookError
from skyhook.operations.caller import Caller
from skyhook.payments.plan_models import LATE, LIVE
from skyhook.scopes import BILLING_READ, BILLING_WRITE
from skyhook_console.payments import leave
from skyhook_console.visiting import Http, Visit, go


@get("/o/{slug:str}/billing/plan")
async def plan_page(visit: Visit, slug: str, paid: bool = False) -> Response[str]:
    """The plans, and the subscription; with `paid`, of a customer whom Stripe's page just sent back."""
    visit, caller = visit.at(slug, BILLING_READ)
    return await _page(visit, caller, is_back=paid)


@post("/o/{slug:str}/billing/plan", status_code=200)
async def start(request: Http, visit: Visit, slug: str) -> Response[str]:
    """Sends the customer to Stripe's page."""
    visit, caller = visit.at(slug, BILLING_WRITE)
    try:
        address = await visit.services.subscriptions.start(caller, await _plan(request))
    except SkyhookError as error:
        return await _page(visit, caller, error=error)
    return leave(request, visit, address)


@post("/o/{slug:str}/billing/plan/change", status_code=200)
async def change(request: Http, visit: Visit, slug: str) -> Response[str]:
    """Another plan, which the saved card may be charged for."""
    visit, caller = visit.at(slug, BILLING_WRITE)
    if (asked := await visit.ask_again()) is not None:
        return asked
    try:
        await visit.services.subscriptions.change(caller, await _plan(request))
    except SkyhookError as error:
        return await _page(visit, caller, error=error)
    return go(request, f"/console/o/{slug}/billing/plan")


@post("/o/{slug:str}/billing/plan/cancel", status_code=200)
async def cancel(request: Http, visit: Visit, slug: str) -> Response[str]:
    """Lets the plan end."""
    visit, caller = visit.at(slug, BILLING_WRITE)
    try:
        await visit.services.subscriptions.cancel(caller)
    except SkyhookError as error:
        return await _page(visit, caller, error=error)
    return go(request, f"/console/o/{slug}/billing/plan")


@post("/o/{slug:str}/billing/plan/resume", status_code=200)
async def resume(request: Http, visit: Visit, slug: str) -> Response[str]:
    """Lets a plan go on that was to end."""
    visit, caller = visit.at(slug, BILLING_WRITE)
    try:
        await visit.services.subscriptions.resume(caller)
    except SkyhookError as error:
        return await _page(visit, caller, error=error)
    return go(request, f"/console/o/{slug}/billing/plan")


async def _page(
    visit: Visit, caller: Caller, *, is_back: bool = False, error: SkyhookError | None = None
) -> Response[str]:
    subscriptions = visit.services.subscriptions
    try:
        row = await subscriptions.current(caller, fresh=is_back)
    except SkyhookError as refused:
        row, error = await subscriptions.current(caller), refused
    plans = await subscriptions.plans.all()
    is_live = row is not None and row.state in LIVE
    named = {plan.name: plan for plan in plans}
    return visit.page(
        "plan.html",
        are_taken=visit.services.payments.are_taken,
        may_write=caller.has_scope(BILLING_WRITE),
        row=row,
        is_live=is_live,
        late=row if row is not None and row.state in LATE else None,
        plan=named[row.plan] if row is not None and row.plan else None,
        next_plan=named[row.next_plan] if row is not None and row.next_plan else None,
        paid_cents=await subscriptions.paid_cents(row) if row is not None and is_live else 0,
        offered=[plan for plan in plans if plan.is_offered],
        is_awaited=is_back and not is_live,
        error=error,
    )


async def _plan(request: Http) -> str:
    return str((await request.form()).get("plan", ""))


HANDLERS = (plan_page, start, change, cancel, resume)
