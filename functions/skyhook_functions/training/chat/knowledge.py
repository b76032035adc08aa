"""Task 1: questions about Skyhook. The answers are those of docs/faq.md, the phrasings those of paraphrases.md."""

import random
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from skyhook_functions.training.chat.conversation import Turn, exchange
from skyhook_functions.training.chat.wording import keywords, perturb, synonyms

FAQ = Path(__file__).with_name("faq.md")  # a link to docs/faq.md, since an image has no docs
PARAPHRASES = Path(__file__).with_name("paraphrases.md")
KEYWORDS_SHARE = 0.1
HOW = (
    "How do I {}?", "How can I {}?", "How to {}?", "I want to {}, how?", "What is the way to {}?", "Tell me how to {}.",
    "Can you tell me how to {}?", "I would like to {}.", "What do I have to do to {}?", "Is there a way to {}?",
    "Show me how to {}.", "What is needed to {}?", "I need to {}.", "Can I {}?", "What command or setting lets me {}?",
    "Is it possible to {}?", "Explain how to {}.", "Please help me {}.", "How does one {}?",
)  # fmt: skip
ABOUT = (
    "Tell me about {}.", "Explain {}.", "What about {}?", "What can you say about {}?", "I want to know about {}.",
    "Can you explain {}?", "Information about {}, please.", "What should I know about {}?", "Help with {}", "{}?",
    "Give me details about {}.", "What do you know about {}?", "I have a question about {}.", "Describe {}.",
)  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """One question of the FAQ with its answer and its phrasings; `held` ones are only evaluated."""

    question: str
    answer: str
    ask: tuple[str, ...]
    how: tuple[str, ...]
    about: tuple[str, ...]
    held: tuple[str, ...]


def sections(path: Path) -> dict[str, str]:
    """Heading to body of each `###` section of a markdown file."""
    parts = re.split(r"^### (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {title.strip(): body.strip() for title, body in zip(parts[1::2], parts[2::2], strict=True)}


@cache
def facts() -> tuple[Fact, ...]:
    """The facts in the order of the FAQ. A question without phrasings is trained from its heading alone."""
    phrasings = sections(PARAPHRASES)
    result = []
    for question, body in sections(FAQ).items():
        kinds: dict[str, tuple[str, ...]] = {"ask": (), "how": (), "about": (), "held": ()}
        for line in phrasings.get(question, "").splitlines():
            kind, _, rest = line.partition(": ")
            kinds[kind] = tuple(text.strip() for text in rest.split("|"))
        result.append(Fact(question, " ".join(body.split()), **kinds))
    return tuple(result)


def phrase_question(rng: random.Random, fact: Fact) -> str:
    """A training phrasing before any change of wording."""
    frames = [(frame, fill) for frame, fill in ((HOW, fact.how), (ABOUT, fact.about)) if fill]
    if frames and rng.random() < 0.5:
        frame, fill = rng.choice(frames)
        return rng.choice(frame).format(rng.choice(fill))
    return rng.choice((fact.question, *fact.ask))


def sample(rng: random.Random, held: bool) -> Turn:
    """One question with its answer."""
    fact = rng.choice(facts())
    if held:
        return exchange(perturb(rng, rng.choice(fact.held or (fact.question,))), fact.answer)
    question = synonyms(rng, phrase_question(rng, fact))
    while question in fact.held:
        question = synonyms(rng, phrase_question(rng, fact))
    if rng.random() < KEYWORDS_SHARE:
        question = keywords(question)
    return exchange(perturb(rng, question), fact.answer)
