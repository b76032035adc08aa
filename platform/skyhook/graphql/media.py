"""Which media type an answer has, by the request's Accept header."""

from __future__ import annotations

from functools import lru_cache

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
STREAM = "text/event-stream"
HTML = "text/html"

_WILDCARDS = {"*/*": GRAPHQL, "application/*": GRAPHQL, "text/*": STREAM}


@lru_cache(maxsize=256)
def negotiate(accept: str | None) -> str | None:
    """The media type that the caller likes best of those an answer can have; None for none of them.

    Without the header the caller gets `application/graphql-response+json`, as GraphQL over HTTP has it
    for servers since 2025. Of two that are liked equally, the one named first wins.
    """
    if not accept:
        return GRAPHQL
    best, best_quality = None, 0.0
    for part in accept[:1000].split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        media_type = _WILDCARDS.get(name, name)
        quality = _quality(parameters)
        if media_type in (GRAPHQL, JSON, STREAM, HTML) and quality > best_quality:
            best, best_quality = media_type, quality
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
