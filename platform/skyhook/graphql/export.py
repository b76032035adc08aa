"""The schema as text, and what a change of it breaks."""

from __future__ import annotations

from graphql import build_schema, find_breaking_changes, lexicographic_sort_schema, print_schema
from strawberry import Schema


def export_schema(schema: Schema) -> str:
    """The schema in SDL, sorted, so that a diff shows what changed and nothing else."""
    return print_schema(lexicographic_sort_schema(schema._schema)) + "\n"


def breaking_changes(old: str, new: str) -> list[str]:
    """What clients of the schema `old` could no longer do with `new`, one sentence each, sorted."""
    changes = find_breaking_changes(build_schema(old), build_schema(new))
    return sorted(change.description for change in changes)
