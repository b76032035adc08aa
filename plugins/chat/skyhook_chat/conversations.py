"""Conversations: trees of messages that can be continued from any message."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import Select, delete, exists, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased

from skyhook.plugin import Caller, Database, InvalidInput, NotFound
from skyhook_chat.completions import Finished
from skyhook_chat.requests import CompletionRequest
from skyhook_chat.tables import Conversation, StoredMessage
from skyhook_functions.chat.messages import Message, ToolCall

LONGEST_PATH = 1_000
"""Messages; no model's context takes more."""


class Conversations:
    """Stores conversations; every method sees only those of the caller's organization."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, caller: Caller, title: str, system: str | None) -> Conversation:
        """A new, empty conversation. Raises InvalidInput."""
        title = title.strip()
        if not 1 <= len(title) <= 200:
            raise InvalidInput("A title has 1 to 200 characters.", field="title")
        conversation = Conversation(organization_id=caller.organization_id, title=title, system=system)
        async with self._database.write() as session:
            session.add(conversation)
        return conversation

    async def get(self, caller: Caller, conversation_id: UUID) -> Conversation:
        """Raises NotFound."""
        async with self._database.read() as session:
            conversation = await session.get(Conversation, conversation_id)
        if conversation is None or conversation.organization_id != caller.organization_id:
            raise NotFound("This organization has no such conversation.")
        return conversation

    async def delete(self, caller: Caller, conversation_id: UUID) -> None:
        """Deletes a conversation with its messages. Raises NotFound."""
        await self.get(caller, conversation_id)
        async with self._database.write() as session:
            await session.execute(delete(Conversation).where(Conversation.id == conversation_id))

    async def path(self, conversation_id: UUID, leaf_id: UUID) -> Sequence[StoredMessage]:
        """The messages from the root to `leaf_id`. Raises NotFound."""
        here = (
            select(StoredMessage.id, StoredMessage.parent_id)
            .where(StoredMessage.id == leaf_id, StoredMessage.conversation_id == conversation_id)
            .cte("path", recursive=True)
        )
        parent = aliased(StoredMessage)
        above = select(parent.id, parent.parent_id).join(here, parent.id == here.c.parent_id)
        ancestors = here.union_all(above)
        query = (
            select(StoredMessage).join(ancestors, StoredMessage.id == ancestors.c.id).limit(LONGEST_PATH + 1)
        )
        async with self._database.read() as session:
            messages = (await session.scalars(query)).all()
        if not messages:
            raise NotFound("The conversation has no such message.")
        return _from_root(messages)

    async def continued(
        self, caller: Caller, conversation_id: UUID, parent_id: UUID | None, new: list[Message]
    ) -> list[Message]:
        """`new` behind what was said before: the system prompt and the path to `parent_id`.

        Without `parent_id` the messages begin a new branch at the root. Raises NotFound.
        """
        conversation = await self.get(caller, conversation_id)
        before: list[Message] = []
        if conversation.system:
            before.append(Message(role="system", content=conversation.system))
        if parent_id is not None:
            path = await self.path(conversation_id, parent_id)
            if len(path) >= LONGEST_PATH:
                raise InvalidInput(
                    f"A branch has at most {LONGEST_PATH} messages: begin a new conversation.",
                    field="parentId",
                )
            before += [_to_message(stored) for stored in path]
        return before + new

    async def store(self, request: CompletionRequest, finished: Finished) -> None:
        """Stores the request's new messages and the answer; storing them again changes nothing."""
        if request.conversation_id is None:
            return
        answer = Message(role="assistant", content=finished.text, tool_calls=finished.tool_calls)
        new = request.messages[len(request.messages) - request.new_messages :]
        rows = []
        parent_id = request.parent_id
        for message_id, message in zip(finished.message_ids, [*new, answer], strict=True):
            rows.append(
                {
                    "id": message_id,
                    "conversation_id": request.conversation_id,
                    "parent_id": parent_id,
                    "role": message.role,
                    "content": message.content,
                    "tool_calls": msgspec.to_builtins(message.tool_calls),
                    "tool_call_id": message.tool_call_id,
                    "model": finished.model if message is answer else None,
                }
            )
            parent_id = message_id
        dialect = sqlite if self._database.is_sqlite else postgresql
        async with self._database.write() as session:
            await session.execute(dialect.insert(StoredMessage).on_conflict_do_nothing(), rows)


def conversations(caller: Caller, ids: Sequence[UUID]) -> Select[Conversation]:
    """Those of the conversations that the caller's organization has."""
    return select(Conversation).where(
        Conversation.id.in_(ids), Conversation.organization_id == caller.organization_id
    )


def messages(caller: Caller, ids: Sequence[UUID]) -> Select[StoredMessage]:
    """Those of the messages that are in conversations of the caller's organization."""
    return (
        select(StoredMessage)
        .join(Conversation, Conversation.id == StoredMessage.conversation_id)
        .where(StoredMessage.id.in_(ids), Conversation.organization_id == caller.organization_id)
    )


def leaves(conversation_id: UUID) -> Select[StoredMessage]:
    """The last message of each branch."""
    child = aliased(StoredMessage)
    return select(StoredMessage).where(
        StoredMessage.conversation_id == conversation_id,
        ~exists().where(child.parent_id == StoredMessage.id),
    )


def _from_root(messages: Sequence[StoredMessage]) -> list[StoredMessage]:
    by_parent = {message.parent_id: message for message in messages}
    ordered = []
    message = by_parent.get(None)
    while message is not None:
        ordered.append(message)
        message = by_parent.get(message.id)
    return ordered


def _to_message(stored: StoredMessage) -> Message:
    return Message(
        role=stored.role,
        content=stored.content,
        tool_calls=msgspec.convert(stored.tool_calls, list[ToolCall]),
        tool_call_id=stored.tool_call_id,
    )
