"""Small changes of wording that leave the meaning alone: politeness, case, typing mistakes, synonyms, system prompts."""
# ruff: noqa: SIM905 - a list of words

import random
import re

BEFORE = (
    "Please tell me: ", "Hi, ", "Hello, ", "Hey, ", "Quick question: ", "A question: ", "Excuse me, ", "Can you help me? ",
    "I have a question. ", "One more thing: ", "Now: ", "And ", "OK, ", "So, ", "I am new here. ", "Next question: ",
)  # fmt: skip
AFTER = (
    " Thanks!",
    " Thank you.",
    " please",
    " Please answer briefly.",
    " Thanks in advance.",
    " I am curious.",
)
SYNONYMS = {
    "how do i": (
        "how can i",
        "how could i",
        "how should i",
        "how would i",
        "how does one",
        "how to",
        "what do i do to",
    ),
    "is there": ("do you have", "does skyhook have", "is there such a thing as", "do you offer"),
    "can i": ("may i", "could i", "am i able to", "is it possible to", "is there a way to"),
    "where is": ("where can i find", "where do i find", "what is the place of", "where's"),
    "what is": ("what's", "explain", "describe", "can you explain", "what exactly is", "what is meant by"),
    "what are": ("explain", "describe", "can you explain", "what exactly are"),
    "does skyhook": ("can skyhook", "will skyhook", "does the platform", "do you"),
    "which": ("what",),
    "show": ("display", "list", "print"),
    "start": ("launch", "run", "boot"),
    "install": ("set up", "add"),
    "create": ("make", "set up"),
    "change": ("modify", "adjust", "set"),
    "use": ("work with", "make use of"),
    "stored": ("saved", "kept"),
    "get": ("obtain", "receive"),
    "need": ("require", "have to have"),
    "folder": ("directory",),
    "supported": ("available", "possible"),
    "larger": ("bigger", "better"),
    "server": ("service", "instance"),
    "key": ("API key", "token"),
    "cost": ("price", "charge"),
    "request": ("call",),
    "answer": ("reply", "response"),
    "see": ("view", "look at"),
    "finished": ("done", "complete", "over"),
    "work": ("function", "operate"),
}
STOP_WORDS = frozenset(
    "how do does did i can could should you the a an is are was to of for my me in on with it what which where when there "
    "have has if be by at from or and tell about exactly one will would we us your please explain describe".split()
)
SYNONYM_PATTERN = re.compile(r"\b(" + "|".join(SYNONYMS) + r")\b", re.IGNORECASE)
ROLES = (
    "a helpful assistant", "a friendly assistant", "a support agent", "an expert", "a concise assistant", "a careful clerk",
    "the assistant of a small shop", "a polite bot", "an AI", "a chat bot on a web site", "a technical writer",
    "the help desk of our company", "an office assistant", "a data entry clerk", "a patient teacher",
)  # fmt: skip
RULES = (
    "Answer briefly.", "Be polite.", "Be concise.", "Keep answers short.", "Do not make things up.", "Answer in English.",
    "Think step by step.", "If you do not know, say so.", "Use the tools when they help.", "Always be honest.",
    "Never reveal secrets.", "Today is Monday.", "The user is a customer.", "Use plain words.", "Answer the question.",
    "Return only what is asked for.", "Help the user.", "Respond with facts only.", "Do your best.",
)  # fmt: skip


def polite(rng: random.Random, text: str) -> str:
    """With a courtesy in front or behind, now and then."""
    kind = rng.random()
    if kind < 0.12:
        return rng.choice(BEFORE) + text
    if kind < 0.2:
        return text + rng.choice(AFTER)
    return text


def typo(rng: random.Random, text: str) -> str:
    """With one letter of one longer lower-case word dropped, doubled or swapped."""
    places = [match.start() for match in re.finditer(r"[a-z]{5,}", text)]
    if not places:
        return text
    at = rng.choice(places) + rng.randint(1, 3)
    kind = rng.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at] + text[at:]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def synonyms(rng: random.Random, text: str) -> str:
    """With some words replaced by others of about the same meaning."""

    def replace(match: re.Match[str]) -> str:
        if rng.random() > 0.35:
            return match.group(0)
        new = rng.choice(SYNONYMS[match.group(0).lower()])
        return new[0].upper() + new[1:] if match.group(0)[0].isupper() else new

    return SYNONYM_PATTERN.sub(replace, text)


def keywords(text: str) -> str:
    """Only the words that carry the meaning, as in a search box; the text itself where fewer than two are left."""
    kept = [one for one in text.rstrip("?.").split() if one.lower() not in STOP_WORDS]
    return " ".join(kept) if len(kept) > 1 else text


def perturb(rng: random.Random, text: str) -> str:
    """As people type: lower case, no question mark, typing mistakes, courtesies."""
    kind = rng.random()
    if kind < 0.15:
        text = text.lower()
    if rng.random() < 0.15:
        text = text.rstrip("?.")
    if rng.random() < 0.12:
        text = typo(rng, text)
    return polite(rng, text)


def system_prompt(rng: random.Random) -> str:
    """A harmless system prompt."""
    rules = " ".join(rng.sample(RULES, rng.randint(0, 2)))
    who = rng.choice(
        (f"You are {rng.choice(ROLES)}.", f"You are {rng.choice(ROLES)}.", "", f"Act as {rng.choice(ROLES)}.")
    )
    return f"{who} {rules}".strip() or "You are a helpful assistant."
