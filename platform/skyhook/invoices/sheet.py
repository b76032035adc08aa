"""A document as people read it: one description that the console's page and the PDF both draw.

Amounts are written exactly, with cents at least and as many digits more as there are, up to nine. Nothing is
rounded, so what is printed adds up as it is printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from skyhook.invoices.content import Content, Line, Party
from skyhook.invoices.models import BillingDocument, DocumentKind
from skyhook.invoices.months import bounds

NANO = 1_000_000_000
TITLES = {
    DocumentKind.INVOICE: "Invoice",
    DocumentKind.RECEIPT: "Receipt",
    DocumentKind.CREDIT_NOTE: "Credit note",
    DocumentKind.DEBIT_NOTE: "Debit note",
}
_NOTES = {
    DocumentKind.INVOICE: "Paid from prepaid credit. Tax, where any is due, was charged with the credit.",
    DocumentKind.RECEIPT: "A paid invoice. The credit pays for calls, which each month's invoice lists.",
    DocumentKind.CREDIT_NOTE: "This amount went back to the card, and its credit was taken back.",
    DocumentKind.DEBIT_NOTE: "The credit note above is undone: its credit was given again.",
}
_EXACT = "Amounts are exact, to the billionth of a dollar; nothing is rounded."


@dataclass(frozen=True, slots=True)
class Row:
    """A line in words."""

    title: str
    detail: str
    quantity: str
    unit_price: str
    amount: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """All that is drawn."""

    title: str
    number: str
    """Empty on a preview."""
    facts: tuple[tuple[str, str], ...]
    seller: Party
    customer: Party
    headline: str
    rows: tuple[Row, ...]
    is_counted: bool
    """Whether the rows have quantities and prices."""
    totals: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    issued_at: datetime


def dollars(nano: int) -> str:
    """Nano-dollars exactly: cents at least, and as many digits more as there are."""
    whole, rest = divmod(abs(nano), NANO)
    digits = f"{rest:09}"
    return f"{'−' if nano < 0 else ''}${whole:,}.{digits[:2]}{digits[2:].rstrip('0')}"


def day(at: datetime) -> str:
    """A day in UTC, such as `6 November 2026`."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y}"


def sheet_of(document: BillingDocument) -> Sheet:
    """An issued document."""
    kind, content = DocumentKind(document.kind), Content.of(document.content)
    facts = [("Number", document.number), ("Date of issue", day(document.issued_at))]
    if document.month:
        facts.append(("Period", period(document.month)))
    if content.refers_to:
        facts.append(("Refers to", content.refers_to))
    if kind == DocumentKind.RECEIPT:
        facts.append(("Date paid", day(datetime.fromisoformat(content.paid_on).replace(tzinfo=UTC))))
    if content.payment:
        facts.append(("Payment", content.payment))
    headline = {
        DocumentKind.INVOICE: f"{dollars(document.total)} paid from credit",
        DocumentKind.RECEIPT: f"{dollars(document.total)} paid by card",
        DocumentKind.CREDIT_NOTE: f"{dollars(document.total)} credited",
        DocumentKind.DEBIT_NOTE: f"{dollars(document.total)} charged again",
    }[kind]
    return _sheet(
        TITLES[kind], document.number, facts, content, headline, _totals(kind, document), _NOTES[kind],
        document.issued_at,
    )  # fmt: skip


def sheet_of_preview(content: Content, month: str, total: int, at: datetime) -> Sheet:
    """What the current month's invoice would be."""
    facts = [("As of", f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"), ("Period", period(month))]
    totals = (("Total so far", dollars(total)), ("Paid from credit", dollars(-total)), ("Due", dollars(0)))
    note = "A preview: no invoice yet. The invoice is issued once the month is over."
    return _sheet("Preview", "", facts, content, f"{dollars(total)} so far", totals, note, at)


def period(month: str) -> str:
    """A month by its first and last day."""
    first, end = bounds(month)
    last = datetime.fromtimestamp(end.timestamp() - 1, UTC)
    return f"1 – {last.day} {first:%B %Y} (UTC)"


def _totals(kind: DocumentKind, document: BillingDocument) -> tuple[tuple[str, str], ...]:
    totals = [("Subtotal", dollars(document.net))]
    if kind != DocumentKind.INVOICE:
        totals.append(("Tax", dollars(document.tax)))
    totals.append(("Total", dollars(document.total)))
    if kind in (DocumentKind.INVOICE, DocumentKind.RECEIPT):
        by = "Paid from credit" if kind == DocumentKind.INVOICE else "Paid by card"
        totals.append((by, dollars(-document.paid)))
        totals.append(("Due", dollars(document.total - document.paid)))
    return tuple(totals)


def _sheet(
    title: str,
    number: str,
    facts: list[tuple[str, str]],
    content: Content,
    headline: str,
    totals: tuple[tuple[str, str], ...],
    note: str,
    at: datetime,
) -> Sheet:
    if content.customer.purchase_reference:
        facts.append(("Your reference", content.customer.purchase_reference))
    is_counted = any(line.unit for line in content.lines)
    return Sheet(
        title=title,
        number=number,
        facts=tuple(facts),
        seller=content.seller,
        customer=content.customer,
        headline=headline,
        rows=tuple(_row(line) for line in content.lines),
        is_counted=is_counted,
        totals=totals,
        notes=(note, _EXACT) if is_counted else (note,),
        issued_at=at,
    )


def _row(line: Line) -> Row:
    quantity = f"{line.quantity:,} {line.unit}{'' if line.quantity == 1 else 's'}" if line.unit else ""
    price = (
        "" if not line.unit else "mixed" if line.unit_price is None else _price(line.unit_price, line.unit)
    )
    return Row(line.title, line.detail, quantity, price, dollars(line.amount))


def _price(nano: int, unit: str) -> str:
    """What a unit costs, or as many of them as make the price one that can be read."""
    many = next((many for many in (1, 1_000) if nano * many >= NANO // 100 or not nano), 1_000_000)
    return f"{dollars(nano * many)} / {unit}" if many == 1 else f"{dollars(nano * many)} / {many:,} {unit}s"
