"""Practice for tasks 3 and 4: repeating a text exactly, which is where the model learns to copy."""

import random

from skyhook_functions.training.chat import values
from skyhook_functions.training.chat.conversation import Turn, exchange

FRAMES = (
    "Repeat: {}",
    "Repeat after me: {}",
    "Say {}",
    "Echo {}",
    "Copy this: {}",
    "Write exactly: {}",
    "Please repeat: {}",
)
KINDS = (
    values.name, values.email, values.city, values.amount, values.date, values.code, values.phone, values.product, values.company,
    values.phrase, values.phrase, values.pseudo_word,
)  # fmt: skip


def sample(rng: random.Random, held: bool) -> Turn:
    """One to five values to repeat."""
    text = rng.choice((" ", ", ", "; ")).join(rng.choice(KINDS)(rng, held) for _ in range(rng.randint(1, 5)))
    return exchange(rng.choice(FRAMES).format(text), text)
