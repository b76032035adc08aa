"""The plugin's GraphQL fields."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import strawberry
from embeddings_functions import DIMENSIONS, MOST_TOKENS, Embedder, Nearest, Question, Texts, Vectors
from sqlalchemy import func, select

from skyhook.plugin import Answer, Asked, Call, Context, Info, InvalidInput, new_id
from skyhook_embeddings.tables import Document

TOKENS = "embeddings.tokens"
USE = "embeddings:use"
MOST_TEXTS = 100
MOST_CHARACTERS = 10_000
MOST_DOCUMENTS = 5_000
VECTOR_BYTES = DIMENSIONS * 4
T = TypeVar("T")

TextsToEmbed = Annotated[
    list[str], strawberry.argument(description="Up to 100 texts; of each the first 256 tokens are read.")
]
Text = Annotated[str, strawberry.argument(description="What to look for, in words.")]
First = Annotated[int, strawberry.argument(description="How many to give back: 1 to 100.")]


@strawberry.type(description="Texts as vectors.")
class EmbeddingsVectors:
    """In the order of the texts."""

    dimensions: int = strawberry.field(description="How many numbers a vector has.")
    vectors: list[list[float]] = strawberry.field(description="A vector of length 1 for each text.")


@strawberry.type(description="A text that was found.")
class EmbeddingsHit:
    """The nearest first."""

    text: str = strawberry.field(description="As it was kept.")
    similarity: float = strawberry.field(description="The cosine of the angle to the question: at most 1.")


@strawberry.type
class EmbeddingsMutation:
    """Mutations, since they are charged."""

    @strawberry.mutation(description="Gives a vector for each text.")
    async def embeddings_embed(self, info: Info, texts: TextsToEmbed) -> EmbeddingsVectors:
        """By the function."""
        vectors = (await _embed(info.context, "embeddingsEmbed", texts)).result.content
        return EmbeddingsVectors(dimensions=DIMENSIONS, vectors=[_numbers(one) for one in _split(vectors)])

    @strawberry.mutation(description="Keeps texts, so that they are found by what they mean: up to 5,000.")
    async def embeddings_add(self, info: Info, texts: TextsToEmbed) -> int:
        """How many the organization keeps then."""
        return await add(info.context, texts)

    @strawberry.mutation(description="Finds the kept texts whose meaning is nearest to a text.")
    async def embeddings_search(self, info: Info, text: Text, first: First = 10) -> list[EmbeddingsHit]:
        """Compares all of the organization's."""
        return await search(info.context, text, first)


async def add(context: Context, texts: list[str]) -> int:
    """Keeps texts, for the GraphQL field and the page of the console alike; how many there are then."""
    organization_id = context.caller.organization_id
    count = select(func.count()).where(Document.organization_id == organization_id)
    async with context.services.database.read() as session:
        if (await session.scalar(count) or 0) + len(texts) > MOST_DOCUMENTS:
            raise InvalidInput(f"An organization keeps at most {MOST_DOCUMENTS} texts.", field="texts")
    answer = await _embed(context, "embeddingsAdd", texts)
    async with context.services.database.write() as session:
        if not answer.replayed:
            for text, vector in zip(texts, _split(answer.result.content), strict=True):
                session.add(Document(id=new_id(), organization_id=organization_id, text=text, vector=vector))
            await session.flush()
        return await session.scalar(count) or 0


async def search(context: Context, text: str, first: int) -> list[EmbeddingsHit]:
    """Finds kept texts, for the GraphQL field and the page of the console alike."""
    _check([text], "text")
    if not 1 <= first <= MOST_TEXTS:
        raise InvalidInput(f"`first` must be from 1 to {MOST_TEXTS}.", field="first")
    context.caller.require(USE)
    query = select(Document).where(Document.organization_id == context.caller.organization_id)
    async with context.services.database.read() as session:
        documents = (await session.scalars(query.order_by(Document.id))).all()
    if not documents:
        return []
    asked = Question(text, b"".join(document.vector for document in documents), first)

    async def body(call: Call) -> Nearest:
        nearest = await call.compute(Embedder.search, asked)
        call.quantities[TOKENS] = nearest.tokens
        return nearest

    nearest = (await _run(context, "embeddingsSearch", (text, first), 1, Nearest, body)).result
    return [
        EmbeddingsHit(text=documents[place].text, similarity=similarity)
        for place, similarity in zip(nearest.places, nearest.similarities, strict=True)
    ]


async def _embed(context: Context, operation: str, texts: list[str]) -> Answer[Vectors]:
    _check(texts, "texts")

    async def body(call: Call) -> Vectors:
        vectors = await call.compute(Embedder.embed, Texts(texts))
        call.quantities[TOKENS] = vectors.tokens
        return vectors

    return await _run(context, operation, texts, len(texts), Vectors, body)


async def _run(
    context: Context,
    operation: str,
    arguments: Any,
    texts: int,
    result: type[T],
    body: Callable[[Call], Awaitable[T]],
) -> Answer[T]:
    asked = Asked(
        caller=context.caller,
        operation=operation,
        arguments=arguments,
        at_most={TOKENS: texts * MOST_TOKENS},
        idempotency_key=context.next_idempotency_key(None),
    )
    answer = await context.services.operations.run(asked, result, body)
    context.credit.add(answer.held, answer.charged)
    return answer


def _check(texts: list[str], field: str) -> None:
    if not 1 <= len(texts) <= MOST_TEXTS:
        raise InvalidInput(f"Give 1 to {MOST_TEXTS} texts.", field=field)
    if any(not 1 <= len(text.strip()) <= MOST_CHARACTERS for text in texts):
        raise InvalidInput(f"A text has 1 to {MOST_CHARACTERS} characters.", field=field)


def _split(vectors: bytes) -> list[bytes]:
    return [vectors[start : start + VECTOR_BYTES] for start in range(0, len(vectors), VECTOR_BYTES)]


def _numbers(vector: bytes) -> list[float]:
    numbers = memoryview(vector).cast("f")  # little-endian, as every machine that torch runs on is
    return [round(number, 6) for number in numbers]
