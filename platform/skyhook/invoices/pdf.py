"""A document as PDF: A4, text that can be selected, the same bytes each time. fpdf2 is imported on use."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from skyhook.invoices.content import Party
from skyhook.invoices.sheet import Sheet

if TYPE_CHECKING:
    from fpdf import FPDF

FONT = "Noto Sans"
LEFT, RIGHT, TOP, BOTTOM = 20.0, 190.0, 18.0, 24.0
"""Millimetres."""
INK, MUTED, RULE = (26, 31, 36), (104, 112, 122), (214, 218, 223)
UNKNOWN = "\ufffd"
"""What is shown for a character that the font lacks."""
_NEAR = {ord("−"): "–", ord("\u00a0"): " ", ord("\u202f"): " "}
_LACKS = f"Characters that this file's font lacks are shown as {UNKNOWN}; the console's page shows them."


def pdf_of(sheet: Sheet) -> bytes:
    """The file."""
    return _Drawing(sheet).bytes()


@cache
def _font(name: str) -> Any:
    return files("skyhook.invoices").joinpath("fonts", name)


class _Drawing:
    """One file on its way."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._lacks = False
        self._pdf = _paper(sheet)
        self._known = frozenset(self._pdf.fonts[FONT.lower()].cmap)  # type: ignore[union-attr]

    def bytes(self) -> bytes:
        """Everything, drawn."""
        self._head()
        self._parties()
        self._headline()
        self._rows()
        self._totals()
        self._notes()
        return bytes(self._pdf.output())

    def _head(self) -> None:
        pdf, sheet = self._pdf, self._sheet
        pdf.set_xy(LEFT, TOP)
        self._write(110, 9, sheet.title, size=20, bold=True)
        pdf.set_xy(LEFT + 90, TOP)
        self._write(RIGHT - LEFT - 90, 9, sheet.seller.name, size=13, bold=True, color=MUTED, align="R")
        pdf.set_y(TOP + 14)
        for label, value in sheet.facts:
            pdf.set_x(LEFT)
            y = pdf.get_y()
            self._write(38, 5, label, bold=True)
            pdf.set_xy(LEFT + 38, y)
            self._write(RIGHT - LEFT - 38, 5, value)
            pdf.set_y(max(pdf.get_y(), y + 5))

    def _parties(self) -> None:
        top = self._pdf.get_y() + 7
        ends = []
        for x, label, party in (
            (LEFT, "From", self._sheet.seller),
            (LEFT + 88, "Bill to", self._sheet.customer),
        ):
            self._pdf.set_xy(x, top)
            self._write(80, 5, label, color=MUTED)
            self._party(x, top + 5, party)
            ends.append(self._pdf.get_y())
        self._pdf.set_y(max(ends) + 8)

    def _party(self, x: float, y: float, party: Party) -> None:
        self._pdf.set_xy(x, y)
        self._write(80, 5, party.name, bold=True)
        tax_id = (f"Tax id {party.tax_id}",) if party.tax_id else ()
        for line in (*party.address, *tax_id):
            self._pdf.set_x(x)
            self._write(80, 5, line)

    def _headline(self) -> None:
        self._pdf.set_x(LEFT)
        self._write(RIGHT - LEFT, 8, self._sheet.headline, size=15, bold=True)
        self._pdf.ln(5)

    def _rows(self) -> None:
        sheet = self._sheet
        columns = ((0, 62, "L"), (62, 36, "R"), (98, 40, "R"), (138, 32, "R"))
        labels = ("Description", "Quantity", "Unit price", "Amount")
        self._line(columns, labels if sheet.is_counted else ("Description", "", "", "Amount"), color=MUTED)
        self._rule()
        for row in sheet.rows:
            cells = (row.title, row.quantity, row.unit_price, row.amount)
            self._room(14)
            self._line(columns, cells)
            if row.detail:
                self._pdf.set_x(LEFT)
                self._write(120, 4.4, row.detail, size=8, color=MUTED)
            self._pdf.ln(1.6)
        if not sheet.rows:
            self._pdf.set_x(LEFT)
            self._write(120, 5, "Nothing was used yet.", color=MUTED)
        self._rule()

    def _line(
        self,
        columns: tuple[tuple[float, float, str], ...],
        cells: tuple[str, ...],
        color: tuple[int, int, int] = INK,
    ) -> None:
        top = self._pdf.get_y()
        ends = [top]
        for (x, width, align), text in zip(columns, cells, strict=True):
            if text:
                self._pdf.set_xy(LEFT + x, top)
                self._write(width, 5, text, align=align, color=color)
                ends.append(self._pdf.get_y())
        self._pdf.set_y(max(ends))

    def _totals(self) -> None:
        self._room(7 * len(self._sheet.totals))
        for place, (label, value) in enumerate(self._sheet.totals):
            is_last = place == len(self._sheet.totals) - 1
            top = self._pdf.get_y()
            self._pdf.set_xy(LEFT + 98, top)
            self._write(36, 5.6, label, bold=is_last)
            self._pdf.set_xy(LEFT + 134, top)
            self._write(36, 5.6, value, bold=is_last, align="R")

    def _notes(self) -> None:
        notes = [*self._sheet.notes, *([_LACKS] if self._lacks else [])]
        self._room(5 * len(notes) + 8)
        self._pdf.ln(8)
        for note in notes:
            self._pdf.set_x(LEFT)
            self._write(RIGHT - LEFT, 4.6, note, size=8, color=MUTED)

    def _rule(self) -> None:
        y = self._pdf.get_y() + 1.2
        self._pdf.set_draw_color(*RULE)
        self._pdf.line(LEFT, y, RIGHT, y)
        self._pdf.set_y(y + 2)

    def _room(self, height: float) -> None:
        """A new page where so much does not fit any more."""
        if self._pdf.will_page_break(height):
            self._pdf.add_page()

    def _write(
        self,
        width: float,
        height: float,
        text: str,
        *,
        size: float = 9,
        bold: bool = False,
        color: tuple[int, int, int] = INK,
        align: str = "L",
    ) -> None:
        """Text within a width; the next is below it."""
        self._pdf.set_font(FONT, "B" if bold else "", size)
        self._pdf.set_text_color(*color)
        self._pdf.multi_cell(width, height, self._shown(text), align=align, new_x="LEFT", new_y="NEXT")

    def _shown(self, text: str) -> str:
        shown = "".join(letter if ord(letter) in self._known else UNKNOWN for letter in text.translate(_NEAR))
        self._lacks |= UNKNOWN in shown
        return shown


def _paper(sheet: Sheet) -> FPDF:
    """An empty file with its fonts and its numbered pages."""
    from fpdf import FPDF

    class Paper(FPDF):
        def footer(self) -> None:
            self.set_y(-15)
            self.set_font(FONT, "", 8)
            self.set_text_color(*MUTED)
            self.cell(0, 5, f"{sheet.number or sheet.title} · Page {self.page_no()} of {{nb}}", align="R")

    paper = Paper(format="A4")
    paper.set_margins(LEFT, TOP, 210 - RIGHT)
    paper.c_margin = 0
    paper.set_auto_page_break(True, BOTTOM)
    paper.set_creation_date(sheet.issued_at)
    paper.set_title(f"{sheet.title} {sheet.number}".strip())
    paper.set_author("Skyhook")
    paper.set_lang("en")
    paper.add_font(FONT, "", _font("NotoSans-Regular.ttf"))
    paper.add_font(FONT, "B", _font("NotoSans-Bold.ttf"))
    paper.add_page()
    return paper
