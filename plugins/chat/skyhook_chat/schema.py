"""The plugin's GraphQL root fields."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

import strawberry
from sqlalchemy import select

from skyhook.plugin import (
    CatalogueModel,
    Connection,
    GlobalID,
    Info,
    InvalidInput,
    Order,
    Page,
    node_uuid,
    paginate,
)
from skyhook_chat.completions import Completions
from skyhook_chat.conversations import Conversations
from skyhook_chat.requests import DEFAULT_MODEL, CompletionRequest, check_message, check_sampling, check_tool
from skyhook_chat.scopes import COMPLETE, READ, WRITE
from skyhook_chat.tables import Conversation
from skyhook_chat.types import (
    ChatCompleteInput,
    ChatCompletion,
    ChatConversation,
    ChatModel,
    ChatStreamEvent,
)
from skyhook_functions.chat.messages import Message, ToolCall

ConversationId = Annotated[GlobalID, strawberry.argument(description="The conversation's id.")]
Title = Annotated[str, strawberry.argument(description="For people; 1 to 200 characters.")]
System = Annotated[str | None, strawberry.argument(description="The system prompt of every answer.")]


@strawberry.type
class ChatQuery:
    @strawberry.field(description="The models that chat operations can use.")
    async def chat_models(self, info: Info) -> list[ChatModel]:
        info.context.caller.require(READ)
        models = await info.context.services.catalogue.list("chat")
        return [ChatModel.of(model) for model in models]

    @strawberry.field(description="A conversation by its id.")
    async def chat_conversation(self, info: Info, id: ConversationId) -> ChatConversation:
        info.context.caller.require(READ)
        conversations = Conversations(info.context.services.database)
        conversation_id = node_uuid(id, "ChatConversation", "id")
        return ChatConversation.of(await conversations.get(info.context.caller, conversation_id))

    @strawberry.field(description="The organization's conversations, newest first.")
    async def chat_conversations(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[ChatConversation]:
        caller = info.context.caller
        caller.require(READ)
        query = select(Conversation).where(Conversation.organization_id == caller.organization_id)
        order = Order(Conversation.created_at, Conversation.id, descending=True)
        async with info.context.services.database.read() as session:
            page = Page(first, after, last, before)
            return await paginate(session, query, page, order, ChatConversation.of)


@strawberry.type
class ChatMutation:
    @strawberry.mutation(description="A model's whole answer to a prompt.")
    async def chat_complete(self, info: Info, input: ChatCompleteInput) -> ChatCompletion:
        context = info.context
        model, request = await _request(info, input)
        finished = await Completions(context.services.operations).complete(
            context.caller,
            model,
            request,
            context.next_idempotency_key(input.idempotency_key),
            context.credit.add,
        )
        await Conversations(context.services.database).store(request, finished)
        return ChatCompletion.of(finished)

    @strawberry.mutation(description="A new, empty conversation.")
    async def chat_conversation_create(
        self, info: Info, title: Title, system: System = None
    ) -> ChatConversation:
        info.context.caller.require(WRITE)
        conversations = Conversations(info.context.services.database)
        return ChatConversation.of(await conversations.create(info.context.caller, title, system))

    @strawberry.mutation(description="Deletes a conversation with all its messages; gives back its id.")
    async def chat_conversation_delete(self, info: Info, id: ConversationId) -> GlobalID:
        info.context.caller.require(WRITE)
        conversations = Conversations(info.context.services.database)
        await conversations.delete(info.context.caller, node_uuid(id, "ChatConversation", "id"))
        return id


@strawberry.type
class ChatSubscription:
    @strawberry.subscription(description="A model's answer as it is written.")
    async def chat_stream(
        self, info: Info, input: ChatCompleteInput
    ) -> AsyncGenerator[ChatStreamEvent, None]:
        context = info.context
        model, request = await _request(info, input)
        events = Completions(context.services.operations).stream(
            context.caller,
            model,
            request,
            context.next_idempotency_key(input.idempotency_key),
            context.credit.add,
        )
        try:
            async for event in events:
                if event.finished is not None:
                    await Conversations(context.services.database).store(request, event.finished)
                yield ChatStreamEvent.of(event)
        finally:
            await events.aclose()


async def _request(info: Info, asked: ChatCompleteInput) -> tuple[CatalogueModel, CompletionRequest]:
    context = info.context
    context.caller.require(COMPLETE)
    name = asked.model or DEFAULT_MODEL
    model = await context.services.catalogue.get("chat", name)
    messages = [
        check_message(
            message.role,
            message.content,
            [ToolCall(id=call.id, name=call.name, arguments=call.arguments) for call in message.tool_calls],
            message.tool_call_id,
        )
        for message in asked.messages
    ]
    if not messages:
        raise InvalidInput("A prompt has at least one message.", field="messages")
    new_messages = len(messages)
    conversation_id = parent_id = None
    if asked.conversation_id is not None:
        context.caller.require(WRITE)
        conversation_id = node_uuid(asked.conversation_id, "ChatConversation", "conversationId")
        if asked.parent_id is not None:
            parent_id = node_uuid(asked.parent_id, "ChatMessage", "parentId")
        messages = await Conversations(context.services.database).continued(
            context.caller, conversation_id, parent_id, messages
        )
    elif asked.parent_id is not None:
        raise InvalidInput("parentId goes with conversationId.", field="parentId")
    if asked.system is not None:
        messages = [Message(role="system", content=asked.system), *messages]
    sampling = check_sampling(
        model,
        max_tokens=asked.max_tokens,
        temperature=asked.temperature,
        top_p=asked.top_p,
        stop=asked.stop,
        seed=asked.seed,
    )
    return model, CompletionRequest(
        messages=messages,
        tools=[check_tool(tool.name, tool.description, tool.parameters) for tool in asked.tools],
        sampling=sampling,
        conversation_id=conversation_id,
        parent_id=parent_id,
        new_messages=new_messages,
    )
