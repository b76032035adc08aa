"""A goal read: the sentence as a list of things to do, one after the other.

Only plain orders in English are understood: click, enter, select, find, close, focus, reply, forward, delete,
search, read off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

What = Literal["click", "fill", "select", "find", "read"]

_CLICK = ("click", "press", "hit", "tap", "push", "open", "follow", "activate", "focus", "expand")
_FILL = ("enter", "type", "write", "fill", "input", "put")
_SELECT = ("select", "choose", "pick", "check", "tick")
_FIND = ("find", "locate", "navigate", "look", "go", "mark")
_READ = ("read", "tell", "report", "say", "answer", "what")
_OTHER = ("close", "dismiss", "reply", "forward", "delete", "search", "use", "submit", "send")
_VERBS = "|".join((*_CLICK, *_FILL, *_SELECT, *_FIND, *_READ, *_OTHER))
_CLAUSES = re.compile(rf"(?:[.;]\s+|,?\s+(?:and\s+then|and|then)\s+|,\s+)(?=(?:{_VERBS})\b)", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"]*)"|“([^”]*)”|(?<!\w)\'([^\']*)\'(?!\w)')
_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b|\b(first|second|third|fourth|fifth|last)\b", re.IGNORECASE)
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}
_KINDS = {
    "button": "button",
    "link": "link",
    "tab": "tab",
    "checkbox": "checkbox",
    "radio": "radio",
    "textbox": "textbox",
    "textarea": "textarea",
    "text": "textbox",
    "field": "textbox",
    "fields": "textbox",
    "input": "textbox",
    "result": "link",
}
_KIND_WORDS = re.compile(
    r"\b(?:text|input)? ?(?:buttons?|links?|textbox(?:es)?|textarea|fields?|results?)\b", re.IGNORECASE
)
_FILLER = re.compile(
    r"\b(?:on|the|a|an|into|in|of|onto|to|that|this|it|box|icon|item|widget|element|labell?ed|named|called|"
    r"folder|file|or|search|from|list|option|by|clicking|pressing)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing to do."""

    do: What
    name: str = ""
    """What the element is called, or the words that it has; empty for any of its kind."""
    kind: str = ""
    """Such as "button"; empty where the goal does not say."""
    value: str = ""
    """What to fill in."""
    of: str = ""
    """The label of what is on the page whose value is meant: it is looked up there."""
    starts: str = ""
    """Instead of a value: what an item offered by the field begins with."""
    ends: str = ""
    everywhere: bool = False
    """Into every field."""
    ordinal: int = 0
    """Which one of the elements of the kind, from 1; -1 is the last one."""


def intents_of(goal: str) -> list[Intent]:
    """What the goal asks for, in its order; empty where nothing of it is understood."""
    quotes: list[str] = []

    def keep(found: re.Match[str]) -> str:
        quotes.append(next(group for group in found.groups() if group is not None))
        return f"\x02{len(quotes) - 1}\x03"

    text = _QUOTED.sub(keep, " ".join(goal.split())).strip().rstrip(".?!")
    intents: list[Intent] = []
    for clause in _CLAUSES.split(text):
        intents += _Clause(clause.strip(), quotes).intents()
    return intents


class _Clause:
    """One order: a verb and what follows it."""

    def __init__(self, text: str, quotes: list[str]) -> None:
        self._quotes = quotes
        verb, _, self._rest = text.partition(" ")
        self._verb = verb.lower()

    def intents(self) -> list[Intent]:
        """What it asks for."""
        if self._verb in _FILL:
            return self._fill(self._rest)
        if self._verb in _SELECT:
            return self._select()
        if self._verb in _FIND:
            return self._find()
        if self._verb in _READ:
            return [Intent("read", of=self._label(re.sub(r"^(?:me|off|is)\b", "", self._rest.strip())))]
        if self._verb in _CLICK:
            return [self._click(self._rest)]
        return self._other()

    def _other(self) -> list[Intent]:
        """Orders that are more than one thing to do, or that name what is clicked by themselves."""
        text = self._first_quote(self._rest)
        match self._verb:
            case "use":
                return self._use()
            case "close" | "dismiss" | "delete" | "submit" | "send":
                name = "close" if self._verb == "dismiss" else self._verb
                return [Intent("click", text if name == "close" and text else name)]
            case "search":
                return [Intent("fill", "search", "textbox", value=text), Intent("click", "search")]
            case "reply":
                return [Intent("click", "reply"), Intent("fill", value=text), Intent("click", "send")]
            case "forward":
                to = text or self._rest.rpartition(" to ")[2]
                return [Intent("click", "forward"), Intent("fill", "to", value=to), Intent("click", "send")]
            case _:
                return []

    def _use(self) -> list[Intent]:
        field, _, order = self._rest.partition(" to ")
        name, kind = self._named(field)
        inner = _Clause(order, self._quotes).intents()
        return [Intent("fill", name, kind, value=one.value) if one.do == "fill" else one for one in inner]

    def _fill(self, rest: str) -> list[Intent]:
        if pattern := re.search(r"starts? with \x02(\d+)\x03(?: and ends? with \x02(\d+)\x03)?", rest):
            ends = self._quotes[int(pattern[2])] if pattern[2] else ""
            return [Intent("fill", kind="textbox", starts=self._quotes[int(pattern[1])], ends=ends)]
        if looked_up := re.search(r"\bvalue (?:of|for) (.+?)(?: into | in the |$)", rest):
            return [Intent("fill", kind="textbox", of=self._label(looked_up[1]))]
        pairs = re.findall(r"(?:the |a )?([\w -]*?)\s*\x02(\d+)\x03", rest)
        if not pairs:
            plain = re.fullmatch(r"(\S+)(?: (?:as|into|in|to|for) (?:the )?(.+))?", rest)
            return [Intent("fill", plain[2] or "", "textbox", value=plain[1])] if plain else []
        everywhere = re.search(r"\b(?:both|all|each|every)\b", rest, re.IGNORECASE) is not None
        after, _ = self._named(rest.rpartition("\x03")[2])
        fills = []
        for before, index in pairs:
            name, _ = self._named(re.sub(r"^\s*and\s+(?:the\s+)?", "", before))
            name = name or (after if len(pairs) == 1 and not everywhere else "")
            value = self._quotes[int(index)]
            fills.append(Intent("fill", name, "textbox", value=value, everywhere=everywhere))
        return fills

    def _select(self) -> list[Intent]:
        rest = re.sub(r"\s+(?:from|in|on) the .*$", "", self._rest)
        values = self._all_quotes(rest) or re.split(r",\s*(?:and )?|\s+and\s+", rest)
        return [
            Intent("select", value.strip())
            for value in values
            if value.strip().lower() not in ("", "nothing")
        ]

    def _find(self) -> list[Intent]:
        name = self._first_quote(self._rest)
        if not name and (by := re.search(r"\b(?:by|from|named|called|with) (.+)$", self._rest)):
            name = by[1]
        return [Intent("find", name)] if name else []

    def _click(self, rest: str) -> Intent:
        number = 0
        if ordinal := _ORDINAL.search(rest):
            number = int(ordinal[1]) if ordinal[1] else _ORDINALS[ordinal[2].lower()]
            rest = rest.replace(ordinal[0], "")
        name, kind = self._named(re.sub(r"\bto (?!\x02).*$", "", rest))
        return Intent("click", name, kind, ordinal=number)

    def _named(self, text: str) -> tuple[str, str]:
        """What an element is called, and its kind."""
        quoted = self._first_quote(text)
        bare = re.sub(r"\x02\d+\x03", "", text)
        words = re.findall(r"[a-z]+", bare.lower())
        kind = next((_KINDS[word] for word in words if word in _KINDS), "")
        if quoted in _KINDS and not kind:
            return "", _KINDS[quoted]
        if quoted:
            return quoted, kind
        return " ".join(_FILLER.sub("", _KIND_WORDS.sub("", bare)).split()), kind

    def _label(self, text: str) -> str:
        return self._first_quote(text) or " ".join(re.sub(r"^(?:the|value of)\s+", "", text.strip()).split())

    def _first_quote(self, text: str) -> str:
        return next(iter(self._all_quotes(text)), "")

    def _all_quotes(self, text: str) -> list[str]:
        return [self._quotes[int(index)] for index in re.findall(r"\x02(\d+)\x03", text)]
