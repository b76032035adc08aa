"""Task 2: sums and non-negative differences of numbers up to 99, and products up to 12 x 12, answered by the bare number."""

import random

from skyhook_functions.training.chat.conversation import Message, Turn, exchange
from skyhook_functions.training.chat.values import is_held
from skyhook_functions.training.chat.wording import polite

LARGEST_TERM = 99
LARGEST_FACTOR = 12
TRAINED_RANGES = (9, 20, LARGEST_TERM, LARGEST_TERM)
FRAMES = (
    "What is {}?", "{}", "{} = ?", "{}?", "{}=", "Calculate {}.", "How much is {}?", "Compute {}", "What's {}?", "Solve {}.",
    "Tell me what {} is.", "What does {} make?", "Work out {}.", "Give me the result of {}.", "How much does {} make?",
    "I need the value of {}.", "Can you calculate {}?", "Do you know what {} is?",
)  # fmt: skip
INFIX = {
    "+": ("{a} + {b}", "{a} + {b}", "{a}+{b}", "{a} plus {b}", "{a} and {b} added", "the sum of {a} and {b}"),
    "-": (
        "{a} - {b}",
        "{a} - {b}",
        "{a}-{b}",
        "{a} minus {b}",
        "the difference of {a} and {b}",
        "{a} less {b}",
    ),
    "*": ("{a} * {b}", "{a} x {b}", "{a}*{b}", "{a} times {b}", "the product of {a} and {b}", "{a} × {b}"),
}
WHOLE = {
    "+": (
        "Add {a} and {b}.", "Add {b} to {a}.", "Sum {a} and {b}.", "I have {a} apples and get {b} more. How many do I have?",
        "{a} people are in a room and {b} more come in. How many are there?",
        "A book costs {a} euros and a pen {b} euros. How much do they cost together?",
    ),
    "-": (
        "Subtract {b} from {a}.", "Take {b} away from {a}.", "I had {a} apples and gave {b} away. How many are left?",
        "There are {a} birds and {b} fly away. How many remain?", "What do I get when I subtract {b} from {a}?",
    ),
    "*": (
        "Multiply {a} by {b}.", "Multiply {a} and {b}.", "{a} boxes hold {b} pens each. How many pens are there?",
        "I buy {a} tickets for {b} euros each. How much do I pay?", "What do I get when I multiply {a} by {b}?",
    ),
}  # fmt: skip


def operands(rng: random.Random, held: bool) -> tuple[int, str, int, int]:
    """First operand, sign, second operand and result; small operands are trained more often than they are evaluated.

    The mirror of a held-out product is always trained.
    """
    while True:
        sign = rng.choice("++--*")
        if sign == "*":
            a, b = rng.randint(0, LARGEST_FACTOR), rng.randint(0, LARGEST_FACTOR)
            part = a > b and is_held(f"{a}*{b}")
        else:
            largest = LARGEST_TERM if held else rng.choice(TRAINED_RANGES)
            a, b = rng.randint(0, largest), rng.randint(0, largest)
            if sign == "-":
                a, b = max(a, b), min(a, b)
            part = is_held(f"{a}{sign}{b}")
        if part == held:
            return a, sign, b, {"+": a + b, "-": a - b, "*": a * b}[sign]


def calculation(rng: random.Random, held: bool) -> list[Message]:
    """One calculation in one of many wordings."""
    a, sign, b, result = operands(rng, held)
    prompt = (
        rng.choice(WHOLE[sign]) if rng.random() < 0.25 else rng.choice(FRAMES).format(rng.choice(INFIX[sign]))
    )
    prompt = prompt.format(a=a, b=b)
    if rng.random() < 0.15:
        prompt = prompt.lower()
    elif prompt[0].islower() and rng.random() < 0.5:
        prompt = prompt[0].upper() + prompt[1:]
    return exchange(polite(rng, prompt), str(result)).messages


def sample(rng: random.Random, held: bool) -> Turn:
    """One calculation; in training often several in a row, since each is short and tens of thousands must be seen."""
    count = 1 if held else rng.choice((1, 3, 4, 6))
    return Turn([message for _ in range(count) for message in calculation(rng, held)])
