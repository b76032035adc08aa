"""The page that a browser gets at the API's address."""

from __future__ import annotations

import re

import httpx

from skyhook.graphql.graphiql import ASSETS, STATIC

from .conftest import Server

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def test_a_browser_gets_graphiql_without_a_key(server: Server) -> None:
    response = httpx.get(server.url, headers=BROWSER)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert 'data-address="/graphql"' in response.text
    assert httpx.head(server.url, headers=BROWSER).content == b""


def test_its_policy_allows_no_inline_script_and_no_other_host(server: Server) -> None:
    response = httpx.get(server.url, headers=BROWSER)
    policy = response.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert re.findall(r"<script(?![^>]* src=)", response.text) == []
    assert re.findall(r"(?:src|href)=\"(?!/graphql/|data:,\")", response.text) == []


def test_all_its_files_are_served_from_this_package(server: Server) -> None:
    page = httpx.get(server.url, headers=BROWSER).text
    addresses = re.findall(r"(?:src|href)=\"(/[^\"]+)\"", page)
    assert {address.rsplit("/", 1)[1] for address in addresses} == set(ASSETS)
    for address in addresses:
        response = httpx.get(server.url.replace("/graphql", address))
        assert response.status_code == 200
        assert "immutable" in response.headers["cache-control"]
        assert response.content == (STATIC / address.rsplit("/", 1)[1]).read_bytes()


def test_no_other_file_is_served(server: Server) -> None:
    for name in ("LICENSE-react.txt", "..%2f__init__.py", "nothing.js"):
        assert httpx.get(f"{server.url}/static/x/{name}").status_code == 404


def test_a_link_to_a_query_opens_graphiql_in_a_browser_and_answers_others(server: Server) -> None:
    response = httpx.get(f"{server.url}?query={{hello}}", headers=BROWSER)
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    response = httpx.get(f"{server.url}?query={{hello}}", headers={"Accept": "application/json"})
    assert response.json()["data"] == {"hello": "Hello, you!"}


def test_the_licences_of_the_vendored_files_are_there() -> None:
    for name in ("LICENSE-graphiql.txt", "LICENSE-react.txt"):
        assert "MIT License" in (STATIC / name).read_text()
