"""The console's files: stylesheets, scripts, icon. Compressed once, and kept by browsers for good."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def version() -> str:
    """What tells these files from those of other releases; a part of their addresses."""
    digest = hashlib.sha256()
    for path in _paths():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def route() -> HTTPRouteHandler:
    """The handler of the files, which are read now."""
    contents = {path.name: path.read_bytes() for path in _paths()}
    compressed = {name: gzip.compress(content, mtime=0) for name, content in contents.items()}

    @get("/console/static/{version:str}/{name:str}", include_in_schema=False, name="console-static")
    async def asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        if name not in contents:
            raise NotFoundException
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        content = contents[name]
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            content = compressed[name]
        return Response(content, media_type=TYPES[Path(name).suffix], headers=headers)

    return asset


def _paths() -> list[Path]:
    return sorted(path for path in STATIC.iterdir() if path.suffix in TYPES)
