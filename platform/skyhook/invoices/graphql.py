"""GraphQL of billing documents: invoices, receipts, notes, the current month's preview, billing details."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
from sqlalchemy import Select, select

from skyhook.graphql.connections import Connection, Order, Page, paginate
from skyhook.graphql.context import Info
from skyhook.graphql.ids import ByUuid, node_uuid
from skyhook.graphql.nodes import GlobalID, Node
from skyhook.graphql.scalars import BigInt
from skyhook.invoices import content, models
from skyhook.invoices.details import GivenDetails
from skyhook.invoices.service import Preview
from skyhook.scopes import BILLING_READ


@strawberry.enum(description="What a billing document is.")
class BillingDocumentKind(Enum):
    INVOICE = strawberry.enum_value(
        models.DocumentKind.INVOICE.value, description="What was used in a month, paid from credit."
    )
    RECEIPT = strawberry.enum_value(
        models.DocumentKind.RECEIPT.value, description="A paid invoice for a payment by card."
    )
    CREDIT_NOTE = strawberry.enum_value(
        models.DocumentKind.CREDIT_NOTE.value, description="Money of a receipt went back."
    )
    DEBIT_NOTE = strawberry.enum_value(
        models.DocumentKind.DEBIT_NOTE.value, description="A credit note is undone: its money is here again."
    )


@strawberry.type(description="A line of a billing document.")
class BillingLine:
    """One line."""

    title: str
    detail: str = strawberry.field(description="Such as the model; may be empty.")
    meter: str | None
    quantity: BigInt
    unit: str = strawberry.field(description="Singular; empty where nothing is counted.")
    unit_price: BigInt | None = strawberry.field(
        description="Nano-dollars for each unit, where that was the same for all of them."
    )
    amount: BigInt = strawberry.field(description="Nano-dollars.")

    @classmethod
    def of(cls, line: content.Line) -> BillingLine:
        """The GraphQL form of a line."""
        return cls(
            title=line.title,
            detail=line.detail,
            meter=line.meter or None,
            quantity=cast(BigInt, line.quantity),
            unit=line.unit,
            unit_price=cast(BigInt | None, line.unit_price),
            amount=cast(BigInt, line.amount),
        )


@strawberry.type(description="Who sells or buys, as it stands on a billing document.")
class BillingParty:
    """A seller or a customer."""

    name: str
    address: list[str]
    tax_id: str
    purchase_reference: str

    @classmethod
    def of(cls, party: content.Party) -> BillingParty:
        """The GraphQL form of a party."""
        return cls(
            name=party.name,
            address=list(party.address),
            tax_id=party.tax_id,
            purchase_reference=party.purchase_reference,
        )


@strawberry.type(description="A document as it was issued. Amounts are nano-dollars.")
class BillingDocument(ByUuid, Node):
    """An invoice, receipt, credit note or debit note."""

    id: strawberry.relay.NodeID[str]
    kind: BillingDocumentKind
    number: str = strawberry.field(description="Without gaps in each year and kind: INV-2026-000001.")
    month: str | None = strawberry.field(description="Of an invoice: YYYY-MM, in UTC.")
    refers_to: str | None = strawberry.field(description="The number of the document that it corrects.")
    net: BigInt = strawberry.field(description="The sum of the lines, before tax.")
    tax: BigInt
    total: BigInt
    paid: BigInt = strawberry.field(description="Of the total, what was paid at its issue.")
    due: BigInt = strawberry.field(description="total - paid.")
    seller: BillingParty
    customer: BillingParty
    lines: list[BillingLine]
    issued_at: datetime
    pdf_path: str = strawberry.field(
        description="Where this server has it as PDF, for the same key or session."
    )

    @classmethod
    def of(cls, document: models.BillingDocument) -> BillingDocument:
        """The GraphQL form of a row."""
        stored = content.Content.of(document.content)
        return cls(
            id=str(document.id),
            kind=BillingDocumentKind(document.kind),
            number=document.number,
            month=document.month,
            refers_to=stored.refers_to or None,
            net=cast(BigInt, document.net),
            tax=cast(BigInt, document.tax),
            total=cast(BigInt, document.total),
            paid=cast(BigInt, document.paid),
            due=cast(BigInt, document.total - document.paid),
            seller=BillingParty.of(stored.seller),
            customer=BillingParty.of(stored.customer),
            lines=[BillingLine.of(line) for line in stored.lines],
            issued_at=document.issued_at,
            pdf_path=f"/invoices/{document.id}.pdf",
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Documents of the caller's organization."""
        info.context.caller.require(BILLING_READ)
        return select(models.BillingDocument).where(
            models.BillingDocument.id.in_(ids),
            models.BillingDocument.organization_id == info.context.caller.organization_id,
        )


@strawberry.type(description="What the current month's invoice would be now.")
class InvoicePreview:
    """No document yet."""

    month: str = strawberry.field(description="YYYY-MM, in UTC.")
    total: BigInt = strawberry.field(description="Nano-dollars, all paid from credit.")
    lines: list[BillingLine]

    @classmethod
    def of(cls, preview: Preview) -> InvoicePreview:
        """The GraphQL form of a preview."""
        lines = [BillingLine.of(line) for line in preview.content.lines]
        return cls(month=preview.month, total=cast(BigInt, preview.total), lines=lines)


@strawberry.type(description="Who an organization is on its billing documents.")
class BillingDetails:
    """As they will stand on the next document."""

    legal_name: str
    line1: str
    line2: str
    city: str
    postal_code: str
    country: str = strawberry.field(description="ISO 3166-1 alpha-2.")
    tax_id: str
    purchase_reference: str

    @classmethod
    def of(cls, details: models.BillingDetails) -> BillingDetails:
        """The GraphQL form of a row."""
        return cls(
            legal_name=details.legal_name,
            line1=details.line1,
            line2=details.line2,
            city=details.city,
            postal_code=details.postal_code,
            country=details.country,
            tax_id=details.tax_id,
            purchase_reference=details.purchase_reference,
        )


@strawberry.input(description="Who an organization is on its billing documents from now on.")
class BillingDetailsInput:
    """The new details, all of them."""

    legal_name: str
    line1: str = strawberry.field(description="Street and number.")
    line2: str = ""
    city: str
    postal_code: str = ""
    country: str = strawberry.field(description="ISO 3166-1 alpha-2, such as DE.")
    tax_id: str = ""
    purchase_reference: str = strawberry.field(
        default="", description="What documents are to name, such as an order's number."
    )


DocumentId = Annotated[GlobalID, strawberry.argument(description="The document's id.")]


@strawberry.type
class InvoicesQuery:
    """Root fields of billing documents."""

    @strawberry.field(description="The organization's invoices, receipts and notes, newest first.")
    async def invoices(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[BillingDocument]:
        """A page of documents."""
        caller, row = info.context.caller, models.BillingDocument
        caller.require(BILLING_READ)
        query = select(row).where(row.organization_id == caller.organization_id)
        order = Order(row.issued_at, row.id, descending=True)
        async with info.context.services.database.read() as session:
            return await paginate(session, query, Page(first, after, last, before), order, BillingDocument.of)

    @strawberry.field(description="One invoice, receipt or note.")
    async def invoice(self, info: Info, id: DocumentId) -> BillingDocument:
        """A document."""
        document_id = node_uuid(id, "BillingDocument", "id")
        return BillingDocument.of(
            await info.context.services.invoices.document(info.context.caller, document_id)
        )

    @strawberry.field(description="What the current month's invoice would be now.")
    async def invoice_preview(self, info: Info) -> InvoicePreview:
        """The preview."""
        return InvoicePreview.of(await info.context.services.invoices.preview(info.context.caller))

    @strawberry.field(description="Who the organization is on its documents; null where it has not said.")
    async def billing_details(self, info: Info) -> BillingDetails | None:
        """The details."""
        details = await info.context.services.invoices.details(info.context.caller)
        return None if details is None else BillingDetails.of(details)


@strawberry.type
class InvoicesMutation:
    """Root fields of billing documents."""

    @strawberry.mutation(description="Says who the organization is on documents that are issued from now on.")
    async def billing_details_set(self, info: Info, input: BillingDetailsInput) -> BillingDetails:
        """The new details."""
        given = GivenDetails(
            legal_name=input.legal_name,
            line1=input.line1,
            line2=input.line2,
            city=input.city,
            postal_code=input.postal_code,
            country=input.country,
            tax_id=input.tax_id,
            purchase_reference=input.purchase_reference,
        )
        return BillingDetails.of(await info.context.services.invoices.set_details(info.context.caller, given))
