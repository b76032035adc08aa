"""Score `skyhook-code` on held-out packages: `python -m skyhook_functions.training.code.evaluate`.

Beside each figure stands that of the n-grams of the same training modules, which fill the same places.
"""

import argparse
import ast
import io
import keyword
import random
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

from skyhook_functions.training.chat.evaluate import answers
from skyhook_functions.training.code.corpus import Module, held_out, trained
from skyhook_functions.training.code.ngram import NGram
from skyhook_functions.training.code.tokenizer import END, prompt
from skyhook_functions.training.code.train import WEIGHTS
from skyhook_functions.training.machine import device
from skyhook_functions.training.scoring import write_card

BEFORE, AFTER = 1200, 400  # characters around the cursor that are seen
LONGEST_FILL = 48  # tokens
SHORTEST_LINE = 8  # characters
TITLES = {
    "line": "The rest of a line, from a token on: exact",
    "next": "The next line, whole, with its indentation: exact",
    "name": "The name at the cursor: exact",
    "block": "One to three statements cut out: the module with the completion is valid Python",
}


@dataclass(frozen=True)
class Case:
    """A place in a module, and what stands there."""

    group: str
    prefix: str
    suffix: str
    wanted: str

    @property
    def seen(self) -> tuple[str, str]:
        """What is shown of prefix and suffix."""
        return self.prefix[-BEFORE:], self.suffix[:AFTER]

    def is_right(self, answer: str) -> bool:
        """Whether an answer counts."""
        if self.group == "block":
            return _is_valid(self.prefix + answer + self.suffix)
        if self.group == "name":
            found = re.match(r"\w+", answer)
            return found is not None and found[0] == self.wanted
        lines = answer.removeprefix("\n").split("\n") if self.group == "next" else answer.split("\n")
        return lines[0].rstrip() == self.wanted.rstrip()


def cases(count: int, seed: int) -> Iterator[Case]:
    """`count` places of each kind, spread over the held-out modules by their length."""
    modules = [module for module in held_out() if _is_valid(module.text)]
    sizes = [len(module.text) for module in modules]
    makers: dict[str, Callable[[random.Random, Module], Case | None]] = {
        "line": _line,
        "next": _next,
        "name": _name,
        "block": _block,
    }
    for group, make in makers.items():
        rng = random.Random(f"{seed}/{group}")
        made = 0
        while made < count:
            case = make(rng, rng.choices(modules, sizes)[0])
            if case is not None:
                made += 1
                yield case


def _line(rng: random.Random, module: Module) -> Case | None:
    start, end = rng.choice(_spans(module.text))
    line = module.text[start:end]
    places = [match.start() for match in re.finditer(r"\w+|[^\w\s]", line)][1:]
    if len(line.strip()) < SHORTEST_LINE or not places:
        return None
    cursor = start + rng.choice(places)
    return Case("line", module.text[:cursor], module.text[end:], module.text[cursor:end])


def _next(rng: random.Random, module: Module) -> Case | None:
    start, end = rng.choice(_spans(module.text))
    if start == 0 or len(module.text[start:end].strip()) < SHORTEST_LINE:
        return None
    return Case("next", module.text[: start - 1], module.text[end:], module.text[start:end])


def _name(rng: random.Random, module: Module) -> Case | None:
    spans = _spans(module.text)
    tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
    names = [token for token in tokens if token.type == tokenize.NAME and not keyword.iskeyword(token.string)]
    if not names:
        return None
    token = rng.choice(names)
    cursor = spans[token.start[0] - 1][0] + token.start[1]
    return Case("name", module.text[:cursor], module.text[cursor + len(token.string) :], token.string)


def _block(rng: random.Random, module: Module) -> Case | None:
    spans = _spans(module.text)
    bodies = [
        node.body
        for node in ast.walk(ast.parse(module.text))
        if isinstance(node, ast.FunctionDef | ast.For | ast.If | ast.With)
    ]
    if not bodies:
        return None
    body = rng.choice(bodies)
    first = rng.randrange(len(body))
    last = body[min(first + rng.randint(1, 3), len(body)) - 1]
    start, end = spans[body[first].lineno - 1][0] - 1, spans[(last.end_lineno or last.lineno) - 1][1]
    if start < 0 or end - start > 4 * LONGEST_FILL:
        return None
    return Case("block", module.text[:start], module.text[end:], module.text[start:end])


def _spans(text: str) -> list[tuple[int, int]]:
    """Where each line begins and ends."""
    spans, start = [], 0
    for line in text.split("\n"):
        spans.append((start, start + len(line)))
        start += len(line) + 1
    return spans


def _is_valid(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def by_model(weights: Path, every: list[Case]) -> list[str]:
    """The model's answers, greedy."""
    tokenizer = AutoTokenizer.from_pretrained(weights)
    model = AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32).to(device())
    prompts = [prompt(*case.seen) for case in every]
    found: list[str] = answers(model, tokenizer, prompts, LONGEST_FILL)
    return found


def by_ngrams(weights: Path, every: list[Case]) -> list[str]:
    """The answers of the n-grams, which end a line, or a block after as many lines as were cut out."""
    tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
    end = tokenizer.encode(END, add_special_tokens=False).ids
    ngram = NGram([*tokenizer.encode(module.text).ids, *end] for module in trained())
    found = []
    for case in every:
        before = case.seen[0]
        # A space begins the token after it, so the n-grams must choose it with that.
        spaced = before.removesuffix(" ")
        is_spaced = spaced != before and not spaced.endswith((" ", "\n"))
        tokens = tokenizer.encode(spaced if is_spaced else before).ids
        lines = case.wanted.count("\n") if case.group == "block" else case.group == "next"
        begin, answer = len(tokens), ""
        while len(tokens) - begin < LONGEST_FILL and answer.count("\n") <= lines and tokens[-1:] != end:
            tokens.append(ngram.next(tokens))
            answer = tokenizer.decode(tokens[begin:])
        answer = "\n".join(answer.split("\n")[: lines + 1])
        found.append(answer.removeprefix(" ") if is_spaced else answer)
    return found


def table(every: list[Case], ours: list[str], theirs: list[str]) -> str:
    """The scores as a markdown table."""
    rows = ["| task | skyhook-code | n-grams | cases |", "|---|---|---|---|"]
    for group, title in TITLES.items():
        places = [index for index, case in enumerate(every) if case.group == group]
        shares = [
            sum(every[index].is_right(found[index]) for index in places) / len(places)
            for found in (ours, theirs)
        ]
        rows.append(f"| {title} | {shares[0]:.1%} | {shares[1]:.1%} | {len(places)} |")
    return "\n".join(rows)


def main() -> None:
    """Score, print, write the card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--count", type=int, default=300, help="places of each kind")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--show", type=int, default=0, help="answers to print")
    options = parser.parse_args()
    every = list(cases(options.count, options.seed))
    ours, theirs = by_model(options.weights, every), by_ngrams(options.weights, every)
    for case, mine, other in random.Random(0).sample(
        list(zip(every, ours, theirs, strict=True)), options.show
    ):
        print(
            f"[{case.group}] {case.prefix[-60:]!r}\n  wanted {case.wanted!r}\n  model  {mine!r}\n  n-gram {other!r}"
        )
    scores = table(every, ours, theirs)
    print(scores)
    card = options.weights / "README.md"
    if card.exists():
        write_card(card, scores)


if __name__ == "__main__":
    main()
