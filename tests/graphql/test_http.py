"""GraphQL over HTTP, over real sockets."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest

from .conftest import Server
from .example import KEY

RESPONSE = "application/graphql-response+json"
NUMBERS = "{ numbers(first: 10) { edges { node { value } } } }"


def codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]


def test_a_query_is_answered_with_its_cost(client: httpx.Client) -> None:
    response = client.post("", json={"query": NUMBERS})
    assert response.status_code == 200
    assert len(response.json()["data"]["numbers"]["edges"]) == 5
    assert response.json()["extensions"]["cost"] == {
        "query": {"requested": 11, "actual": 6, "limit": 1000, "remaining": 994, "resetSeconds": 60.0},
        "credit": {"held": 0, "charged": 0, "unit": "nano-USD"},
    }


def test_points_for_nodes_that_were_not_there_are_given_back(client: httpx.Client, server: Server) -> None:
    client.post("", json={"query": NUMBERS})
    assert (server.budget.used, server.budget.returned) == (6, 5)


def test_a_mutation_takes_variables_and_reports_its_credit(client: httpx.Client) -> None:
    query = "mutation Run($i: RecordInput!) { record(input: $i) { name amount extra idempotencyKey } }"
    variables = {"i": {"name": "x", "amount": "9007199254740993"}}
    response = client.post(
        "", json={"query": query, "variables": variables}, headers={"Idempotency-Key": "order-1"}
    )
    record = {
        "name": "x",
        "amount": "9007199254740993",
        "extra": {"a": [1, None]},
        "idempotencyKey": "order-1",
    }
    assert response.json()["data"] == {"record": record}
    assert response.json()["extensions"]["cost"]["credit"] == {"held": 5, "charged": 3, "unit": "nano-USD"}


def test_one_of_several_operations_is_named(client: httpx.Client) -> None:
    query = 'query A { hello } query B { hello(name: "B") }'
    assert client.post("", json={"query": query, "operationName": "B"}).json()["data"] == {
        "hello": "Hello, B!"
    }
    for name in (None, "C"):
        response = client.post("", json={"query": query, "operationName": name})
        assert (response.status_code, codes(response)) == (400, ["OPERATION_NOT_FOUND"])
        assert "A, B" in response.text


def test_a_document_is_prepared_once(client: httpx.Client, server: Server) -> None:
    query = '{ hello(name: "cache") }'
    client.post("", json={"query": query})
    documents = server.documents
    hits, misses = documents.hits, documents.misses
    client.post("", json={"query": query})
    assert (documents.hits, documents.misses) == (hits + 1, misses)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, RESPONSE),
        ("*/*", RESPONSE),
        ("application/json", "application/json"),
        (RESPONSE, RESPONSE),
        (f"{RESPONSE}, application/json;q=0.9", RESPONSE),
        (f"application/json, {RESPONSE};q=0.5", "application/json"),
        ("text/plain, application/json;q=0.1", "application/json"),
    ],
)
def test_the_answer_has_the_media_type_asked_for(server: Server, accept: str | None, expected: str) -> None:
    with httpx.Client() as client:
        request = client.build_request("POST", server.url, json={"query": "{ hello }"})
        del request.headers["accept"]
        if accept:
            request.headers["accept"] = accept
        response = client.send(request)
    assert response.status_code == 200
    assert response.headers["content-type"] == f"{expected}; charset=utf-8"


def test_a_media_type_that_cannot_be_had_is_refused(client: httpx.Client) -> None:
    response = client.post("", json={"query": "{ hello }"}, headers={"Accept": "application/xml"})
    assert (response.status_code, codes(response)) == (406, ["NOT_ACCEPTABLE"])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($i: Int!) { hello }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: String!) { hello(name: $n) }", "BAD_VARIABLE"),
        ("fragment F on Query { hello }", "GRAPHQL_VALIDATION_FAILED"),
    ],
)
def test_a_wrong_document_has_a_status_and_a_code(client: httpx.Client, query: str, code: str) -> None:
    response = client.post("", json={"query": query}, headers={"Accept": RESPONSE})
    assert (response.status_code, codes(response)) == (400, [code])
    assert "data" not in response.json()
    legacy = client.post("", json={"query": query}, headers={"Accept": "application/json"})
    assert (legacy.status_code, codes(legacy)) == (200, [code])


def test_a_validation_error_tells_its_place(client: httpx.Client) -> None:
    response = client.post("", json={"query": "{\n  nothing }"})
    assert response.json()["errors"][0]["locations"] == [{"line": 2, "column": 3}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'[{"query": "{ hello }"}]',
        b'"query"',
        b"{}",
        b'{"query": 1}',
        b'{"query": null}',
        b'{"query": "{ hello }", "variables": []}',
        b'{"query": "{ hello }", "variables": "{}"}',
        b'{"query": "{ hello }", "operationName": 1}',
        b'{"query": "{ hello }", "extensions": 1}',
        b'{"query": "\xff"}',
        b'{"query": "{ hello }", "variables": {"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}",
    ],
)
@pytest.mark.parametrize("accept", [RESPONSE, "application/json"])
def test_a_body_that_is_no_request_is_refused(client: httpx.Client, body: bytes, accept: str) -> None:
    headers = {"Content-Type": "application/json", "Accept": accept}
    response = client.post("", content=body, headers=headers)
    assert (response.status_code, codes(response)) == (400, ["BAD_REQUEST"])


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_of_another_type_is_refused(client: httpx.Client, content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    response = client.post("", content=b'{"query": "{ hello }"}', headers=headers)
    assert (response.status_code, codes(response)) == (415, ["UNSUPPORTED_MEDIA_TYPE"])


def test_a_body_over_the_limit_is_refused_by_its_declared_length(server: Server) -> None:
    host, port = server.url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(
            b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 99999999\r\n\r\n"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_body_over_the_limit_is_refused_while_it_arrives(client: httpx.Client) -> None:
    chunks = (b" " * 10_000 for _ in range(30))
    response = client.post("", content=chunks, headers={"Content-Type": "application/json"})
    assert (response.status_code, codes(response)) == (413, ["BODY_TOO_LARGE"])


def test_get_answers_queries(client: httpx.Client) -> None:
    params = {
        "query": "query Q($n: String!) { hello(name: $n) }",
        "variables": '{"n": "é"}',
        "operationName": "Q",
    }
    assert client.get("", params=params).json()["data"] == {"hello": "Hello, é!"}


@pytest.mark.parametrize(
    ("query_string", "status", "code"),
    [
        ("", 400, "BAD_REQUEST"),
        ("variables={}", 400, "BAD_REQUEST"),
        ("query={hello}&variables=[]", 400, "BAD_REQUEST"),
        ("query={hello}&query={me}", 400, "BAD_REQUEST"),
        ("query=%ff", 400, "BAD_REQUEST"),
        ("query=mutation{record(input:{name:%22a%22,amount:1}){name}}", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_get_refuses_what_it_cannot_carry(
    client: httpx.Client, query_string: str, status: int, code: str
) -> None:
    response = client.get(f"?{query_string}")
    assert (response.status_code, codes(response)) == (status, [code])


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused_with_those_allowed(client: httpx.Client, method: str) -> None:
    response = client.request(method, "")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")


def test_a_wrong_key_refuses_the_request_with_its_status(server: Server) -> None:
    for accept in (RESPONSE, "application/json"):
        headers = {"Authorization": "Bearer sk_test_bad", "Accept": accept}
        response = httpx.post(server.url, json={"query": "{ hello }"}, headers=headers)
        assert (response.status_code, codes(response)) == (401, ["KEY_INVALID"])
        assert response.headers["www-authenticate"] == "Bearer"
        assert "data" not in response.json()


def test_without_a_key_the_schema_can_be_read_but_not_what_is_somebodys(server: Server) -> None:
    introspection = httpx.post(server.url, json={"query": "{ __schema { types { name } } }"})
    assert introspection.json()["data"]["__schema"]["types"]
    response = httpx.post(server.url, json={"query": "{ me }"})
    assert (response.status_code, codes(response)) == (200, ["UNAUTHENTICATED"])
    assert "Authorization: Bearer" in response.text


def test_over_its_rate_a_key_is_told_when_to_come_back(client: httpx.Client, server: Server) -> None:
    server.budget.limit = 10
    response = client.post("", json={"query": NUMBERS})
    assert (response.status_code, response.headers["retry-after"]) == (429, "8")
    error = response.json()["errors"][0]
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryable": True, "retryAfter": 7.2}


@pytest.mark.parametrize("key", ["", "x" * 256, "käse"])
def test_a_malformed_idempotency_key_is_refused(client: httpx.Client, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode("latin-1")}
    response = client.post("", json={"query": "{ hello }"}, headers=headers)
    assert (response.status_code, codes(response)) == (400, ["INVALID_INPUT"])
    assert response.json()["errors"][0]["extensions"]["field"] == "Idempotency-Key"


def test_a_request_id_is_kept_if_harmless_and_made_otherwise(client: httpx.Client) -> None:
    def answered(given: str) -> str:
        response = client.post("", json={"query": "{ hello }"}, headers={"X-Request-Id": given})
        return response.headers["x-request-id"]

    assert answered("trace-1.2_3") == "trace-1.2_3"
    assert answered("a b") != "a b"
    assert len(answered("x" * 129)) == 32


def test_a_subscription_needs_a_stream(client: httpx.Client) -> None:
    response = client.post("", json={"query": "subscription { count(to: 1) }"})
    assert (response.status_code, codes(response)) == (400, ["STREAM_REQUIRED"])


def test_loads_of_one_request_are_joined(client: httpx.Client, server: Server) -> None:
    client.post("", json={"query": "{ numbers(first: 5) { edges { node { square } } } }"})
    assert server.services.loads == [[0, 1, 2, 3, 4]]


def test_nodes_are_found_by_their_global_ids(client: httpx.Client) -> None:
    page = client.post("", json={"query": "{ numbers(first: 2) { edges { node { id } } } }"}).json()["data"]
    first, second = (edge["node"]["id"] for edge in page["numbers"]["edges"])
    query = """query ($id: ID!, $ids: [ID!]!) {
      node(id: $id) { id ... on Number { value } }
      nodes(ids: $ids) { ... on Number { value } }
    }"""
    missing = "TnVtYmVyOng="  # Number:x
    response = client.post(
        "", json={"query": query, "variables": {"id": second, "ids": [second, missing, first, second]}}
    )
    values: list[Any] = [{"value": 1}, None, {"value": 0}, {"value": 1}]
    assert response.json()["data"] == {"node": {"id": second, "value": 1}, "nodes": values}
    assert response.json()["extensions"]["cost"]["query"]["requested"] == 6


@pytest.mark.parametrize("given", ["nonsense", "UXVlcnk6MQ==", "VW5rbm93bjox", "UmVjb3JkSW5wdXQ6MQ=="])
def test_an_id_that_is_none_is_refused(client: httpx.Client, given: str) -> None:
    response = client.post(
        "", json={"query": "query ($id: ID!) { node(id: $id) { id } }", "variables": {"id": given}}
    )
    extensions = response.json()["errors"][0]["extensions"]
    assert (extensions["code"], extensions["field"]) == ("INVALID_INPUT", "id")


def test_more_than_100_ids_are_refused(client: httpx.Client) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    response = client.post("", json={"query": query, "variables": {"ids": ["TnVtYmVyOjE="] * 101}})
    assert codes(response) == ["INVALID_INPUT"]


def test_the_body_of_a_success_is_plain_json(client: httpx.Client) -> None:
    response = client.post(
        "", json={"query": "query ($v: JSON!) { anything(value: $v) }", "variables": {"v": {"é": [1.5]}}}
    )
    assert json.loads(response.content)["data"] == {"anything": {"é": [1.5]}}
    assert response.headers["cache-control"] == "no-store"
    assert KEY["Authorization"] not in response.text
