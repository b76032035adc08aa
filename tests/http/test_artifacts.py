"""Artifacts over real HTTP: uploads, links, ranges, and what is refused."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.serving import Server

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
LARGE = os.urandom(3_000_000)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def upload(
    server: Server, content: Any, name: str = "a.png", *, key: str | None = None, media_type: str = ""
) -> httpx.Response:
    """Uploads a content."""
    headers = {"Content-Type": media_type} if media_type else {}
    with server.client(key) as client:
        return client.post("/artifacts", params={"name": name}, content=content, headers=headers)


def error(response: httpx.Response) -> tuple[int, str]:
    """The status and the code of an error."""
    return response.status_code, response.json()["errors"][0]["extensions"]["code"]


def new_key(server: Server, *scopes: str, organization: str = "first") -> str:
    """A key with scopes."""
    options = [option for scope in scopes for option in ("--scope", scope)]
    output = server.command("keys", "create", organization, "--name", "Test", *options)
    return re.search(r"sk_live_\w+", output)[0]  # type: ignore[index]


@pytest.fixture(scope="module")
def large(server: Server) -> Iterator[str]:
    """The link to three million bytes."""
    return upload(server, LARGE, "large.bin").json()["url"]  # type: ignore[no-any-return]


def test_an_upload_is_described_and_can_be_read_back(server: Server) -> None:
    response = upload(server, PNG, "Bild 1 ä.png")
    assert response.status_code == 201
    described = response.json()
    assert described["mediaType"] == "image/png"
    assert described["sizeBytes"] == str(len(PNG))
    assert described["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert described["url"].startswith(f"{server.address}/artifacts/")
    downloaded = httpx.get(described["url"])
    assert downloaded.content == PNG
    headers = downloaded.headers
    assert headers["content-type"] == "image/png"
    assert headers["content-disposition"] == (
        "inline; filename=\"Bild 1 _.png\"; filename*=UTF-8''Bild%201%20%C3%A4.png"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert re.fullmatch(r"private, max-age=3[56]\d\d, immutable", headers["cache-control"])
    found = server.graphql(
        """query ($id: ID!) { node(id: $id) { ... on Artifact { name sizeBytes url(expiresIn: 60) } }
           artifact(id: $id) { sha256 madeBy } }""",
        id=described["id"],
    )["data"]
    assert found["node"]["sizeBytes"] == str(len(PNG))
    assert httpx.get(found["node"]["url"]).content == PNG
    assert found["artifact"] == {"sha256": described["sha256"], "madeBy": None}


@pytest.mark.parametrize(
    ("content", "name", "media_type"), [(SVG, "a.svg", "image/svg+xml"), (HTML, "a.html", "text/html")]
)
def test_what_can_carry_a_script_is_never_shown(
    server: Server, content: bytes, name: str, media_type: str
) -> None:
    url = upload(server, content, name, media_type=media_type).json()["url"]
    headers = httpx.get(url).headers
    assert headers["content-disposition"].startswith("attachment")
    assert headers["content-type"] == media_type
    assert headers["content-security-policy"].startswith("sandbox")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        ("bytes=2999990-", 2_999_990, 3_000_000),
        ("bytes=-7", 2_999_993, 3_000_000),
        ("bytes=-9999999", 0, 3_000_000),
        ("bytes=1000000-99999999", 1_000_000, 3_000_000),
        ("Bytes=1-2", 1, 3),
    ],
)
def test_a_range_is_answered_with_its_part(
    server: Server, large: str, asked: str, start: int, end: int
) -> None:
    response = httpx.get(large, headers={"Range": asked})
    assert response.status_code == 206
    assert response.content == LARGE[start:end]
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/3000000"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=0-1", "bytes=9-5", "bytes=-", "bytes=a-b", ""])
def test_several_ranges_and_what_is_no_range_get_the_whole(server: Server, large: str, asked: str) -> None:
    response = httpx.get(large, headers={"Range": asked})
    assert response.status_code == 200
    assert response.content == LARGE


@pytest.mark.parametrize("asked", ["bytes=3000000-", "bytes=4000000-4000001", "bytes=-0"])
def test_a_range_behind_the_end_is_refused(server: Server, large: str, asked: str) -> None:
    response = httpx.get(large, headers={"Range": asked})
    assert error(response) == (416, "RANGE_NOT_SATISFIABLE")
    assert response.headers["content-range"] == "bytes */3000000"


def test_conditional_requests_are_answered_by_the_digest(server: Server, large: str) -> None:
    tag = f'"{hashlib.sha256(LARGE).hexdigest()}"'
    head = httpx.head(large, headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.headers["etag"], head.headers["content-length"]) == (200, tag, "3000000")
    assert head.headers["accept-ranges"] == "bytes"
    assert head.content == b""
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        response = httpx.get(large, headers={"If-None-Match": known, "Range": "bytes=0-1"})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["etag"] == tag
    assert httpx.get(large, headers={"If-None-Match": '"x"'}).status_code == 200
    for if_range, status in ((tag, 206), ('"x"', 200), (f"W/{tag}", 200)):
        headers = {"If-Range": if_range, "Range": "bytes=0-1"}
        assert httpx.get(large, headers=headers).status_code == status


def test_a_link_that_was_changed_is_refused(server: Server) -> None:
    url = upload(server, PNG).json()["url"]
    other = upload(server, PNG, "b.png").json()["url"]
    id, other_id = (one.split("/")[-2] for one in (url, other))
    assert error(httpx.get(url.replace(id, other_id))) == (403, "ARTIFACT_LINK_INVALID")
    assert error(httpx.get(url.replace("a.png", "setup.exe"))) == (403, "ARTIFACT_LINK_INVALID")
    later = re.sub(r"expires=\d+", "expires=99999999999", url)
    assert error(httpx.get(later)) == (403, "ARTIFACT_LINK_INVALID")
    assert error(httpx.get(url.partition("?")[0])) == (403, "ARTIFACT_LINK_INVALID")
    assert error(httpx.get(url.replace(id, "x"))) == (404, "NOT_FOUND")
    assert error(httpx.post(url)) == (405, "METHOD_NOT_ALLOWED")
    assert httpx.head(url.partition("?")[0]).status_code == 403


def test_a_deleted_artifact_is_gone_for_its_links(server: Server) -> None:
    described = upload(server, b"to be deleted", "a.txt").json()
    query = "mutation ($id: ID!) { artifactDelete(id: $id) }"
    assert server.graphql(query, id=described["id"])["data"] == {"artifactDelete": described["id"]}
    assert error(httpx.get(described["url"])) == (404, "NOT_FOUND")
    again = server.graphql(query, id=described["id"])
    assert again["errors"][0]["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("content", "media_type", "expected"),
    [
        (PNG, "image/jpeg", (415, "ARTIFACT_TYPE_MISMATCH")),
        (b"plain text", "image/png", (415, "ARTIFACT_TYPE_MISMATCH")),
        (b"\xff\xfe\x00binary", "text/plain", (415, "ARTIFACT_TYPE_MISMATCH")),
        (PNG, "multipart/form-data; boundary=x", (415, "UNSUPPORTED_MEDIA_TYPE")),
        (PNG, "what", (400, "INVALID_INPUT")),
        (b"", "", (400, "INVALID_INPUT")),
    ],
)
def test_an_upload_that_is_not_what_it_says_is_refused(
    server: Server, content: bytes, media_type: str, expected: tuple[int, str]
) -> None:
    assert error(upload(server, content, media_type=media_type)) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"a": 1}', "application/json"),
        ("Grüße".encode(), "text/plain"),
        (b"\x00\x01\x02", "application/octet-stream"),
        (PNG, "image/png"),
    ],
)
def test_the_media_type_is_told_from_the_content(server: Server, content: bytes, expected: str) -> None:
    assert upload(server, content).json()["mediaType"] == expected


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "a/b", "a\\b", "a\nb", "", "%2e%2e%2fx/"])
def test_a_name_cannot_leave_its_folder(server: Server, name: str) -> None:
    assert error(upload(server, PNG, name)) == (400, "INVALID_INPUT")


def test_a_name_may_look_like_an_address(server: Server) -> None:
    for name in ("a?b#c&d=e.png", "100%.png", "%2e%2e.png", "日本.png", 'quo"te.png'):
        url = upload(server, PNG, name).json()["url"]
        assert httpx.get(url).content == PNG


def test_uploads_need_a_key_with_the_scope(server: Server) -> None:
    response = httpx.post(f"{server.address}/artifacts?name=a", content=b"a")
    assert error(response) == (401, "UNAUTHENTICATED")
    reading = new_key(server, "artifacts:read")
    assert error(upload(server, PNG, key=reading)) == (403, "SCOPE_MISSING")
    writing = new_key(server, "artifacts:write")
    assert upload(server, PNG, key=writing).status_code == 201
    listed = server.graphql("{ artifacts(first: 1) { edges { node { id } } } }", key=writing)
    assert listed["errors"][0]["extensions"]["code"] == "SCOPE_MISSING"
    with server.client() as client:
        assert error(client.get("/artifacts")) == (405, "METHOD_NOT_ALLOWED")
        assert error(client.post("/artifacts", content=PNG)) == (400, "INVALID_INPUT")


def test_another_organization_sees_and_deletes_nothing(server: Server) -> None:
    server.command("users", "create", "stranger@example.com", "--name", "S", "--password", "correct horse 1")
    server.command("organizations", "create", "strangers", "--owner", "stranger@example.com")
    stranger = new_key(server, "*", organization="strangers")
    described = upload(server, PNG, "mine.png").json()
    query = "query ($id: ID!) { node(id: $id) { id } artifacts(first: 5) { edges { node { id } } } }"
    seen = server.graphql(query, key=stranger, id=described["id"])["data"]
    assert seen == {"node": None, "artifacts": {"edges": []}}
    for field in (
        "query ($id: ID!) { artifact(id: $id) { id } }",
        "mutation ($id: ID!) { artifactDelete(id: $id) }",
    ):
        answer = server.graphql(field, key=stranger, id=described["id"])
        assert answer["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert httpx.get(described["url"]).content == PNG


def test_artifacts_are_listed_newest_first_and_by_their_kind(server: Server) -> None:
    key = new_key(server, "artifacts:*")
    for name in ("1.png", "2.png", "3.txt"):
        upload(server, b"text" if name == "3.txt" else PNG, name, key=key)
    query = """query ($type: String, $by: String) {
      artifacts(first: 2, mediaType: $type, madeBy: $by) { edges { node { name } } } }"""

    def names(**variables: str) -> list[str]:
        edges = server.graphql(query, key=key, **variables)["data"]["artifacts"]["edges"]
        return [edge["node"]["name"] for edge in edges]

    assert names() == ["3.txt", "2.png"]
    assert names(type="IMAGE/") == ["2.png", "1.png"]
    assert names(type="image/%") == names(by="imagineGenerate") == []


def test_a_link_holds_for_60_seconds_to_7_days(server: Server) -> None:
    upload(server, PNG)
    for seconds in (59, 604_801):
        query = f"{{ artifacts(first: 1) {{ edges {{ node {{ url(expiresIn: {seconds}) }} }} }} }}"
        extensions = server.graphql(query)["errors"][0]["extensions"]
        assert (extensions["code"], extensions["field"]) == ("INVALID_INPUT", "expiresIn")


def test_the_link_is_on_the_server_that_the_client_reached(server: Server) -> None:
    query = {"query": "{ artifacts(first: 1) { edges { node { url } } } }"}
    with server.client() as client:
        for host, scheme in (("api.example.com", "https"), ("[::1]:8000", "http")):
            headers = {"Host": host, "X-Forwarded-Proto": scheme}
            answer = client.post("/graphql", json=query, headers=headers).json()
            url = answer["data"]["artifacts"]["edges"][0]["node"]["url"]
            assert url.startswith(f"{scheme}://{host}/artifacts/")


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server where an artifact has at most one MiB."""
    server = Server(
        tmp_path_factory.mktemp("small"),
        environment={"SKYHOOK_ARTIFACT_MAX_MIB": "1", "SKYHOOK_PUBLIC_URL": "https://api.example.com/"},
    )
    server.prepare()
    server.start()
    yield server
    server.stop()


def test_a_body_over_the_limit_is_refused_before_it_is_sent(small_server: Server) -> None:
    with socket.create_connection(("127.0.0.1", small_server.port), timeout=10) as connection:
        connection.sendall(
            b"POST /artifacts?name=a HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n"
            b"Expect: 100-continue\r\nAuthorization: Bearer %s\r\n\r\n" % small_server.key.encode()
        )
        response = http.client.HTTPResponse(connection)
        response.begin()
        assert response.status == 413
        assert b"ARTIFACT_TOO_LARGE" in response.read()


def test_a_body_that_turns_out_too_large_is_refused(small_server: Server) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(17):
            yield bytes(65_536)

    assert error(upload(small_server, parts())) == (413, "ARTIFACT_TOO_LARGE")
    exact = upload(small_server, iter([bytes(1024)] * 1024))
    assert exact.json()["sizeBytes"] == "1048576"
    assert exact.json()["url"].startswith("https://api.example.com/artifacts/")


def test_a_client_that_hangs_up_leaves_nothing(small_server: Server) -> None:
    before = small_server.graphql("{ artifacts(first: 100) { edges { node { id } } } }")
    with socket.create_connection(("127.0.0.1", small_server.port), timeout=10) as connection:
        connection.sendall(
            b"POST /artifacts?name=a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n"
            b"Authorization: Bearer %s\r\n\r\nabc" % small_server.key.encode()
        )
    assert small_server.graphql("{ artifacts(first: 100) { edges { node { id } } } }") == before
    assert "Traceback" not in small_server.log()


@pytest.mark.parametrize("path", ["/artifactsx", "/artifacts/", "/artifacts/a", "/artifacts/a/b/c"])
def test_there_is_nothing_beside(server: Server, path: str) -> None:
    assert error(httpx.get(f"{server.address}{path}")) == (404, "NOT_FOUND")


def test_bytes_that_are_lost_are_said_and_not_made_up(small_server: Server) -> None:
    described = upload(small_server, b"to be lost", "lost.txt").json()
    (file,) = (small_server.data / "artifacts").glob(f"*/*/{described['sha256']}/*")
    file.unlink()
    url = described["url"].replace("https://api.example.com", small_server.address)
    assert error(httpx.get(url)) == (410, "ARTIFACT_GONE")
    assert httpx.head(url).status_code == 200


def test_a_reader_who_goes_away_ends_the_download(server: Server, large: str) -> None:
    with httpx.stream("GET", large) as response:
        next(response.iter_bytes(1000))
    assert httpx.get(large, headers={"Range": "bytes=0-4"}).content == LARGE[:5]
    assert "Traceback" not in server.log()
