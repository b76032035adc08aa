"""Invoices, receipts and notes: the list by month, a document as a page and as PDF, billing details."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from litestar import Response, get, post

from skyhook.errors import InvalidInput, SkyhookError
from skyhook.invoices.countries import COUNTRIES
from skyhook.invoices.details import GivenDetails
from skyhook.invoices.errors import LinesDiffer
from skyhook.invoices.models import BillingDetails, BillingDocument, DocumentKind
from skyhook.invoices.pdf import pdf_of
from skyhook.invoices.sheet import TITLES, period
from skyhook.operations.caller import Caller
from skyhook.scopes import BILLING_READ, BILLING_WRITE
from skyhook_console.visiting import Http, Visit, go

ROWS = 50
STATES = {
    DocumentKind.INVOICE: "paid",
    DocumentKind.RECEIPT: "paid",
    DocumentKind.CREDIT_NOTE: "credited",
    DocumentKind.DEBIT_NOTE: "charged again",
}
FIELDS = (
    ("legalName", "legal_name", "Legal name", True, "organization", ""),
    ("line1", "line1", "Street and number", True, "address-line1", ""),
    ("line2", "line2", "Second line", False, "address-line2", ""),
    ("postalCode", "postal_code", "Postal code", False, "postal-code", ""),
    ("city", "city", "City", True, "address-level2", ""),
    ("country", "country", "Country", True, "country", ""),
    ("taxId", "tax_id", "Tax id", False, "off", "Such as a VAT number. Leave it empty for none."),
    ("purchaseReference", "purchase_reference", "Purchase reference", False, "off",
     "What documents are to name, such as an order's number."),
)  # fmt: skip


@get("/o/{slug:str}/billing/invoices")
async def invoices_page(visit: Visit, slug: str, before: UUID | None = None) -> Response[str]:
    """What was issued, by the month of its issue, newest first."""
    visit, caller = visit.at(slug, BILLING_READ)
    invoices = visit.services.invoices
    rows = await invoices.documents(caller, ROWS + 1, before)
    preview, problem = None, None
    try:
        preview = None if before else await invoices.preview(caller)
    except LinesDiffer as error:  # what was issued is to be seen all the same
        problem = error.message
    return visit.page(
        "invoices.html",
        preview=preview,
        problem=problem,
        months=_by_month(rows[:ROWS]),
        older=rows[ROWS - 1].id if len(rows) > ROWS else None,
        titles=TITLES,
        states=STATES,
        period=period,
        details=await invoices.details(caller),
        may_write=caller.has_scope(BILLING_WRITE),
    )


@get("/o/{slug:str}/billing/invoices/preview")
async def preview_page(visit: Visit, slug: str) -> Response[str]:
    """What the current month's invoice would be now."""
    visit, caller = visit.at(slug, BILLING_READ)
    sheet = await visit.services.invoices.preview_sheet(caller)
    return visit.page("invoice.html", sheet=sheet, document_id=None)


@get("/o/{slug:str}/billing/invoices/{document_id:uuid}")
async def invoice_page(visit: Visit, slug: str, document_id: UUID) -> Response[str]:
    """A document, to be read and printed."""
    visit, caller = visit.at(slug, BILLING_READ)
    sheet = await visit.services.invoices.sheet(caller, document_id)
    return visit.page("invoice.html", sheet=sheet, document_id=document_id)


@get("/o/{slug:str}/billing/invoices/{document_id:uuid}/pdf")
async def invoice_pdf(visit: Visit, slug: str, document_id: UUID) -> Response[bytes]:
    """The same as PDF."""
    visit, caller = visit.at(slug, BILLING_READ)
    sheet = await visit.services.invoices.sheet(caller, document_id)
    # In a thread: it takes a while, and other pages go on meanwhile.
    body = await asyncio.to_thread(pdf_of, sheet)
    headers = {"Content-Disposition": f'attachment; filename="{sheet.number}.pdf"'}
    return Response(body, media_type="application/pdf", headers=headers)


@get("/o/{slug:str}/billing/details")
async def details_page(visit: Visit, slug: str) -> Response[str]:
    """Who the organization is on its documents."""
    visit, caller = visit.at(slug, BILLING_READ)
    return await _details(visit, caller, _typed(await visit.services.invoices.details(caller)))


@post("/o/{slug:str}/billing/details", status_code=200)
async def set_details(request: Http, visit: Visit, slug: str) -> Response[str]:
    """Says who the organization is on documents from now on."""
    visit, caller = visit.at(slug, BILLING_WRITE)
    form = await request.form()
    typed = {name: str(form.get(name) or "") for name, *_ in FIELDS}
    try:
        given = GivenDetails(**{column: typed[name] for name, column, *_ in FIELDS})
        await visit.services.invoices.set_details(caller, given)
    except InvalidInput as error:
        return await _details(visit, caller, typed, error)
    return go(request, f"/console/o/{slug}/billing/invoices")


async def _details(
    visit: Visit, caller: Caller, typed: dict[str, str], error: SkyhookError | None = None
) -> Response[str]:
    return visit.page(
        "billing_details.html",
        status=error.status if error else 200,
        fields=FIELDS,
        typed=typed,
        countries=COUNTRIES,
        error=error,
        may_write=caller.has_scope(BILLING_WRITE),
    )


def _typed(details: BillingDetails | None) -> dict[str, str]:
    return {name: getattr(details, column, "") for name, column, *_ in FIELDS}


def _by_month(documents: Sequence[BillingDocument]) -> list[tuple[str, list[BillingDocument]]]:
    months: dict[str, list[BillingDocument]] = {}
    for document in documents:
        months.setdefault(f"{document.issued_at:%B %Y}", []).append(document)
    return list(months.items())


HANDLERS: list[Any] = [invoices_page, preview_page, invoice_page, invoice_pdf, details_page, set_details]
