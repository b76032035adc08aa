"""Documents as PDF: their text can be read, and their bytes are the same each time."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import UTC, datetime

from pypdf import PdfReader

from skyhook.clock import new_id
from skyhook.invoices.content import Content, Line, Party
from skyhook.invoices.models import BillingDocument, DocumentKind
from skyhook.invoices.pdf import UNKNOWN, pdf_of
from skyhook.invoices.sheet import Sheet, dollars, sheet_of


def sheet(name: str = "Acme", lines: int = 1) -> Sheet:
    """An invoice to somebody, with so many lines."""
    content = Content(
        Party("Skyhook GmbH", ("Torstraße 1", "10119 Berlin"), "DE123456789"),
        Party(name, ("Long Street 12",)),
        tuple(
            Line("Tokens", 123_456_789, f"model-{number}", 1_234_567, "token", 100, "chat.tokens")
            for number in range(lines)
        ),
    )
    total = lines * 123_456_789
    return sheet_of(
        BillingDocument(
            id=new_id(), organization_id=new_id(), kind=DocumentKind.INVOICE, year=2026, serial=7,
            number="INV-2026-000007", month="2026-11", net=total, tax=0, total=total, paid=total,
            content=content.stored(), issued_at=datetime(2026, 12, 1, 1, tzinfo=UTC),
        )
    )  # fmt: skip


def text_of(file: bytes) -> tuple[str, int]:
    """All text, and the number of pages."""
    pages = PdfReader(io.BytesIO(file)).pages
    return "\n".join(page.extract_text() for page in pages), len(pages)


def test_the_text_can_be_read_in_latin_greek_and_cyrillic() -> None:
    text, pages = text_of(pdf_of(sheet("Łódź & Ωμέγα & Яблоко")))
    assert pages == 1
    for part in (
        "INV-2026-000007", "Łódź & Ωμέγα & Яблоко", "1,234,567 tokens", "$0.10 / 1,000,000 tokens",
        "$0.123456789", "1 – 30 November 2026 (UTC)", "DE123456789", "model-0",
    ):  # fmt: skip
        assert part in text
    assert UNKNOWN not in text


def test_what_the_font_lacks_is_shown_and_said() -> None:
    text, _ = text_of(pdf_of(sheet("日本 شركة \U0001f980")))
    assert UNKNOWN * 2 in text
    assert "the console's page shows them" in text


def test_a_long_document_has_numbered_pages_and_every_line() -> None:
    text, pages = text_of(pdf_of(sheet(lines=60)))
    assert pages > 1
    assert f"Page {pages} of {pages}" in text
    assert text.count("$0.123456789") == 60
    assert dollars(60 * 123_456_789) in text


def test_the_same_document_has_the_same_bytes() -> None:
    one = sheet("Acme")
    assert pdf_of(one) == pdf_of(one)


def test_the_server_starts_without_the_library() -> None:
    code = "import sys; import skyhook.app, skyhook.invoices.pdf; print('fpdf' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
