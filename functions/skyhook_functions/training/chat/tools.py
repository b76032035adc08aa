"""Task 4: calling a tool on offer with arguments copied from the request, and answering from its result."""

import json
import random
from typing import Any

from skyhook_functions.training.chat import arithmetic, fallback, knowledge, values
from skyhook_functions.training.chat.conversation import Message, Turn, call_message
from skyhook_functions.training.chat.toolbox import Offer, everyday, integer, made_up, number, parameter_name
from skyhook_functions.training.chat.wording import polite

MOST_TOOLS = 3
STATES = (
    "ok",
    "done",
    "sent",
    "shipped",
    "open",
    "closed",
    "pending",
    "delivered",
    "running",
    "sunny",
    "cloudy",
    "rainy",
    "empty",
)
FAILURES = (
    "not found",
    "access denied",
    "timeout",
    "invalid value",
    "no such user",
    "out of stock",
    "server unavailable",
)


def offers(rng: random.Random, held: bool) -> list[Offer]:
    """One to four tools that differ in name and in what they do, in random order."""
    found: dict[str, Offer] = {}
    for _ in range(rng.choice((1, 2, 2, MOST_TOOLS))):
        one = made_up(rng, held) if rng.random() < 0.65 else everyday(rng, held)
        if one.name not in {other.name for other in found.values()}:
            found.setdefault(one.group, one)
    return list(found.values())


def ask(rng: random.Random, offer: Offer, held: bool) -> tuple[str, dict[str, Any]]:
    """A request for the tool, and the arguments that it gives in the order of the schema."""
    text = rng.choice(offer.requests)
    arguments: dict[str, Any] = {}
    for one in offer.parameters:
        if f"{{{one.name}}}" in text:
            arguments[one.name] = one.draw(rng, held)
    for key, value in arguments.items():
        text = text.replace(f"{{{key}}}", str(value))
    return polite(rng, text), arguments


def result_value(rng: random.Random, held: bool) -> Any:
    kind = rng.random()
    if kind < 0.25:
        return integer(rng, held)
    if kind < 0.35:
        return number(rng, held)
    if kind < 0.4:
        return rng.random() < 0.5
    if kind < 0.6:
        return rng.choice(STATES)
    text = (
        values.code,
        values.word,
        values.name,
        values.city,
        values.date,
        values.amount,
        values.phrase,
        values.email,
    )
    return rng.choice(text)(rng, held)


def spoken(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def result(rng: random.Random, held: bool) -> tuple[str, str]:
    """The text of a tool message and the answer that it calls for."""
    kind = rng.random()
    separators = rng.choice(((", ", ": "), (", ", ": "), (",", ":")))
    if kind < 0.1:
        failure = rng.choice(FAILURES) if rng.random() < 0.5 else values.phrase(rng, held)
        return json.dumps({"error": failure}, separators=separators), f"The tool failed: {failure}."
    if kind < 0.25:
        text = spoken(result_value(rng, held))
        return text, f"The result is {text}."
    keys = [parameter_name(rng, held) for _ in range(rng.choice((1, 1, 2)))]
    content = {key: result_value(rng, held) for key in keys}
    parts = [f"the {key.replace('_', ' ')} is {spoken(value)}" for key, value in content.items()]
    joined = ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
    return json.dumps(content, separators=separators, ensure_ascii=False), f"T{joined[1:]}."


def call(rng: random.Random, held: bool, choices: list[Offer], with_result: bool) -> list[Message]:
    """A request that one of the tools on offer fits, its call and perhaps its result with the answer."""
    wanted = rng.choice(choices)
    prompt, arguments = ask(rng, wanted, held)
    messages: list[Message] = [{"role": "user", "content": prompt}, call_message(wanted.name, arguments)]
    if with_result:
        content, answer = result(rng, held)
        messages += [{"role": "tool", "content": content}, {"role": "assistant", "content": answer}]
    return messages


def no_call(rng: random.Random, held: bool, choices: list[Offer]) -> list[Message]:
    """A request of the other tasks, which no tool on offer fits."""
    everyday_too = any(" " not in one.group for one in choices)
    others = [knowledge.sample, arithmetic.sample, fallback.greeting]
    if not everyday_too:
        others.append(fallback.sample)
    return rng.choice(others)(rng, held).messages


def sample(rng: random.Random, held: bool) -> Turn:
    """One or two exchanges with tools on offer; four in five call one."""
    choices = offers(rng, held)
    messages: list[Message] = []
    for _ in range(rng.choice((1, 1, 1, 2))):
        kind = rng.random()
        messages += no_call(rng, held, choices) if kind < 0.2 else call(rng, held, choices, kind > 0.65)
    return Turn(messages, [one.schema() for one in choices])
