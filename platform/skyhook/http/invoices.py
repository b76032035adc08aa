"""`GET /invoices/{id}.pdf`: a billing document of the caller's organization, for a key or a session."""

from __future__ import annotations

import asyncio
from uuid import UUID

from litestar.types import Receive, Scope, Send

from skyhook.errors import NotFound, Unauthenticated
from skyhook.graphql.budget import RateBudget
from skyhook.graphql.context import Authenticate
from skyhook.graphql.errors import MethodNotAllowed
from skyhook.graphql.head import Head
from skyhook.http.answers import Headers, send_error
from skyhook.invoices.pdf import pdf_of
from skyhook.invoices.service import Invoices
from skyhook.invoices.sheet import Sheet


class InvoiceDownload:
    """Answers GET and HEAD."""

    def __init__(self, invoices: Invoices, authenticate: Authenticate, rate_budget: RateBudget) -> None:
        self._invoices = invoices
        self._authenticate = authenticate
        self._rate_budget = rate_budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send, *, name: str) -> None:
        """Answers a request for the document that the path names."""
        head = Head.of(scope)
        try:
            sheet = await self._sheet(head, name)
            # In a thread: it takes a while, and calls go on meanwhile.
            body = await asyncio.to_thread(pdf_of, sheet)
        except Exception as error:
            is_other_method = isinstance(error, MethodNotAllowed)
            await send_error(send, head, error, [(b"allow", b"GET, HEAD")] if is_other_method else [])
            return
        headers: Headers = [
            (b"content-type", b"application/pdf"),
            (b"content-length", b"%d" % len(body)),
            (b"content-disposition", f'attachment; filename="{sheet.number}.pdf"'.encode()),
            (b"cache-control", b"private, no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-request-id", head.request_id.encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        content = b"" if head.method == "HEAD" else body
        await send({"type": "http.response.body", "body": content, "more_body": False})

    async def _sheet(self, head: Head, name: str) -> Sheet:
        if head.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("Use GET or HEAD.")
        caller = await self._authenticate(head)
        if caller is None:
            raise Unauthenticated(
                "This needs an API key. Send it as the header `Authorization: Bearer sk_...`."
            )
        await self._rate_budget.take(caller, 1)
        try:
            document_id = UUID(name.removesuffix(".pdf"))
        except ValueError as error:
            raise NotFound("There is no such document.") from error
        return await self._invoices.sheet(caller, document_id)
