"""Time to the first token of the bundled model, over HTTP and SSE, on a warm function.

    python benchmarks/first_token.py [--rounds 30]

From sending the request to the first piece of text, with everything between: key, hold, worker, model. Beside
it, in the same rounds, a request that runs no model (`chatModels`): what the transport alone takes.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
import time
from pathlib import Path

from tests.serving import Server

STREAM = """subscription ($input: ChatCompleteInput!) {
  chatStream(input: $input) { text completion { usage { completionTokens } } } }"""
QUESTIONS = (
    "What is Skyhook?",
    "What is 17 + 25?",
    "How do I rotate a key?",
    "Where does Skyhook keep its data?",
)


def request(server: Server, accept: str, body: object) -> http.client.HTTPResponse:
    """Sends one request; the response is not read yet."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json", "Accept": accept}
    connection.request("POST", "/graphql", json.dumps(body), headers)
    return connection.getresponse()


def first_token_ms(server: Server, question: str) -> float:
    """Milliseconds to the first piece of text; the rest of the stream is read as well."""
    asked = {"messages": [{"role": "user", "content": question}], "temperature": 0}
    begun, first = time.perf_counter(), 0.0
    for line in request(server, "text/event-stream", {"query": STREAM, "variables": {"input": asked}}):
        if line.startswith(b"data: ") and not first and json.loads(line[6:])["data"]["chatStream"]["text"]:
            first = time.perf_counter()
    return (first - begun) * 1000


def bare_ms(server: Server) -> float:
    """Milliseconds of a request that runs no model."""
    begun = time.perf_counter()
    request(server, "application/json", {"query": "{ chatModels { name } }"}).read()
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    """Prints medians and the slowest of all rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    server = Server(Path(tempfile.mkdtemp()))
    server.prepare()
    server.start()
    try:
        first_token_ms(server, QUESTIONS[0])
        firsts, bare = [], []
        for number in range(rounds):
            firsts.append(first_token_ms(server, QUESTIONS[number % len(QUESTIONS)]))
            bare.append(bare_ms(server))
    finally:
        server.stop()
    print("| | median ms | slowest ms |\n|---|---|---|")
    print(f"| first token of skyhook-small | {statistics.median(firsts):.0f} | {max(firsts):.0f} |")
    print(f"| a request without a model | {statistics.median(bare):.1f} | {max(bare):.1f} |")


if __name__ == "__main__":
    main()
