"""The page of the console: what the organization keeps, and a search in it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from skyhook.plugin import ConsoleForm, ConsolePage, Context
from skyhook_embeddings.schema import USE, add, search
from skyhook_embeddings.tables import Document

SHOWN = 10


async def show(context: Context, query: Mapping[str, str]) -> Mapping[str, Any]:
    """The newest texts; nothing was searched for yet."""
    mine = Document.organization_id == context.caller.organization_id
    newest = select(Document.text, Document.created_at).where(mine).order_by(Document.id.desc()).limit(SHOWN)
    async with context.services.database.read() as session:
        number = await session.scalar(select(func.count()).where(mine))
        return {"number": number, "newest": (await session.execute(newest)).all(), "hits": None}


async def find(context: Context, fields: Mapping[str, str]) -> Mapping[str, Any]:
    return {"hits": await search(context, fields.get("text", ""), SHOWN)}


async def keep(context: Context, fields: Mapping[str, str]) -> None:
    texts = [line.strip() for line in fields.get("texts", "").splitlines()]
    await add(context, [text for text in texts if text])


TEXTS = ConsolePage(
    slug="texts",
    title="Texts",
    template="skyhook_embeddings:templates/texts.html",
    scope=USE,
    show=show,
    forms=(
        ConsoleForm("find", scope=USE, run=find),
        ConsoleForm("keep", scope=USE, run=keep, done="The texts are kept."),
    ),
)
