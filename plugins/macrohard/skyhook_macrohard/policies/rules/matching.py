"""Which element of a page a word of the goal means: by role, by name, by label, by what it says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from skyhook_macrohard.page import Element, told

ROLES: dict[str, tuple[str, ...]] = {
    "button": ("button",),
    "link": ("link",),
    "tab": ("tab", "link"),
    "checkbox": ("checkbox", "switch"),
    "radio": ("radio",),
    "textbox": ("textbox", "searchbox", "spinbutton", "combobox"),
    "textarea": ("textbox",),
}
FIELDS = ("textbox", "searchbox", "spinbutton")
NEXT_PAGE = (">", "»", "›", "next", "next page", "more", "load more", "show more")
_TURNS_PAGES = (*NEXT_PAGE, "<", "«", "‹", "previous", "prev", "previous page", "back")
_LONGEST_LABEL = 60
"""More is no label, but a text that happens to stand before the field."""
_JSON = " {}[]\"',"
"""What stands around labels and values where a page shows JSON."""
_USABLE = (
    "button",
    "link",
    "tab",
    "menuitem",
    "menuitemcheckbox",
    "menuitemradio",
    "option",
    "checkbox",
    "radio",
    "switch",
    "treeitem",
    "combobox",
    *FIELDS,
)
_SAME = (
    {"x", "×", "✕", "close", "dismiss"},
    {"delete", "trash", "remove"},
    {"ok", "okay"},
    {"login", "log in", "sign in"},
    {"to", "recipient"},
)
"""Words that people use for one another."""
_ONE_LINE = 1.1
"""A field so many times higher than the lowest one has several lines."""


def elements(page: Element, goal: str) -> list[Element]:
    """What can be acted on, in reading order; what only repeats the goal is left out."""
    said = _plain(goal)
    return [
        one for one in page.all() if one.ref and _plain(one.words) != said and "disabled" not in one.marks
    ]


def fields(found: list[Element]) -> list[Element]:
    """What can be typed into."""
    return [one for one in found if one.role in FIELDS or _is_editable_list(one)]


def named(found: list[Element], name: str, kind: str) -> Element | None:
    """The element that a name means: the exact name before a part of it, what can be used before the rest."""
    right_kind = [one for one in found if one.role in ROLES.get(kind, (kind,))] if kind else []
    usable = [one for one in found if is_usable(one)]
    for some in (right_kind, usable, found):
        if exact := _first(some, lambda one: same(one.words, name)):
            return exact
    for some in (right_kind, usable):
        if part := _first(some, lambda one: _has(one, name)):
            return part
    return None


def of_kind(found: list[Element], kind: str) -> list[Element]:
    """All elements of a kind."""
    some = [one for one in found if one.role in ROLES.get(kind, (kind,))]
    if kind not in ("textbox", "textarea") or not some:
        return some
    lowest = min(_height(one) for one in some)
    high = [one for one in some if _height(one) > lowest * _ONE_LINE]
    if kind == "textarea":
        return high or some
    return [one for one in some if one not in high]


def label_of(field: Element) -> str:
    """What a field is called: by its name or placeholder, else by the text before it."""
    if field.name or "placeholder" in field.properties:
        return field.name or field.properties["placeholder"]
    element = field
    for _ in range(3):
        parent = element.parent
        if parent is None:
            return ""
        for sibling in reversed(parent.children[: parent.children.index(element)]):
            if sibling.role in FIELDS:
                return ""
            if sibling.words and sibling.role not in _USABLE:
                return sibling.words if len(sibling.words) <= _LONGEST_LABEL else ""
        element = parent
    return ""


def value_of(page: Element, label: str) -> str | None:
    """The value beside a label: of a table's row or column, a list of terms, or a text with a colon."""
    what, _, which = label.partition(" of ")
    for table in (one for one in page.all() if one.role in ("table", "grid")):
        value = _of_table(table, label) or (which and _of_table(table, which, what))
        if value:
            return value
    previous = ""
    for one in page.all():
        if one.children or not one.words:
            continue
        if _plain(previous).rstrip(":") == _plain(label):
            return one.words
        before, colon, after = one.words.partition(":")
        if colon and after.strip(_JSON) and _plain(before.strip(_JSON)) == _plain(label):
            return after.strip(_JSON)
        previous = one.words
    return None


def is_usable(element: Element) -> bool:
    """Whether it is made to be clicked, as far as its role, its pointer or those around it tell."""
    return any(one.role in _USABLE or "cursor" in one.marks for one in _outwards(element, 3))


def unopened(found: list[Element], tried: set[str]) -> Iterator[Element]:
    """What may hide more: tabs and items that were not opened yet, then the link to the next page."""
    for one in found:
        is_item = one.role in ("treeitem", "listitem", "tab") and is_usable(one)
        is_closed = one.marks.get("expanded") == "false"
        if (is_item or is_closed) and "selected" not in one.marks and told(one) not in tried:
            yield one
    if forward := next_page(found):
        yield forward


def next_page(found: list[Element]) -> Element | None:
    """The link to the next page of a list."""
    return next((one for one in found if one.words.lower() in NEXT_PAGE and is_usable(one)), None)


def turns_pages(element: Element) -> bool:
    """Whether it is part of what turns the pages of a list."""
    return element.words.isdigit() or element.words.lower() in _TURNS_PAGES


def same(first: str, second: str) -> bool:
    """Whether two names mean the same."""
    one, other = _plain(first), _plain(second)
    return one == other or any(one in words and other in words for words in _SAME)


def _first(found: list[Element], test: Callable[[Element], bool]) -> Element | None:
    """The first one that passes the test, and holds no other that does."""
    passing = [one for one in found if test(one)]
    around = {id(outer) for one in passing for outer in _outwards(one, 20) if outer is not one}
    return next((one for one in passing if id(one) not in around), None)


def _has(element: Element, name: str) -> bool:
    pattern = rf"(?<!\w){re.escape(_plain(name))}(?!\w)"
    return bool(name) and re.search(pattern, _plain(element.words)) is not None


def _outwards(element: Element, most: int) -> Iterator[Element]:
    one: Element | None = element
    for _ in range(most + 1):
        if one is None:
            return
        yield one
        one = one.parent


def _of_table(table: Element, row: str, column: str = "") -> str | None:
    rows = [
        [cell.words for cell in line.children] for line in table.all() if line.role == "row" and line.children
    ]
    heads = [_plain(cell) for cell in rows[0]] if rows else []
    for cells in rows:
        if _plain(cells[0]) != _plain(row) or len(cells) < 2:
            continue
        if not column:
            return cells[1]
        if _plain(column) in heads and heads.index(_plain(column)) < len(cells):
            return cells[heads.index(_plain(column))]
    return None


def _is_editable_list(element: Element) -> bool:
    return element.role == "combobox" and not any(child.role == "option" for child in element.children)


def _height(element: Element) -> float:
    return float(element.marks.get("box", "0,0,0,0").split(",")[3])


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).strip(" .!?")
