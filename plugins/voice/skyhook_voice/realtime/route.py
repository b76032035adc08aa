"""The address of spoken conversations: `/p/voice/v1/realtime?model=...`."""

from __future__ import annotations

from skyhook.plugin import InvalidInput, WebSocket, WebSocketRoute
from skyhook_voice.realtime.session import Session
from skyhook_voice.scopes import TALK
from skyhook_voice.types import DEFAULT_MODEL

MIND = "chat"
"""The plugin whose models can be the mind."""


async def realtime(socket: WebSocket) -> None:
    """Serves one conversation. Raises InvalidInput without a model, and ModelNotFound."""
    name = socket.query.get("model")
    if not name:
        raise InvalidInput("Name the chat model that shall answer: ?model=skyhook-small", field="model")
    catalogue = socket.services.catalogue
    mind = await catalogue.get(MIND, name)
    await Session(socket, mind.name, await catalogue.get("voice", DEFAULT_MODEL)).serve()


ROUTE = WebSocketRoute(
    path="/v1/realtime",
    scope=TALK,
    handler=realtime,
    subprotocols=("realtime",),
    key_subprotocol="openai-insecure-api-key.",
)
