"""Conversations that are continued and branched from any message."""

from __future__ import annotations

from typing import Any

from asking import COMPLETE, completed, events, prompt, refused
from tests.serving import Server

CREATE = """mutation ($title: String!, $system: String) {
  chatConversationCreate(title: $title, system: $system) { id title system } }"""
SHOW = """query ($id: ID!, $leaf: ID!) { chatConversation(id: $id) {
  branches(first: 10) { edges { node { id content } } }
  path(messageId: $leaf) { id parentId role content model } } }"""


def begin(server: Server, **given: Any) -> str:
    answer = server.graphql(CREATE, **({"title": "Talk"} | given))
    return answer["data"]["chatConversationCreate"]["id"]


def show(server: Server, conversation: str, leaf: str) -> dict[str, Any]:
    answer = server.graphql(SHOW, id=conversation, leaf=leaf)
    assert "errors" not in answer, answer
    return answer["data"]["chatConversation"]


def test_an_answer_is_stored_behind_its_question(server: Server) -> None:
    talk = begin(server)
    answer = completed(server, text="Hello", conversationId=talk)
    question, leaf = answer["messageIds"]
    path = show(server, talk, leaf)["path"]
    assert [(one["id"], one["parentId"], one["role"]) for one in path] == [
        (question, None, "user"),
        (leaf, question, "assistant"),
    ]
    assert path[1]["content"] == answer["text"]
    assert path[1]["model"] == "tiny"


def test_a_conversation_goes_on_with_everything_said_before(server: Server) -> None:
    talk = begin(server, system="Be brief.")
    first = completed(server, text="One", conversationId=talk)
    second = completed(server, text="Two", conversationId=talk, parentId=first["messageIds"][-1])
    path = show(server, talk, second["messageIds"][-1])["path"]
    assert [one["content"] for one in path] == ["One", first["text"], "Two", second["text"]]
    assert second["usage"]["promptTokens"] > first["usage"]["promptTokens"]


def test_two_answers_to_one_message_are_two_branches(server: Server) -> None:
    talk = begin(server)
    root = completed(server, text="Root", conversationId=talk)["messageIds"][-1]
    leaves = [
        completed(server, text=text, conversationId=talk, parentId=root)["messageIds"][-1]
        for text in ("Left", "Right")
    ]
    shown = show(server, talk, leaves[0])
    assert [edge["node"]["id"] for edge in shown["branches"]["edges"]] == leaves[::-1]
    assert [one["content"] for one in shown["path"]][2] == "Left"


def test_a_stream_is_stored_as_well(server: Server) -> None:
    talk = begin(server)
    *_, last = events(server, text="Hello", conversationId=talk)
    completion = last["data"]["chatStream"]["completion"]
    path = show(server, talk, completion["messageIds"][-1])["path"]
    assert path[-1]["content"] == completion["text"]


def test_a_retry_with_the_same_idempotency_key_stores_nothing_twice(server: Server) -> None:
    talk = begin(server)
    with server.client() as client:
        body = {"query": COMPLETE, "variables": {"input": prompt(conversationId=talk)}}
        headers = {"Idempotency-Key": f"retry-{talk}"}
        answers = [client.post("/graphql", json=body, headers=headers).json() for _ in range(2)]
    first, second = (answer["data"]["chatComplete"] for answer in answers)
    assert first == second
    shown = show(server, talk, first["messageIds"][-1])
    assert len(shown["branches"]["edges"]) == 1


def test_a_message_of_another_conversation_is_no_parent(server: Server) -> None:
    one, other = begin(server), begin(server)
    leaf = completed(server, conversationId=one)["messageIds"][-1]
    assert refused(server, conversationId=other, parentId=leaf)["code"] == "NOT_FOUND"


def test_a_deleted_conversation_is_gone_with_its_messages(server: Server) -> None:
    talk = begin(server)
    leaf = completed(server, conversationId=talk)["messageIds"][-1]
    deleted = server.graphql("mutation ($id: ID!) { chatConversationDelete(id: $id) }", id=talk)
    assert deleted["data"]["chatConversationDelete"] == talk
    assert refused(server, conversationId=talk)["code"] == "NOT_FOUND"
    nodes = server.graphql("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[talk, leaf])
    assert nodes["data"]["nodes"] == [None, None]


def test_conversations_are_listed_newest_first(server: Server) -> None:
    made = [begin(server, title=f"Talk {number}") for number in range(3)]
    answer = server.graphql("{ chatConversations(first: 3) { edges { node { id title } } } }")
    edges = answer["data"]["chatConversations"]["edges"]
    assert [edge["node"]["id"] for edge in edges] == made[::-1]
