"""Rules decide: the goal is read as a list of things to do, each is matched with what is to be seen.

The page has no part in what is to be done: its words are only looked for, never read as orders. So a page
cannot change the goal. What was done is told by the steps of the past alone: nothing is kept between steps.
"""

from __future__ import annotations

from collections.abc import Iterator

from skyhook_functions.macrohard.messages import Action
from skyhook_macrohard.page import Element, read, told
from skyhook_macrohard.policies.rules import matching
from skyhook_macrohard.policies.rules.intents import Intent, intents_of
from skyhook_macrohard.requests import Decision, Scene, Step

MOST_TRIES = 3
"""How often something that cannot be done is tried."""
MOST_OPENED = 25
"""How many things are opened to look inside."""
_SENDS = ("submit", "ok", "send", "save", "apply", "continue", "search", "go")


class RulesPolicy:
    """Decides without a model."""

    async def decide(self, scene: Scene) -> Decision:
        """The next action; gives up where it does not understand the goal or finds nothing to do."""
        intents = intents_of(scene.goal)
        if not intents:
            return _give_up("The rules understand no order in this goal; name a chat model to decide.")
        return _Plan(scene, intents).next()


class _Plan:
    """What of a goal is done, and what is next."""

    def __init__(self, scene: Scene, intents: list[Intent]) -> None:
        self._page = read(scene.observation.snapshot)
        self._goal = scene.goal
        self._intents = intents
        self._past = scene.past
        self._found = matching.elements(self._page, scene.goal)

    def next(self) -> Decision:
        """The first thing that is not done, else the end."""
        done = 0
        for intent in self._intents:
            mine = list(_until_done(intent, self._past[done:]))
            if not mine or not _is_done(intent, mine[-1]):
                if intent.do == "select" and self._is_selected(intent):
                    continue
                return self._work(intent, mine)
            done += len(mine)
            if intent.do == "fill" and (more := self._rest_of_fill(intent, self._past[done:])):
                return more
        return self._finish()

    def _work(self, intent: Intent, mine: list[Step]) -> Decision:
        """The next action for something that is not done, with what was done for it."""
        failed = [step for step in mine if step.code]
        if len(failed) >= MOST_TRIES:
            return _give_up(f"{_in_words(intent)} could not be used: {failed[-1].message}")
        match intent.do:
            case "click" | "find":
                return self._click(intent, mine)
            case "fill":
                return self._fill(intent, mine)
            case "select":
                return self._select(intent, mine)
            case "read":
                return self._read(intent, mine)

    def _click(self, intent: Intent, mine: list[Step]) -> Decision:
        if intent.ordinal:
            return self._click_ordinal(intent, mine)
        if not intent.name:
            some = matching.of_kind(self._found, intent.kind)
            return _click_on(some[0], intent) if some else self._look_around(intent, mine)
        found = matching.named(self._found, intent.name, intent.kind)
        if found is not None:
            return _click_on(found, intent)
        is_said = intent.name.lower() in self._page.words.lower().replace(self._goal.lower(), "")
        if is_said and not any(step.action and step.action.label for step in mine):
            action = Action(kind="click", label=intent.name)
            return Decision(action=action, reason=f"The page says {intent.name!r}.")
        return self._look_around(intent, mine)

    def _click_ordinal(self, intent: Intent, mine: list[Step]) -> Decision:
        """One of a list that may go on over several pages."""
        listed = self._listed(intent.kind or "link")
        if not listed:
            return self._look_around(intent, mine)
        if intent.ordinal < 0:
            return _click_on(listed[-1], intent)
        turned = sum(1 for step in mine if step.action and step.action.kind == "click" and not step.code)
        place = intent.ordinal - 1 - turned * len(listed)
        if 0 <= place < len(listed):
            return _click_on(listed[place], intent)
        forward = matching.next_page(self._found)
        if forward is None or place < 0:
            return _give_up(f"There are not {intent.ordinal} of {_in_words(intent)}.")
        return Decision(
            action=Action(kind="click", ref=forward.ref),
            reason=f"Number {intent.ordinal} is further on: this page has {len(listed)}.",
        )

    def _listed(self, kind: str) -> list[Element]:
        """The elements of a kind that make a list: not those that turn its pages."""
        some = matching.of_kind(self._found, kind)
        return [one for one in some if one.words and not matching.turns_pages(one)]

    def _look_around(self, intent: Intent, mine: list[Step]) -> Decision:
        """Waits once, since it may still come; then opens what may hide it."""
        if not any(step.action and step.action.kind == "wait" for step in mine):
            action = Action(kind="wait", seconds=1)
            return Decision(action=action, reason=f"{_in_words(intent)} may still come.")
        closed = next(matching.unopened(self._found, {step.target for step in mine}), None)
        if closed is None or len(mine) > MOST_OPENED:
            return _give_up(f"{_in_words(intent)} is not to be found.")
        reason = f"{_in_words(intent)} may be behind {told(closed)}."
        return Decision(action=Action(kind="click", ref=closed.ref), reason=reason)

    def _fill(self, intent: Intent, mine: list[Step]) -> Decision:
        value = intent.value or intent.starts
        if intent.of:
            value = matching.value_of(self._page, intent.of) or ""
            if not value:
                return _give_up(f"The page has no value of {intent.of!r}.")
        field = self._field(intent)
        if field is None:
            return self._look_around(intent, mine)
        reason = f"{value!r} belongs into {matching.label_of(field) or 'this field'}."
        return Decision(action=Action(kind="type", ref=field.ref, text=value), reason=reason)

    def _field(self, intent: Intent) -> Element | None:
        """The field that is meant: by its label, else the first empty one, else the first one."""
        some = matching.fields(self._found)
        if intent.name and not intent.everywhere:
            for field in some:
                if matching.same(matching.label_of(field).rstrip(":* "), intent.name):
                    return field
            for field in some:
                if intent.name.lower() in matching.label_of(field).lower():
                    return field
        return next((field for field in some if not field.text), None) or next(iter(some), None)

    def _rest_of_fill(self, intent: Intent, since: list[Step]) -> Decision | None:
        """What remains of a field that was filled: the other fields, or the item that it offers."""
        if intent.everywhere:
            rest = [one for one in matching.fields(self._found) if not one.text]
            if rest and not any(step.action and step.action.kind == "click" for step in since):
                action = Action(kind="type", ref=rest[0].ref, text=intent.value)
                return Decision(action=action, reason="Every field gets it.")
        if intent.starts and not any(step.action and step.action.kind == "click" for step in since):
            for one in self._found:
                is_item = matching.is_usable(one) and one.role not in matching.FIELDS
                if is_item and one.words.startswith(intent.starts) and one.words.endswith(intent.ends):
                    action = Action(kind="click", ref=one.ref)
                    return Decision(action=action, reason=f"{one.words!r} begins and ends as it is to.")
            if not since:
                action = Action(kind="wait", seconds=1)
                return Decision(action=action, reason="The field may offer items.")
        return None

    def _select(self, intent: Intent, mine: list[Step]) -> Decision:
        for one in self._found:
            options = [option.words for option in one.children if option.role == "option"]
            chosen = next((option for option in options if matching.same(option, intent.name)), None)
            if chosen is not None:
                action = Action(kind="select", ref=one.ref, text=chosen)
                return Decision(action=action, reason=f"{chosen!r} is one of the options.")
        boxes = [one for one in self._found if one.role in ("checkbox", "radio", "switch")]
        found = matching.named(boxes, intent.name, "") or matching.named(self._found, intent.name, "")
        return _click_on(found, intent) if found is not None else self._look_around(intent, mine)

    def _is_selected(self, intent: Intent) -> bool:
        return any(
            matching.same(one.words, intent.name) and ("checked" in one.marks or "selected" in one.marks)
            for one in self._found
        )

    def _read(self, intent: Intent, mine: list[Step]) -> Decision:
        value = matching.value_of(self._page, intent.of)
        if value is None:
            return self._look_around(intent, mine)
        return Decision(action=Action(kind="done", text=value), reason=f"It stands beside {intent.of!r}.")

    def _finish(self) -> Decision:
        """Sends what was filled in, where there is one button to do so and the goal named none."""
        is_filled = any(step.action and step.action.kind in ("type", "select") for step in self._past)
        if is_filled and self._intents[-1].do in ("fill", "select"):
            sending = [one for one in matching.of_kind(self._found, "button") if one.words.lower() in _SENDS]
            pressed = {step.target for step in self._past if step.action and step.action.kind == "click"}
            if len(sending) == 1 and told(sending[0]) not in pressed:
                action = Action(kind="click", ref=sending[0].ref)
                return Decision(action=action, reason="What was filled in is to be sent.")
        return Decision(action=Action(kind="done"), reason="Everything that the goal asks for was done.")


def _click_on(element: Element, intent: Intent) -> Decision:
    return Decision(
        action=Action(kind="click", ref=element.ref), reason=f"{told(element)} is {_in_words(intent)}."
    )


def _until_done(intent: Intent, steps: list[Step]) -> Iterator[Step]:
    """The steps up to the one that did it."""
    for step in steps:
        yield step
        if _is_done(intent, step):
            return


def _is_done(intent: Intent, step: Step) -> bool:
    """Whether a step did what was wanted."""
    action = step.action
    if action is None or step.code:
        return False
    match intent.do:
        case "fill":
            return action.kind == "type" and (not intent.value or action.text == intent.value)
        case "select":
            chosen = action.text if action.kind == "select" else _name_in(step.target)
            return action.kind in ("select", "click") and matching.same(chosen or "", intent.name)
        case "click" | "find":
            return action.kind == "click" and _is_clicked(intent, step.target)
        case "read":
            return action.kind == "done"


def _is_clicked(intent: Intent, target: str) -> bool:
    """Whether what was clicked is what was to be."""
    name = _name_in(target).lower()
    if intent.ordinal:
        return name not in matching.NEXT_PAGE
    if not intent.name:
        return target.partition(" ")[0] in matching.ROLES.get(intent.kind, (intent.kind,))
    return matching.same(name, intent.name) or intent.name.lower() in name


def _name_in(target: str) -> str:
    """The name in a description such as `button "Submit"`."""
    return target.partition(' "')[2].removesuffix('"')


def _in_words(intent: Intent) -> str:
    kind = intent.kind or "element"
    return f"the {kind} {intent.name!r}" if intent.name else f"the {kind}"


def _give_up(why: str) -> Decision:
    return Decision(action=Action(kind="fail", text=why), reason=why)
