"""The GraphiQL page, from files of this package: no CDN, no inline script."""

from __future__ import annotations

import hashlib
from html import escape
from pathlib import Path

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.types import Send

STATIC = Path(__file__).parent / "static"
ASSETS = {
    "graphiql.min.js": "text/javascript; charset=utf-8",
    "graphiql.min.css": "text/css; charset=utf-8",
    "react.min.js": "text/javascript; charset=utf-8",
    "react-dom.min.js": "text/javascript; charset=utf-8",
    "start.js": "text/javascript; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
}

_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; font-src data:; "
    "style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GraphiQL · Skyhook</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{assets}/graphiql.min.css">
<link rel="stylesheet" href="{assets}/page.css">
</head>
<body>
<div id="graphiql" data-address="{address}"><p>Loading GraphiQL …</p></div>
<noscript>GraphiQL needs JavaScript. The API itself takes POST requests at this address.</noscript>
<script src="{assets}/react.min.js"></script>
<script src="{assets}/react-dom.min.js"></script>
<script src="{assets}/graphiql.min.js"></script>
<script src="{assets}/start.js"></script>
</body>
</html>
"""


def page(path: str) -> bytes:
    """The page for an API at `path`."""
    # The version is part of the address, so that browsers may keep the files for good.
    contents = b"".join((STATIC / name).read_bytes() for name in ASSETS)
    version = hashlib.sha256(contents).hexdigest()[:12]
    return _PAGE.format(address=escape(path), assets=escape(f"{path}/static/{version}")).encode()


async def send_page(send: Send, body: bytes, method: str) -> None:
    """Answers with the page and its content security policy."""
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"content-security-policy", _POLICY.encode()),
        (b"referrer-policy", b"no-referrer"),
        (b"vary", b"Accept"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    content = b"" if method == "HEAD" else body
    await send({"type": "http.response.body", "body": content, "more_body": False})


def assets_route(path: str) -> HTTPRouteHandler:
    """The route handler of the page's files, below `path`."""
    contents = {name: (STATIC / name).read_bytes() for name in ASSETS}

    @get(f"{path}/static/{{version:str}}/{{name:str}}", include_in_schema=False, name="graphiql-static")
    async def asset(name: FromPath[str]) -> Response[bytes]:
        if name not in ASSETS:
            raise NotFoundException
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(contents[name], media_type=ASSETS[name], headers=headers)

    return asset
