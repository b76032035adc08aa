"""Checks that a plugin explains itself: in the schema, and as a distribution."""

from __future__ import annotations

from collections.abc import Iterator

from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType

from skyhook.app import CORE
from skyhook.conformance.subject import Subject
from skyhook.graphql.schema import compose


def describes_its_schema(subject: Subject) -> Iterator[str]:
    """Every type, field and argument that the plugin adds has a description.

    An argument `input` needs none: its type has one.
    """
    before = compose(CORE, [])._schema.type_map
    for name, kind in compose(CORE, [subject.plugin])._schema.type_map.items():
        known = before.get(name)
        if known is None and not kind.description:
            yield f"the type {name} has no description"
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            continue
        of_core = known.fields if isinstance(known, type(kind)) else {}
        for field_name, field in kind.fields.items():
            if field_name in of_core:
                continue
            if not field.description:
                yield f"{name}.{field_name} has no description"
            for argument_name, argument in getattr(field, "args", {}).items():
                if argument_name != "input" and not argument.description:
                    yield f"{name}.{field_name}({argument_name}:) has no description"


def says_what_it_is(subject: Subject) -> Iterator[str]:
    """It says what it is for; the distribution has a summary; an address of documentation is one."""
    if not subject.plugin.description:
        yield "it does not say what it is for: give its manifest a description"
    distribution = subject.distribution
    if distribution is None:
        return
    if "Summary" not in distribution.metadata:
        yield "its distribution has no description: give its pyproject.toml one"
    for line in distribution.metadata.get_all("Project-URL") or ():
        label, _, address = line.partition(",")
        if label.strip().lower() == "documentation" and not address.strip().startswith("https://"):
            yield f"the address of its documentation must begin with https://, not {address.strip()!r}"
