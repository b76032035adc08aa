"""How errors become GraphQL errors: what a caller may know, and a reference for everything else."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterable
from typing import Any

from graphql import FieldNode, GraphQLError, GraphQLFormattedError
from strawberry.exceptions import StrawberryInputCoercionError

from skyhook.errors import InvalidInput, SkyhookError

logger = logging.getLogger("skyhook.graphql")

_VARIABLE = re.compile(r"Variable '\$(\w+)' has invalid value(?: at ([.\w\[\]]+))?")
_ARGUMENT = re.compile(r"Argument '(\w+)'")


class ClientGone(Exception):
    """The client went away; nobody is left to answer."""


class BadRequest(SkyhookError):
    """The HTTP request is not a GraphQL request."""

    code = "BAD_REQUEST"


class BadVariable(SkyhookError):
    """A variable's value does not fit its type; `field` names it."""

    code = "BAD_VARIABLE"


class MethodNotAllowed(SkyhookError):
    """The HTTP method cannot carry this operation."""

    code = "METHOD_NOT_ALLOWED"
    status = 405


class NotAcceptable(SkyhookError):
    """The caller accepts none of the media types that this address can answer with."""

    code = "NOT_ACCEPTABLE"
    status = 406


class BodyTooLarge(SkyhookError):
    """The body is longer than the limit."""

    code = "BODY_TOO_LARGE"
    status = 413


class UnsupportedMediaType(SkyhookError):
    """The body is not `application/json`."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class OperationNotFound(SkyhookError):
    """`operationName` names no operation of the document, or is missing where there are several."""

    code = "OPERATION_NOT_FOUND"


class StreamRequired(SkyhookError):
    """A subscription was sent to a transport that carries one answer."""

    code = "STREAM_REQUIRED"


class ParseFailed(SkyhookError):
    """The document is not GraphQL."""

    code = "GRAPHQL_PARSE_FAILED"


class ValidationFailed(SkyhookError):
    """The document is GraphQL but does not fit the schema."""

    code = "GRAPHQL_VALIDATION_FAILED"


class RequestRefused(Exception):
    """The whole request is refused, before anything ran, with one error or several."""

    def __init__(self, errors: list[GraphQLFormattedError], cause: SkyhookError) -> None:
        super().__init__(cause.message)
        self.errors = errors
        self.cause = cause

    @classmethod
    def of(cls, error: SkyhookError) -> RequestRefused:
        """The refusal that `error` alone makes."""
        return cls([{"message": error.message, "extensions": error.extensions()}], error)

    @classmethod
    def located(cls, kind: type[SkyhookError], errors: Iterable[GraphQLError]) -> RequestRefused:
        """A refusal by several errors of one kind, each with its place in the document."""
        formatted: list[GraphQLFormattedError] = []
        for error in errors:
            one: GraphQLFormattedError = {"message": error.message, "extensions": kind("").extensions()}
            if error.locations:
                one["locations"] = [location.formatted for location in error.locations]
            formatted.append(one)
        return cls(formatted, kind(formatted[0]["message"]))


def variable_errors(errors: list[GraphQLError]) -> RequestRefused:
    """The refusal for variables that could not be coerced."""
    formatted: list[GraphQLFormattedError] = []
    for error in errors:
        match = _VARIABLE.match(error.message)
        field = "".join(part for part in match.groups() if part) if match else None
        bad = BadVariable(error.message, field=field)
        formatted.append({"message": bad.message, "extensions": bad.extensions()})
    return RequestRefused(formatted, BadVariable(errors[0].message))


def format_error(error: GraphQLError, request_id: str) -> GraphQLFormattedError:
    """An error of execution as it is answered; the cause of an unexpected one is logged."""
    message, extensions = _explain(error, request_id)
    formatted: GraphQLFormattedError = {"message": message, "extensions": extensions}
    if error.locations:
        formatted["locations"] = [location.formatted for location in error.locations]
    if error.path is not None:
        formatted["path"] = error.path
    return formatted


def _explain(error: GraphQLError, request_id: str) -> tuple[str, dict[str, Any]]:
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, SkyhookError):
        return cause.message, cause.extensions()
    if isinstance(cause, StrawberryInputCoercionError):
        return cause.message, InvalidInput(cause.message, field=_only_argument(error)).extensions()
    if isinstance(cause, GraphQLError) and (match := _ARGUMENT.match(cause.message)):
        return cause.message, InvalidInput(cause.message, field=match[1]).extensions()
    return internal_error(cause, request_id)


def _only_argument(error: GraphQLError) -> str | None:
    """The argument that a coercion error is about, where the field has no other."""
    node = error.nodes[0] if error.nodes else None
    arguments = node.arguments or () if isinstance(node, FieldNode) else ()
    return arguments[0].name.value if len(arguments) == 1 else None


def internal_error(cause: BaseException, request_id: str) -> tuple[str, dict[str, Any]]:
    """Logs `cause` under a new reference; gives the message and extensions that may be answered."""
    reference = secrets.token_hex(6)
    logger.error(
        "INTERNAL_ERROR reference %s in request %s",
        reference,
        request_id,
        exc_info=(type(cause), cause, cause.__traceback__),
    )
    message = f"Something went wrong on our side. Report it with the reference {reference}."
    return message, {"code": "INTERNAL_ERROR", "retryable": True, "reference": reference}


def internal_refusal(cause: BaseException, request_id: str) -> RequestRefused:
    """The refusal of a request that failed unexpectedly outside of its resolvers."""
    message, extensions = internal_error(cause, request_id)
    refusal = SkyhookError(message)
    refusal.status = 500
    return RequestRefused([{"message": message, "extensions": extensions}], refusal)
