"""The fields of a form that is drawn from the variables of a GraphQL document."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from skyhook.catalogue.service import CatalogueModel
from skyhook.graphql.examples import ReadExample, Variable

LINE = 24
"""A text that is longer at first, in characters, gets a field of several lines."""
ROWS = 16
Kind: TypeAlias = Literal[
    "text", "long", "lines", "integer", "decimal", "digits", "yes", "choice", "file", "json"
]
_KINDS: dict[str, Kind] = {
    "Int": "integer",
    "Float": "decimal",
    "BigInt": "digits",
    "Boolean": "yes",
    "JSON": "json",
}
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_")


@dataclass(frozen=True, slots=True)
class Input:
    """A field of the form, for one variable."""

    name: str
    label: str
    hint: str
    kind: Kind
    value: str
    """What is written in it at first; for `yes` not empty where it is checked."""
    is_required: bool
    options: Sequence[tuple[str, str]] = ()
    """What can be chosen: the value, and how it is called."""
    accept: str = ""
    """The media types of a file."""
    sample: str = ""
    """The name of the file that is used where there is no other."""

    @property
    def is_code(self) -> bool:
        """Whether letters of one width are better: JSON, and what has several lines at first."""
        return self.kind == "json" or "\n" in self.value

    @property
    def is_wide(self) -> bool:
        """Whether it gets a line of its own."""
        return self.kind in ("long", "lines", "json", "file")

    @property
    def rows(self) -> int:
        """How many lines a field of several lines shows at first."""
        return min(ROWS, max(2, self.value.count("\n") + 1))


def inputs_of(example: ReadExample, models: Sequence[CatalogueModel]) -> list[Input]:
    """The fields for an example's variables, without the one for a conversation."""
    return [
        _input(example, variable, models)
        for variable in example.variables
        if variable.name != example.example.conversation
    ]


def label(name: str) -> str:
    """A variable's name in words."""
    return _WORDS.sub(" ", name).capitalize()


def _input(example: ReadExample, variable: Variable, models: Sequence[CatalogueModel]) -> Input:
    kind, value = _shape(variable)
    options: list[tuple[str, str]] = []
    accept = example.example.files.get(variable.name, "")
    if accept:
        kind = "file"
    elif variable.name == example.example.model and models:
        kind, options = "choice", [(model.name, model.title) for model in models]
    elif variable.choices:
        kind, options = "choice", [(choice, _title(choice, said)) for choice, said in variable.choices]
    if kind == "choice":
        if value and value not in [option for option, _ in options]:
            options.append((value, value))
        if not variable.is_required:
            options.insert(0, ("", "default"))
    return Input(
        variable.name,
        label(variable.name),
        variable.description,
        kind,
        value,
        variable.is_required,
        options,
        accept,
        example.example.samples.get(variable.name, "").rpartition("/")[2],
    )


def _title(choice: str, said: str) -> str:
    return f"{choice} ({said.rstrip('.')})" if said else choice


def _shape(variable: Variable) -> tuple[Kind, str]:
    """What field a variable gets by its type, and the text in it."""
    value: Any = variable.value
    if variable.is_list and variable.type in ("String", "ID"):
        return "lines", "\n".join(value or ())
    if not variable.is_leaf or variable.type == "JSON":
        return "json", "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
    if variable.type == "Boolean":
        return "yes", "yes" if value else ""
    text = "" if value is None else str(value)
    if kind := _KINDS.get(variable.type):
        return kind, text
    return ("long" if "\n" in text or len(text) > LINE else "text"), text
