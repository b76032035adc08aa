"""How much one request may ask for, before its cost: bytes, tokens, depth and aliases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from skyhook.errors import SkyhookError

PAGE_MAXIMUM = 100
"""The most that `first` or `last` may ask for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one request; the defaults fit a public API."""

    body_bytes: int = 4 * 1024 * 1024
    characters: int = 100_000
    """Of the document alone; long inputs belong in variables."""
    tokens: int = 2_000
    depth: int = 12
    aliases: int = 30
    points: int = 10_000
    """The most that one request may cost."""
    cached_characters: int = 500_000
    """Of all documents in the cache together; a parsed document takes some 200 times its text."""
    socket_operations: int = 50
    """Operations in flight on one WebSocket."""


class QueryTooLong(SkyhookError):
    """The document has too many characters or tokens."""

    code = "QUERY_TOO_LONG"


class QueryTooDeep(SkyhookError):
    """The document nests its fields too deeply."""

    code = "QUERY_TOO_DEEP"


class TooManyAliases(SkyhookError):
    """The document uses too many aliases, counted each time their fragment is spread."""

    code = "TOO_MANY_ALIASES"


class QueryTooExpensive(SkyhookError):
    """The request could return more nodes than one request may."""

    code = "QUERY_TOO_EXPENSIVE"


class Shape(NamedTuple):
    """How deep a selection goes, and how many aliases it has with its fragments spread out."""

    depth: int
    aliases: int


def check_shape(document: DocumentNode, limits: Limits) -> None:
    """Raises QueryTooDeep or TooManyAliases for any operation of the document.

    Takes time linear in the document, also for fragments that spread each other many times or in a
    circle (which validation reports afterwards).
    """
    measure = _Measure(document)
    for definition in document.definitions:
        if not isinstance(definition, OperationDefinitionNode):
            continue
        shape = measure.selection(definition.selection_set)
        if shape.depth > limits.depth:
            raise QueryTooDeep(
                f"The query is {shape.depth} fields deep; {limits.depth} is the most. Split it."
            )
        if shape.aliases > limits.aliases:
            raise TooManyAliases(
                f"The query has {shape.aliases} aliases; {limits.aliases} is the most. Split it."
            )


class _Measure:
    def __init__(self, document: DocumentNode) -> None:
        self._fragments = {
            definition.name.value: definition
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        self._shapes: dict[str, Shape] = {}

    def selection(self, selection_set: SelectionSetNode | None) -> Shape:
        depth = aliases = 0
        for node in selection_set.selections if selection_set else ():
            if isinstance(node, FieldNode):
                inner = self.selection(node.selection_set)
                # Introspection nests deeply by nature; validation bounds it with a rule of its own.
                inner_depth = 0 if node.name.value.startswith("__") else 1 + inner.depth
                inner = Shape(inner_depth, inner.aliases + (node.alias is not None))
            elif isinstance(node, FragmentSpreadNode):
                inner = self._fragment(node.name.value)
            else:
                inner = self.selection(node.selection_set)  # type: ignore[attr-defined]
            depth = max(depth, inner.depth)
            aliases += inner.aliases
        return Shape(depth, aliases)

    def _fragment(self, name: str) -> Shape:
        shape = self._shapes.get(name)
        if shape is None:
            self._shapes[name] = Shape(0, 0)  # what a fragment within itself counts for
            definition = self._fragments.get(name)
            shape = self._shapes[name] = self.selection(definition.selection_set if definition else None)
        return shape
