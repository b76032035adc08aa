"""Finds the tool calls in a model's text: JSON between `<tool_call>` and `</tool_call>` (Hermes style)."""

from __future__ import annotations

import json
import uuid

from skyhook_functions.chat.messages import ToolCall
from skyhook_functions.chat.text import held_back

OPEN = "<tool_call>"
CLOSE = "</tool_call>"


class ToolCallParser:
    """Splits text that arrives in pieces into plain text and tool calls.

    How the text is split into pieces makes no difference. What stands between the tags without being a call
    is passed on as text, without the tags; white space after a call is dropped.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._inside = False
        self._after_call = False

    def feed(self, text: str) -> list[str | ToolCall]:
        """The parts that `text` completes, in their order."""
        self._pending += text
        parts: list[str | ToolCall] = []
        while True:
            tag = CLOSE if self._inside else OPEN
            before, found, rest = self._pending.partition(tag)
            if not found:
                break
            self._pending = rest
            self._add(parts, before)
            self._inside = not self._inside
        if not self._inside:
            kept = held_back(self._pending, (OPEN,))
            flowing = self._pending[: len(self._pending) - kept]
            self._pending = self._pending[len(flowing) :]
            self._add(parts, flowing)
        return parts

    def finish(self) -> list[str | ToolCall]:
        """The rest. Many models end right after a call's JSON, so a call needs no closing tag here."""
        parts: list[str | ToolCall] = []
        self._add(parts, self._pending)
        self._pending = ""
        return parts

    def _add(self, parts: list[str | ToolCall], text: str) -> None:
        if self._inside and (call := parse_tool_call(text)):
            parts.append(call)
            self._after_call = True
            return
        if self._after_call:
            text = text.lstrip()
        if text:
            parts.append(text)
            self._after_call = False


def parse_tool_call(text: str) -> ToolCall | None:
    """The call in `{"name": ..., "arguments": {...}}`; None where the text is anything else."""
    try:
        call = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(call, dict):
        return None
    name, arguments = call.get("name"), call.get("arguments", {})
    if not (isinstance(name, str) and name and isinstance(arguments, dict)):
        return None
    return ToolCall(f"call_{uuid.uuid4().hex[:24]}", name, json.dumps(arguments, ensure_ascii=False))
