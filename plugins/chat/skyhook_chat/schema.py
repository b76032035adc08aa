"""The plugin's GraphQL root fields."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from uuid import UUID

import strawberry
from skyhook_functions.chat.messages import Message, ToolCall

from skyhook.plugin import CatalogueModel, Info, InvalidInput
from skyhook_chat.completions import Completions
from skyhook_chat.conversations import Conversations
from skyhook_chat.requests import CompletionRequest, check_message, check_sampling, check_tool
from skyhook_chat.settings import ChatSettings
from skyhook_chat.types import (
    ChatCompleteInput,
    ChatCompletion,
    ChatConversation,
    ChatModel,
    ChatStreamEvent,
)

READ = "chat:read"
WRITE = "chat:write"


@strawberry.type
class ChatQuery:
    @strawberry.field(description="The models that chat operations can use.")
    async def chat_models(self, info: Info) -> list[ChatModel]:
        info.context.caller.require(READ)
        models = await info.context.services.catalogue.list("chat")
        return [ChatModel.of(model) for model in models]

    @strawberry.field(description="A conversation by its id.")
    async def chat_conversation(self, info: Info, id: UUID) -> ChatConversation:
        info.context.caller.require(READ)
        conversations = Conversations(info.context.services.database)
        return ChatConversation.of(await conversations.get(info.context.caller, id))


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
        self, info: Info, title: str, system: str | None = None
    ) -> ChatConversation:
        info.context.caller.require(WRITE)
        conversations = Conversations(info.context.services.database)
        return ChatConversation.of(await conversations.create(info.context.caller, title, system))

    @strawberry.mutation(description="Deletes a conversation with all its messages; gives back its id.")
    async def chat_conversation_delete(self, info: Info, id: UUID) -> strawberry.ID:
        info.context.caller.require(WRITE)
        await Conversations(info.context.services.database).delete(info.context.caller, id)
        return strawberry.ID(str(id))


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
    context.caller.require("chat:complete")
    name = asked.model or ChatSettings().default_model
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
    if asked.conversation_id is not None:
        context.caller.require(WRITE)
        messages = await Conversations(context.services.database).continued(
            context.caller, asked.conversation_id, asked.parent_id, messages
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
        conversation_id=asked.conversation_id,
        parent_id=asked.parent_id,
        new_messages=new_messages,
    )
