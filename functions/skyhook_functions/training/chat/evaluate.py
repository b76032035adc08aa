"""Score `skyhook-small` on held-out prompts: `python -m skyhook_functions.training.chat.evaluate`.

Greedy decoding, exact match of the whole answer. The scores are written into the model card; the command
fails when a task falls below what the card promises.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from skyhook_functions.training.chat import extraction, fallback, knowledge
from skyhook_functions.training.chat.conversation import Conversation, Message, Tool, exchange
from skyhook_functions.training.chat.data import TASKS, generator, held_out
from skyhook_functions.training.chat.tokenizer import message_text
from skyhook_functions.training.chat.train import WEIGHTS
from skyhook_functions.training.chat.wording import perturb
from skyhook_functions.training.machine import device
from skyhook_functions.training.scoring import write_card

PROMISED = 0.9  # share of exact matches of every task that the card advertises
NOT_ADVERTISED = frozenset(
    {"knowledge, perturbed", "extraction, labels", "tools, long call", "tools, missing", "fallback", "repeat"}
)
BATCH = 32  # prompts
LONGEST_ANSWER = 200  # tokens
TITLES = {
    "knowledge": "Questions about Skyhook: unseen phrasings",
    "knowledge, perturbed": "The same with lower case, typing mistakes and courtesies",
    "arithmetic": "Sums and differences up to 99, products up to 12 × 12: unseen operands",
    "extraction": "Fields to JSON: unseen values and field combinations",
    "extraction, labels": "Fields to JSON: labelled values under labels of no meaning",
    "tools, call": "Tool calls with at most one argument: unseen tools, parameters and values",
    "tools, long call": "Tool calls with two or three arguments: the same",
    "tools, result": "Answers from a tool's result",
    "tools, none": "Tools on offer and a question of the other tasks",
    "tools, missing": "Tools on offer and a request outside all tasks: the fixed honest reply",
    "fallback": "Other requests: the fixed honest reply",
    "greeting": "Greetings, thanks and goodbyes",
    "repeat": "Repeating a text: unseen values",
}


@dataclass(frozen=True)
class Case:
    """One answer to get: the messages before it, the tools on offer, and the exact text wanted."""

    group: str
    messages: list[Message]
    tools: list[Tool]
    wanted: str


def kind_of(task: str, conversation: Conversation, position: int) -> str:
    """The row of the score table to which an answer belongs."""
    message = conversation.messages[position]
    if task == "extraction":
        usual = {key for keys in extraction.KEYS.values() for key in keys}
        return "extraction" if set(json.loads(message["content"])) <= usual else "extraction, labels"
    if task != "tools":
        return task
    if message.get("tool_calls"):
        arguments = message["tool_calls"][0]["function"]["arguments"]
        return "tools, call" if len(arguments) <= 1 else "tools, long call"
    if message["content"] == fallback.REPLY:
        return "tools, missing"
    return "tools, result" if conversation.messages[position - 1]["role"] == "tool" else "tools, none"


def cases(count: int, seed: int) -> Iterator[Case]:
    """Every held-out phrasing of the FAQ as it is and perturbed, and `count` conversations of each other task."""
    for fact in knowledge.facts():
        for phrasing in fact.held:
            other = perturb(generator(seed, "held", phrasing), phrasing)
            for group, prompt in (("knowledge", phrasing), ("knowledge, perturbed", other)):
                yield Case(group, exchange(prompt, "").messages[:1], [], fact.answer)
    for task in TASKS:
        if task == "knowledge":
            continue
        for index in range(count):
            conversation = held_out(task, seed, index)
            for position, message in enumerate(conversation.messages):
                if message["role"] == "assistant":
                    group = kind_of(task, conversation, position)
                    yield Case(
                        group, conversation.messages[:position], conversation.tools, message_text(message)
                    )


@torch.inference_mode()
def answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[str],
    longest: int,
) -> list[str]:
    """Greedy answers of at most `longest` tokens to rendered prompts, in the same order."""
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    result = [""] * len(prompts)
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        inputs = tokenizer(
            [prompts[index] for index in chosen],
            return_tensors="pt",
            padding=True,
            return_token_type_ids=False,
        ).to(model.device)
        output = model.generate(**inputs, max_new_tokens=longest, do_sample=False)
        for index, ids in zip(chosen, output[:, inputs["input_ids"].shape[1] :], strict=True):
            result[index] = str(tokenizer.decode(ids, skip_special_tokens=True))
    return result


def render_prompt(tokenizer: PreTrainedTokenizerBase, case: Case) -> str:
    """The prompt of a case by the chat template."""
    tools = cast("list[Any]", case.tools) or None
    return str(
        tokenizer.apply_chat_template(case.messages, tools=tools, tokenize=False, add_generation_prompt=True)
    )


def answers_of(weights: Path, every: list[Case]) -> list[str]:
    """What the model answers to each case, on the GPU where there is one."""
    tokenizer = AutoTokenizer.from_pretrained(weights)
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32).to(device())
    prompts = [render_prompt(tokenizer, one) for one in every]
    found: list[str] = answers(model, tokenizer, prompts, LONGEST_ANSWER)
    return found


def counts(judged: list[tuple[str, bool]]) -> dict[str, tuple[int, int]]:
    """Right answers and number of cases per group."""
    result: dict[str, tuple[int, int]] = dict.fromkeys(TITLES, (0, 0))
    for group, is_right in judged:
        before, total = result[group]
        result[group] = (before + is_right, total + 1)
    return result


def score(weights: Path, count: int, seed: int, show: int) -> dict[str, tuple[int, int]]:
    """Right answers and number of cases per group; prints the first `show` wrong ones of each."""
    every = list(cases(count, seed))
    found = answers_of(weights, every)
    shown: Counter[str] = Counter()
    for case, answer in zip(every, found, strict=True):
        if answer != case.wanted and shown[case.group] < show:
            shown[case.group] += 1
            print(f"[{case.group}] {case.messages!r}\n  wanted {case.wanted!r}\n  got    {answer!r}")
    return counts([(case.group, answer == case.wanted) for case, answer in zip(every, found, strict=True)])


def table(scores: dict[str, tuple[int, int]]) -> str:
    """The scores as a markdown table."""
    rows = [
        f"| {TITLES[group]} | {'no' if group in NOT_ADVERTISED else 'yes'} "
        f"| {right / total:.1%} | {right} of {total} |"
        for group, (right, total) in scores.items()
        if total
    ]
    return "\n".join(["| task | advertised | exact match | cases |", "|---|---|---|---|", *rows])


def main() -> None:
    """Score, print, write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--count", type=int, default=300, help="conversations per task")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--show", type=int, default=0, help="wrong answers to print per task")
    options = parser.parse_args()
    torch.set_num_threads(1)
    scores = score(options.weights, options.count, options.seed, options.show)
    print(table(scores))
    card = options.weights / "README.md"
    if card.exists():
        write_card(card, table(scores))
    low = [
        group
        for group, (right, total) in scores.items()
        if group not in NOT_ADVERTISED and right < PROMISED * total
    ]
    if low:
        sys.exit(f"below {PROMISED:.0%}: {', '.join(low)}")


if __name__ == "__main__":
    main()
