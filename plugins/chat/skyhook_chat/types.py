"""The plugin's GraphQL types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
from sqlalchemy import Select

from skyhook.plugin import (
    JSON,
    BigInt,
    ByUuid,
    CatalogueModel,
    Connection,
    GlobalID,
    Info,
    Node,
    Order,
    Page,
    node_id,
    node_uuid,
    paginate,
)
from skyhook_chat.completions import Event, Finished
from skyhook_chat.conversations import Conversations, conversations, leaves, messages
from skyhook_chat.scopes import READ
from skyhook_chat.tables import Conversation, StoredMessage
from skyhook_functions.chat.messages import ToolCall


@strawberry.type(description="A model that chat operations can use.")
class ChatModel:
    name: str = strawberry.field(description="What requests call it.")
    title: str = strawberry.field(description="What people call it.")
    source: str = strawberry.field(
        description="bundled (ships with Skyhook), trained (here), hub (weights pulled once) or upstream "
        "(another server)."
    )
    tier: str = strawberry.field(description="small, medium or large.")
    context_tokens: int = strawberry.field(description="The most tokens of prompt and answer together.")
    description: str = strawberry.field(description="What it is good for.")

    @classmethod
    def of(cls, model: CatalogueModel) -> ChatModel:
        return cls(
            name=model.name,
            title=model.title,
            source=model.source,
            tier=model.tier,
            context_tokens=model.context_tokens,
            description=model.description,
        )


@strawberry.type(description="A tool that the model calls.")
class ChatToolCall:
    id: str = strawberry.field(description="What the tool's result names as toolCallId.")
    name: str = strawberry.field(description="The tool's name.")
    arguments: str = strawberry.field(description="JSON text, as the model wrote it; check it before use.")

    @classmethod
    def of(cls, call: ToolCall) -> ChatToolCall:
        return cls(id=call.id, name=call.name, arguments=call.arguments)


@strawberry.type(description="What a completion used and cost.")
class ChatUsage:
    prompt_tokens: int = strawberry.field(description="Tokens of the prompt.")
    completion_tokens: int = strawberry.field(description="Tokens of the answer.")
    cost: BigInt = strawberry.field(description="Nano-dollars.")


@strawberry.type(description="A model's whole answer.")
class ChatCompletion:
    id: strawberry.ID = strawberry.field(description="This completion's own id.")
    model: str = strawberry.field(description="The model that answered.")
    text: str = strawberry.field(description="The answer; empty where the model only calls tools.")
    tool_calls: list[ChatToolCall] = strawberry.field(description="The tools that the model calls.")
    finish_reason: str = strawberry.field(
        description="stop (the model ended or a stop text came), length (maxTokens) or tool_calls."
    )
    usage: ChatUsage = strawberry.field(description="What was used and what it cost.")
    message_ids: list[strawberry.ID] = strawberry.field(
        description="In a conversation: the ids of the request's messages, then of the answer."
    )

    @classmethod
    def of(cls, finished: Finished) -> ChatCompletion:
        return cls(
            id=strawberry.ID(str(finished.id)),
            model=finished.model,
            text=finished.text,
            tool_calls=[ChatToolCall.of(call) for call in finished.tool_calls],
            finish_reason=finished.finish_reason,
            usage=ChatUsage(
                prompt_tokens=finished.usage.prompt_tokens,
                completion_tokens=finished.usage.completion_tokens,
                cost=cast(BigInt, finished.usage.cost),
            ),
            message_ids=[message_id(one) for one in finished.message_ids],
        )


@strawberry.type(description="A part of an answer as it is written; the last one carries the whole.")
class ChatStreamEvent:
    text: str = strawberry.field(description="What to append to the text so far; empty in the last event.")
    tool_call: ChatToolCall | None = strawberry.field(
        description="A tool that the model calls; null in other events."
    )
    completion: ChatCompletion | None = strawberry.field(
        description="The whole answer, in the last event: it has been charged when this arrives."
    )

    @classmethod
    def of(cls, event: Event) -> ChatStreamEvent:
        return cls(
            text=event.text,
            tool_call=ChatToolCall.of(event.tool_call) if event.tool_call else None,
            completion=ChatCompletion.of(event.finished) if event.finished else None,
        )


@strawberry.type(description="A message of a conversation; messages with one parent are branches.")
class ChatMessage(ByUuid, Node):
    id: strawberry.relay.NodeID[str]
    parent_id: strawberry.ID | None = strawberry.field(description="The message before it; null for a first.")
    role: str = strawberry.field(description="system, user, assistant or tool.")
    content: str = strawberry.field(description="Its text.")
    tool_calls: list[ChatToolCall] = strawberry.field(description="The tools that the model calls with it.")
    model: str | None = strawberry.field(description="The model that wrote it.")
    created_at: datetime = strawberry.field(description="When it was stored.")

    @classmethod
    def of(cls, stored: StoredMessage) -> ChatMessage:
        return cls(
            id=str(stored.id),
            parent_id=message_id(stored.parent_id) if stored.parent_id else None,
            role=stored.role,
            content=stored.content,
            tool_calls=[ChatToolCall(**call) for call in stored.tool_calls],
            model=stored.model,
            created_at=stored.created_at,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Messages of the caller's organization."""
        info.context.caller.require(READ)
        return messages(info.context.caller, ids)


MessageId = Annotated[GlobalID, strawberry.argument(description="The last message of the path.")]


@strawberry.type(description="A conversation: a tree of messages that can be continued from any of them.")
class ChatConversation(ByUuid, Node):
    id: strawberry.relay.NodeID[str]
    title: str = strawberry.field(description="As it was given; for people.")
    system: str | None = strawberry.field(description="The system prompt of every answer.")
    created_at: datetime = strawberry.field(description="When it was begun.")

    @classmethod
    def of(cls, conversation: Conversation) -> ChatConversation:
        return cls(
            id=str(conversation.id),
            title=conversation.title,
            system=conversation.system,
            created_at=conversation.created_at,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Conversations of the caller's organization."""
        info.context.caller.require(READ)
        return conversations(info.context.caller, ids)

    @strawberry.field(description="The last message of each branch, newest first.")
    async def branches(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[ChatMessage]:
        order = Order(StoredMessage.created_at, StoredMessage.id, descending=True)
        async with info.context.services.database.read() as session:
            page = Page(first, after, last, before)
            return await paginate(session, leaves(UUID(self.id)), page, order, ChatMessage.of)

    @strawberry.field(description="The messages from the first one to the one with this id.")
    async def path(self, info: Info, message_id: MessageId) -> list[ChatMessage]:
        leaf_id = node_uuid(message_id, "ChatMessage", "messageId")
        stored = await _conversations(info).path(UUID(self.id), leaf_id)
        return [ChatMessage.of(message) for message in stored]


@strawberry.input(description="A tool call of the assistant, given back as it was answered.")
class ChatToolCallInput:
    id: str = strawberry.field(description="As it was answered.")
    name: str = strawberry.field(description="As it was answered.")
    arguments: str = strawberry.field(description="As they were answered: JSON text.")


@strawberry.input(description="A message of the prompt.")
class ChatMessageInput:
    role: str = strawberry.field(description="system, user, assistant or tool.")
    content: str = strawberry.field(default="", description="Its text.")
    tool_calls: list[ChatToolCallInput] = strawberry.field(
        default_factory=list, description="For role assistant: the tools that it called."
    )
    tool_call_id: str | None = strawberry.field(
        default=None, description="For role tool: the id of the call that this is the result of."
    )


@strawberry.input(description="A tool that the model may call; the caller runs it.")
class ChatToolInput:
    name: str = strawberry.field(description="What the model calls it by.")
    description: str = strawberry.field(default="", description="What it does, for the model.")
    parameters: JSON = strawberry.field(description="A JSON Schema object of the arguments.")


@strawberry.input(description="What to complete, and how.")
class ChatCompleteInput:
    messages: list[ChatMessageInput] = strawberry.field(
        description="The prompt: at least one message, the latest last."
    )
    model: str | None = strawberry.field(default=None, description="Default: the plugin's default model.")
    system: str | None = strawberry.field(default=None, description="A system prompt before the messages.")
    tools: list[ChatToolInput] = strawberry.field(
        default_factory=list, description="The tools that the model may call."
    )
    max_tokens: int | None = strawberry.field(
        default=None, description="The most tokens of the answer; default: 512, or what the context leaves."
    )
    temperature: float = strawberry.field(default=1.0, description="0 (the likeliest token) to 2.")
    top_p: float = strawberry.field(default=1.0, description="Draw from the likeliest tokens of this mass.")
    stop: list[str] = strawberry.field(
        default_factory=list, description="At most 4 texts that end the answer; they are not part of it."
    )
    seed: BigInt | None = strawberry.field(
        default=None, description="The same seed and request draw the same answer from the same model."
    )
    conversation_id: GlobalID | None = strawberry.field(
        default=None, description="Continue this conversation and store messages and answer in it."
    )
    parent_id: GlobalID | None = strawberry.field(
        default=None, description="The message to continue from; without it a new branch begins at the root."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same as the header Idempotency-Key, for transports without headers."
    )


def message_id(id: UUID) -> strawberry.ID:
    """The global id of a message."""
    return strawberry.ID(node_id("ChatMessage", id))


def _conversations(info: Info) -> Conversations:
    return Conversations(info.context.services.database)
