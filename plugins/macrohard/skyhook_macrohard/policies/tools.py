"""The computer-use tools: one for each action, as chat models are told of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_REASON = {"reason": {"type": "string", "description": "Why, in a short sentence."}}
_REF = {"ref": {"type": "string", "description": "The element's ref in the latest snapshot, such as e5."}}
_LABEL = {"label": {"type": "string", "description": "Instead of ref: an element's whole visible text."}}
_POINT = {
    "x": {"type": "integer", "description": "Instead of ref, with y: a place in the boxes' coordinates."},
    "y": {"type": "integer"},
}
_TO = {"to_ref": {"type": "string", "description": "The ref to drop it on; or to_x and to_y."}}
_TO_POINT = {"to_x": {"type": "integer"}, "to_y": {"type": "integer"}}


@dataclass(frozen=True, slots=True)
class ActionTool:
    """A tool, named as its action is."""

    name: str
    description: str
    properties: dict[str, Any]
    required: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """Of a JSON Schema."""
        return {"properties": _REASON | self.properties, "required": ["reason", *self.required]}


def _text(description: str) -> dict[str, Any]:
    return {"text": {"type": "string", "description": description}}


TOOLS = {
    tool.name: tool
    for tool in (
        ActionTool("click", "Clicks an element.", _REF | _LABEL | _POINT),
        ActionTool("double_click", "Clicks an element twice.", _REF | _LABEL | _POINT),
        ActionTool(
            "type",
            "Types into a field, in place of what is in it.",
            _REF | _text("What to type."),
            ("ref", "text"),
        ),
        ActionTool(
            "press",
            "Presses a key, in an element or where the focus is.",
            _REF | {"key": {"type": "string", "description": "Such as Enter, Tab, ArrowDown, Control+A."}},
            ("key",),
        ),
        ActionTool(
            "select", "Chooses an option of a list.", _REF | _text("The option's label."), ("ref", "text")
        ),
        ActionTool("drag", "Drags an element or a point onto another.", _REF | _POINT | _TO | _TO_POINT),
        ActionTool(
            "scroll",
            "Scrolls the page, or the element.",
            _REF | {"pixels": {"type": "integer", "description": "Down; negative is up."}},
            ("pixels",),
        ),
        ActionTool("wait", "Waits.", {"seconds": {"type": "number", "description": "At most 10."}}),
        ActionTool("go", "Opens a URL of an allowed site.", {"url": {"type": "string"}}, ("url",)),
        ActionTool("back", "Goes back to the page before.", {}),
        ActionTool("done", "The goal is reached.", _text("The answer, where one is asked for.")),
        ActionTool("fail", "The goal cannot be reached.", _text("Why."), ("text",)),
    )
}
