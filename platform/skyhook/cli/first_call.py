"""The first real call, over HTTP as any client makes it, shown with its answer and cost."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from skyhook.configuration import Configuration

QUESTION = "What is Skyhook?"
DOCUMENT = """\
mutation ($input: ChatCompleteInput!) {
  chatComplete(input: $input) { text model usage { promptTokens completionTokens cost } }
}"""


def first_call(configuration: Configuration, key_file: Path, step: Callable[[str], None]) -> None:
    """Asks the bundled model and prints the answer, its cost and how to go on."""
    address = f"http://{configuration.host}:{configuration.port}"
    step(f"Asking the bundled model: {QUESTION} (the first call loads it)")
    variables = {"input": {"messages": [{"role": "user", "content": QUESTION}], "temperature": 0}}
    body = json.dumps({"query": DOCUMENT, "variables": variables})
    answer = _post(f"{address}/graphql", key_file.read_text().strip(), body)
    if "errors" in answer:
        error = answer["errors"][0]
        click.secho(f"    {error['message']} ({error['extensions']['code']})", fg="red")
    else:
        completion = answer["data"]["chatComplete"]
        usage = completion["usage"]
        click.secho(f"    {completion['text']}", fg="green")
        step(
            f"It took {usage['promptTokens']} + {usage['completionTokens']} tokens of {completion['model']} "
            f"and cost {int(usage['cost']) / 1e9:.7f} dollars"
        )
    step(f"Console: {address}/console")
    step(f"GraphiQL: {address}/graphql")
    step("Try it yourself:")
    messages = '[{role: \\"user\\", content: \\"What is 17 + 25?\\"}]'
    query = f"mutation {{ chatComplete(input: {{messages: {messages}, temperature: 0}}) {{ text }} }}"
    click.echo(
        f'    curl {address}/graphql -H "Authorization: Bearer $(cat {key_file})" \\\n'
        f"      -H 'Content-Type: application/json' \\\n"
        f'      -d \'{{"query": "{query}"}}\''
    )
    step("Serving until you press Ctrl-C")


def _post(address: str, key: str, body: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(address, body.encode(), headers)  # noqa: S310 (our own address)
    try:
        with urllib.request.urlopen(request, timeout=180) as response:  # noqa: S310
            return json.load(response)  # type: ignore[no-any-return]
    except urllib.error.HTTPError as error:
        return json.load(error)  # type: ignore[no-any-return]
