"""A small S3 on loopback, as far as the store uses it: objects, ranges, multipart uploads, deletes.

It speaks the real protocol (paths with the bucket, XML, ETags, SigV4 in the Authorization header) and checks
each signature with the secret key, so that a request which S3 would refuse is refused here.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

ACCESS_KEY = "AKIATEST"
SECRET_KEY = "secret/of+the-tests"
BUCKET = "files"
REGION = "eu-test-1"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\w+)/(\d{8})/([\w-]+)/s3/aws4_request, ?"
    r"SignedHeaders=([\w;-]+), ?Signature=([0-9a-f]{64})"
)


@dataclass
class S3:
    """What is stored, and how it fails if it is told to."""

    objects: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    failing: tuple[int, str] | None = None
    """The status and the code that every request gets."""
    address: str = ""

    def environment(self) -> dict[str, str]:
        """What a client needs to reach it."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
        }


class Running:
    """The server, for as long as the block lasts."""

    def __init__(self) -> None:
        self.s3 = S3()
        handler = type("Handler", (_Handler,), {"s3": self.s3, "numbers": count(1)})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.s3.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> S3:
        self._thread.start()
        return self.s3

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    s3: S3
    numbers: count[int]

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        self.s3.requests.append(f"{self.command} {parts.path}")
        if self.s3.failing:
            self._refuse(*self.s3.failing)
        elif problem := self._unsigned(parts.path, query, body):
            self._refuse(403, problem)
        elif bucket != BUCKET:
            self._refuse(404, "NoSuchBucket")
        else:
            getattr(self, f"_{self.command.lower()}")(key, query, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve

    def _unsigned(self, path: str, query: dict[str, str], body: bytes) -> str | None:
        """The code of what is wrong with the signature."""
        match = _AUTHORIZATION.fullmatch(self.headers.get("Authorization", ""))
        if match is None:
            return "AccessDenied"
        access_key, day, region, signed_headers, signature = match.groups()
        digest = self.headers["x-amz-content-sha256"]
        if digest not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            return "XAmzContentSHA256Mismatch"
        canonical = "\n".join(
            [
                self.command,
                path,
                "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted(query.items())),
                *(f"{name}:{self.headers[name].strip()}" for name in signed_headers.split(";")),
                "",
                signed_headers,
                digest,
            ]
        )
        scope = f"{day}/{region}/s3/aws4_request"
        text = "\n".join(
            [
                "AWS4-HMAC-SHA256",
                self.headers["x-amz-date"],
                scope,
                hashlib.sha256(canonical.encode()).hexdigest(),
            ]
        )
        key = f"AWS4{SECRET_KEY}".encode()
        for step in (day, region, "s3", "aws4_request"):
            key = hmac.digest(key, step.encode(), hashlib.sha256)
        expected = hmac.digest(key, text.encode(), hashlib.sha256).hex()
        return None if (access_key, signature) == (ACCESS_KEY, expected) else "SignatureDoesNotMatch"

    def _put(self, key: str, query: dict[str, str], body: bytes) -> None:
        if "uploadId" in query:
            self.s3.uploads[query["uploadId"]][int(query["partNumber"])] = body
        else:
            self.s3.objects[key] = body
        self._answer(200, ETag=_tag(body))

    def _post(self, key: str, query: dict[str, str], body: bytes) -> None:
        if "uploads" in query:
            upload = f"upload-{next(self.numbers)}"
            self.s3.uploads[upload] = {}
            self._xml(
                f"<InitiateMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>{key}</Key>"
                f"<UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            )
        elif "delete" in query:
            keys = re.findall(r"<Key>(.*?)</Key>", body.decode())
            for one in keys:
                self.s3.objects.pop(one, None)
            deleted = "".join(f"<Deleted><Key>{one}</Key></Deleted>" for one in keys)
            self._xml(f"<DeleteResult>{deleted}</DeleteResult>")
        else:
            parts = self.s3.uploads.pop(query["uploadId"])
            self.s3.objects[key] = b"".join(parts[number] for number in sorted(parts))
            self._xml(
                f"<CompleteMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>{key}</Key>"
                f"<ETag>{_tag(body)}</ETag></CompleteMultipartUploadResult>"
            )

    def _get(self, key: str, _query: dict[str, str], _body: bytes) -> None:
        content = self.s3.objects.get(key)
        if content is None:
            self._refuse(404, "NoSuchKey")
            return
        headers = {"ETag": _tag(content), "Last-Modified": "Sun, 01 Nov 2026 00:00:00 GMT"}
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if match is None:
            self._answer(200, content, **headers)
            return
        start, end = int(match[1]), min(int(match[2]), len(content) - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        self._answer(206, content[start : end + 1], **headers)

    _head = _get

    def _delete(self, key: str, query: dict[str, str], _body: bytes) -> None:
        if "uploadId" in query:
            self.s3.uploads.pop(query["uploadId"], None)
        self.s3.objects.pop(key, None)
        self._answer(204)

    def _refuse(self, status: int, code: str) -> None:
        self._xml(f"<Error><Code>{code}</Code><Message>No.</Message></Error>", status)

    def _xml(self, text: str, status: int = 200) -> None:
        self._answer(status, f'<?xml version="1.0"?>{text}'.encode(), **{"Content-Type": "application/xml"})

    def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Keeps quiet."""


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'
