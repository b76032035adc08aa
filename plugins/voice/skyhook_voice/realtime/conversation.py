"""The items of a conversation, as clients see them and as the mind reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from skyhook.plugin import new_id
from skyhook_voice.errors import EventInvalid
from skyhook_voice.realtime.events import NewItem
from skyhook_voice.realtime.mind import Message, ToolCall

MOST_ITEMS = 200
"""The oldest go when there are more."""
NOT_UNDERSTOOD = "(The caller said something that was not understood.)"
"""What the mind reads in place of speech that is no command."""


@dataclass(slots=True)
class Item:
    """An item: somebody's words, a call of a function, or what it gave."""

    kind: Literal["message", "function_call", "function_call_output"]
    id: str
    role: Literal["user", "assistant", "system"] = "user"
    text: str | None = None
    """None for speech that is not transcribed yet, or was not understood."""
    is_spoken: bool = False
    status: Literal["in_progress", "completed", "incomplete"] = "completed"
    call_id: str = ""
    name: str = ""
    arguments: str = ""

    def shown(self) -> dict[str, Any]:
        """The item as the protocol has it."""
        shown: dict[str, Any] = {"id": self.id, "object": "realtime.item", "type": self.kind}
        if self.kind == "function_call":
            return shown | {
                "status": self.status,
                "call_id": self.call_id,
                "name": self.name,
                "arguments": self.arguments,
            }
        if self.kind == "function_call_output":
            return shown | {"call_id": self.call_id, "output": self.text}
        return shown | {"status": self.status, "role": self.role, "content": self._content()}

    def _content(self) -> list[dict[str, Any]]:
        direction = "output" if self.role == "assistant" else "input"
        if self.is_spoken:
            return [{"type": f"{direction}_audio", "transcript": self.text}]
        return [] if self.text is None else [{"type": f"{direction}_text", "text": self.text}]

    def read(self) -> Message:
        """The item as the mind reads it."""
        if self.kind == "function_call":
            return Message("assistant", tool_calls=[ToolCall(self.call_id, self.name, self.arguments)])
        if self.kind == "function_call_output":
            return Message("tool", self.text or "", tool_call_id=self.call_id)
        return Message(self.role, NOT_UNDERSTOOD if self.text is None else self.text)


@dataclass(slots=True)
class Conversation:
    """The items in their order."""

    items: list[Item] = field(default_factory=list)

    def add(self, item: Item) -> str | None:
        """Adds an item at the end; the id of the one before it. Raises EventInvalid for a taken id."""
        if any(other.id == item.id for other in self.items):
            raise EventInvalid(f"There is an item {item.id[:40]!r} already.", field="item.id")
        previous = self.items[-1].id if self.items else None
        self.items = [*self.items, item][-MOST_ITEMS:]
        return previous

    def create(self, new: NewItem) -> tuple[Item, str | None]:
        """Adds an item of the client's; it, and the id of the one before it. Raises EventInvalid."""
        id = new.id or item_id()
        if new.type == "function_call_output":
            if not any(item.kind == "function_call" and item.call_id == new.call_id for item in self.items):
                raise EventInvalid("No function call has this call_id.", field="item.call_id")
            item = Item("function_call_output", id, text=new.output, call_id=new.call_id)
        else:
            item = Item("message", id, new.role, text="\n".join(part.text for part in new.content))
            if not item.text:
                raise EventInvalid("A message has a text.", field="item.content")
        return item, self.add(item)

    def find(self, id: str) -> Item:
        """An item. Raises EventInvalid."""
        for item in self.items:
            if item.id == id:
                return item
        raise EventInvalid(f"There is no item {id[:40]!r}.", field="item_id")

    def messages(self, instructions: str) -> list[Message]:
        """What the mind reads."""
        before = [Message("system", instructions)] if instructions else []
        return before + [item.read() for item in self.items if item.status != "in_progress"]


def item_id() -> str:
    """A new item's id."""
    return f"item_{new_id().hex}"
