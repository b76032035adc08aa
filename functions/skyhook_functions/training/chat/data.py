"""The training stream: conversations mixed from all tasks, each a pure function of a seed and its index."""

import random
from collections.abc import Callable

from skyhook_functions.training.chat import arithmetic, extraction, fallback, knowledge, repeat, tools
from skyhook_functions.training.chat.conversation import Conversation, Message, Turn
from skyhook_functions.training.chat.wording import system_prompt

Sampler = Callable[[random.Random, bool], Turn]
TASKS: dict[str, Sampler] = {
    "knowledge": knowledge.sample,
    "arithmetic": arithmetic.sample,
    "extraction": extraction.sample,
    "tools": tools.sample,
    "fallback": fallback.sample,
    "greeting": fallback.greeting,
    "repeat": repeat.sample,
}
WEIGHTS = {
    "knowledge": 26,
    "arithmetic": 13,
    "extraction": 13,
    "tools": 55,
    "fallback": 22,
    "greeting": 2,
    "repeat": 3,
}
TASKS_BESIDE_TOOLS = ("knowledge", "arithmetic", "extraction", "greeting")
SYSTEM_PROMPT_SHARE = 0.4


def generator(seed: int, *path: object) -> random.Random:
    """A random generator of its own for each place in the stream."""
    return random.Random(f"{seed}/{'/'.join(map(str, path))}")


def draw_task(rng: random.Random, names: tuple[str, ...] = tuple(TASKS)) -> str:
    return rng.choices(names, [WEIGHTS[name] for name in names])[0]


def conversation(seed: int, index: int) -> Conversation:
    """Training conversation number `index`: one to three turns, at most one of them with tools."""
    rng = generator(seed, "train", index)
    turns = [TASKS[draw_task(rng)](rng, False)]
    for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 1, 2))):
        more = draw_task(
            rng, TASKS_BESIDE_TOOLS if turns[0].tools else tuple(name for name in TASKS if name != "tools")
        )
        turns.append(TASKS[more](rng, False))
    rng.shuffle(turns)
    messages: list[Message] = [message for turn in turns for message in turn.messages]
    if rng.random() < SYSTEM_PROMPT_SHARE:
        messages.insert(0, {"role": "system", "content": system_prompt(rng)})
    return Conversation(messages, [tool for turn in turns for tool in turn.tools])


def held_out(task: str, seed: int, index: int) -> Conversation:
    """Evaluation conversation number `index` of a task, made from held-out parts only."""
    rng = generator(seed, "held", task, index)
    turn = TASKS[task](rng, True)
    system: list[Message] = (
        [{"role": "system", "content": system_prompt(rng)}] if rng.random() < SYSTEM_PROMPT_SHARE / 2 else []
    )
    return Conversation([*system, *turn.messages], turn.tools)
