"""A snapshot read: the elements of a page as assistive technology sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import yaml

from skyhook_functions.macrohard.messages import Action

_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_HEAD = re.compile(r'(?P<role>[\w-]+)(?: (?P<name>"(?:[^"\\]|\\.)*"))?(?P<marks>(?: \[[^\]]*\])*)')


@dataclass(slots=True, eq=False)
class Element:
    """An element, or a text between elements, which has the role "text"."""

    role: str
    name: str = ""
    text: str = ""
    """Its own text, or the value of a field."""
    marks: dict[str, str] = field(default_factory=dict)
    """Such as `checked`, `selected`, `expanded`, `disabled`, `ref`."""
    properties: dict[str, str] = field(default_factory=dict)
    """Such as `placeholder` and `url`."""
    parent: Element | None = None
    children: list[Element] = field(default_factory=list)

    @property
    def ref(self) -> str | None:
        """What actions name it by."""
        return self.marks.get("ref")

    def all(self) -> Iterator[Element]:
        """The element and all that are inside it, in reading order."""
        yield self
        for child in self.children:
            yield from child.all()

    @property
    def words(self) -> str:
        """All that it says: its name, or the texts inside it."""
        said = self.name or " ".join(filter(None, (self.text, *(child.words for child in self.children))))
        return " ".join(said.split())


@lru_cache(maxsize=8)
def read(snapshot: str) -> Element:
    """The page as an element that holds all others; an empty one where the snapshot cannot be read."""
    page = Element("page")
    try:
        items = yaml.load(snapshot, Loader=_LOADER)  # noqa: S506 - the base loader makes nothing but texts
    except yaml.YAMLError:
        return page
    _fill(page, items)
    return page


def describe(snapshot: str, action: Action | None) -> str:
    """What an action is done to, such as `button "Submit"`."""
    if action is None:
        return ""
    if action.ref is None:
        return f'text "{action.label}"' if action.label else ""
    found = next((one for one in read(snapshot).all() if one.ref == action.ref), None)
    return told(found) if found is not None else action.ref


def told(element: Element) -> str:
    """An element in words, such as `button "Submit"`."""
    said = element.words[:80]
    return f'{element.role} "{said}"' if said else element.role


def _fill(parent: Element, items: Any) -> None:
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict):
            for head, inside in item.items():
                _add(parent, str(head), inside)
        else:
            _add(parent, str(item), None)


def _add(parent: Element, head: str, inside: Any) -> None:
    if head.startswith("/"):
        parent.properties[head[1:]] = str(inside)
        return
    found = _HEAD.fullmatch(head)
    element = Element(found["role"] if found else "text", parent=parent)
    if found is None:
        element.text = head
    else:
        element.name = msgspec.json.decode(found["name"], type=str) if found["name"] else ""
        for mark in re.findall(r"\[([^\]]*)\]", found["marks"]):
            key, _, value = mark.partition("=")
            element.marks[key] = value
    if isinstance(inside, list):
        _fill(element, inside)
    elif inside is not None:
        element.text = str(inside)
    parent.children.append(element)
