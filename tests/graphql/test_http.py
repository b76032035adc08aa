from __future__ import annotations

import httpx


def test_smoke(client: httpx.Client) -> None:
    r = client.post(
        "",
        json={
            "query": "{ hello numbers(first: 10) { edges { node { id square below(last: 3) { pageInfo { hasNextPage } edges { node { value }}}}} pageInfo { endCursor } } }"
        },
    )
    print(r.status_code, r.text, r.headers)
    r = client.post(
        "",
        json={
            "query": "mutation($i: RecordInput!) { record(input: $i) { name amount extra idempotencyKey} }",
            "variables": {"i": {"name": "x", "amount": "12345678901"}},
        },
    )
    print(r.status_code, r.text, r.headers)
    for q in (
        "{bug}",
        "{wrong}",
        "{brokenPromise}",
        "{me}",
        "{unwritable}",
        "{",
        "{nope}",
        '{node(id:"TnVtYmVyOjM=") { ... on Number {value}} nodes(ids: ["TnVtYmVyOjM="]) {id} }',
        "{numbers(first: 101) {edges{cursor}}}",
        '{number(id: "foo")}',
    ):
        r = client.post("", json={"query": q})
        print(r.status_code, r.text)
    assert 0
