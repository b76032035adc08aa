"""A stand-in of the Hugging Face hub on a loopback socket: what its client asks to list and to download.

Large files lie on another host, as on the hub: `resolve` redirects there, and no token may be sent along.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

INFO = re.compile(r"/api/models/([^/]+/[^/]+)/revision/([^/?]+)")
RESOLVE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
STATISTICS = "/api/agent-harnesses"
"""Asked by the client for its user agent, of no use to a pull."""
LARGE = (".safetensors", ".bin")
"""What the hub keeps outside git."""


@dataclass
class Repository:
    """A repository with one commit."""

    files: dict[str, bytes]
    gated: bool = False
    claimed_size: int | None = None
    """What the hub says the size of the large files is, where that is not the truth."""

    @property
    def commit(self) -> str:
        return hashlib.sha1(b"".join(sorted(name.encode() for name in self.files))).hexdigest()


@dataclass
class Seen:
    """A request."""

    method: str
    path: str
    range: str | None
    authorization: str | None


@dataclass
class Hub:
    """What it has, how it misbehaves and what it was asked."""

    endpoint: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {"hf_known", "hf_allowed"})
    allowed: str = "hf_allowed"
    """The token whose account accepted the terms of gated repositories."""
    status: int | None = None
    """What every request is answered with, if set."""
    stall_after: int | None = None
    """Bytes of a large file after which nothing more comes."""
    break_after: int | None = None
    """Bytes of a large file after which the connection breaks, once."""
    damage: bool = False
    """Whether large files come with a wrong byte."""
    stalled: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    seen: list[Seen] = field(default_factory=list)

    def downloads(self) -> list[Seen]:
        """The requests for the bytes of files."""
        return [one for one in self.seen if one.method == "GET" and "/api/" not in one.path]


class Handler(BaseHTTPRequestHandler):
    """Answers as the hub does."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(self.path.partition("?")[0])
        authorization = self.headers["Authorization"]
        if not path.startswith(STATISTICS):
            self.hub.seen.append(Seen(self.command, path, self.headers["Range"], authorization))
        token = (authorization or "").removeprefix("Bearer ")
        if self.hub.status is not None:
            self.refuse(self.hub.status)
        elif path.startswith("/cdn/"):
            self.large(path.removeprefix("/cdn/"))
        elif token and token not in self.hub.tokens:
            self.refuse(401, message="Invalid credentials in Authorization header")
        elif found := INFO.fullmatch(path):
            self.info(*found.groups(), token=token)
        elif found := RESOLVE.fullmatch(path):
            self.resolve(*found.groups(), token=token)
        else:
            self.refuse(404)

    def info(self, name: str, revision: str, *, token: str) -> None:
        if (repository := self.find(name, revision, token)) is not None:
            siblings = [{"rfilename": file} for file in repository.files]
            model: dict[str, Any] = {"_id": "1", "id": name, "modelId": name, "private": False}
            body = json.dumps(model | {"sha": repository.commit, "siblings": siblings}).encode()
            self.reply(200, body, {"Content-Type": "application/json"})

    def resolve(self, name: str, revision: str, file: str, *, token: str) -> None:
        repository = self.find(name, revision, token)
        if repository is None:
            return
        if repository.gated and token != self.hub.allowed:
            self.refuse(403 if token else 401, "GatedRepo", "Access to this model is restricted.")
            return
        content = repository.files.get(file)
        if content is None:
            self.refuse(404, "EntryNotFound", "Entry not found")
            return
        headers = {"X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
        if file.endswith(LARGE):
            checksum = hashlib.sha256(content).hexdigest()
            size = repository.claimed_size or len(content)
            location = self.hub.endpoint.replace("127.0.0.1", "localhost") + f"/cdn/{checksum}"
            headers |= {
                "Location": location,
                "X-Linked-Size": str(size),
                "X-Linked-Etag": f'"{checksum}"',
            }
            self.reply(302, b"", headers)
        else:
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            self.reply(200, content, headers | {"ETag": f'"{blob}"'})

    def large(self, checksum: str) -> None:
        content = next(
            content
            for repository in self.hub.repositories.values()
            for content in repository.files.values()
            if hashlib.sha256(content).hexdigest() == checksum
        )
        headers = {"ETag": f'"{checksum}"', "Accept-Ranges": "bytes"}
        asked, status = self.headers["Range"], 200
        if asked is not None:
            first = int(asked.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            content, status = content[first:], 206
        if self.hub.damage:
            content = content[:-1] + bytes([content[-1] ^ 1])
        if self.hub.stall_after is not None:
            self.reply(status, content, headers, stop=self.hub.stall_after)
            self.hub.stalled.set()
            self.hub.released.wait(60)
            self.close_connection = True
        elif self.hub.break_after is not None:
            stop, self.hub.break_after = self.hub.break_after, None
            self.reply(status, content, headers, stop=stop)
            self.close_connection = True
        else:
            self.reply(status, content, headers)

    def find(self, name: str, revision: str, token: str) -> Repository | None:
        """The repository, or None where the request has been refused."""
        repository = self.hub.repositories.get(name)
        if repository is None:
            if token:
                self.refuse(404, "RepoNotFound", "Repository not found")
            else:  # a stranger is not told what there is
                self.refuse(401, message="Invalid username or password.")
        elif revision not in ("main", repository.commit):
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return None
        return repository

    def refuse(self, status: int, code: str | None = None, message: str = "") -> None:
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.reply(status, json.dumps({"error": message}).encode(), headers)

    def reply(self, status: int, body: bytes, headers: dict[str, str], *, stop: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:stop])
            self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class HubServer(ThreadingHTTPServer):
    """The stand-in's sockets; a client that was killed is no error."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Says nothing."""


def serve(hub: Hub) -> HubServer:
    """Serves a hub from threads of their own; its address is in `endpoint` afterwards."""
    server = HubServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"hub": hub}))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
