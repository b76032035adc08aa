"""Random values (names, codes, dates, ...) and the rule that keeps the held-out ones out of training.

Every value is a pure function of the random generator. A text is held out when a checksum of it says so, hence the
two sets are disjoint by construction and need no list to be kept.
"""
# ruff: noqa: SIM905 - tables of words and phrases

import random
import re
import zlib
from collections.abc import Callable, Sequence
from functools import cache

from skyhook_functions.training.chat.knowledge import FAQ, PARAPHRASES

HELD_ONE_IN = 8

FIRST_NAMES = (
    "Anna Ben Clara David Emma Felix Greta Hannah Ivan Julia Karl Lena Marco Nina Oscar Paula Quentin Rosa Samuel Tina "
    "Ulrich Vera Walter Xenia Yusuf Zoe Alice Bob Carol Daniel Eva Frank Grace Henry Irene Jack Kate Liam Maria Noah "
    "Olivia Peter Rachel Simon Thomas Ursula Victor Wendy Amir Bianca Chen Diego Elena Farid Gina Hiro Ines Jamal Keiko "
    "Lars Mei Nadia Omar Priya Rahul Sofia Tomas Uma Viktor Wei Yara Aisha Boris Chloe Dmitri Esther Fatima Giulia Hugo "
    "Isabel Jonas Kofi Leila Mateo Nora Otto Pablo Ravi Sara Tariq Vivian Yuki Zara Adam Beth Colin Donna Eric Fiona "
    "George Helen Ian Jane Kevin Laura Mike Nancy Oliver Pam Robert Susan Tim Victoria Will Amy Brian Cathy Derek Ellen"
).split()
LAST_NAMES = (
    "Smith Jones Brown Miller Davis Wilson Moore Taylor Anderson Thomas Jackson White Harris Martin Thompson Garcia "
    "Martinez Robinson Clark Lewis Lee Walker Hall Allen Young King Wright Lopez Hill Scott Green Adams Baker Nelson "
    "Carter Mitchell Perez Roberts Turner Phillips Campbell Parker Evans Edwards Collins Weber Schmidt Fischer Meyer "
    "Wagner Becker Hoffmann Koch Richter Klein Wolf Neumann Rossi Ferrari Bianchi Romano Costa Silva Santos Oliveira "
    "Dubois Laurent Moreau Petit Ivanov Petrov Novak Kowalski Nielsen Hansen Larsen Berg Lindqvist Khan Patel Singh "
    "Kumar Tanaka Sato Suzuki Wang Zhang Liu Nguyen Tran Kim Park Okafor Mensah Haddad Cohen Levi Demir Yilmaz Murphy"
).split()
CITIES = (
    "Berlin Paris London Madrid Rome Vienna Prague Warsaw Oslo Stockholm Helsinki Copenhagen Amsterdam Brussels Lisbon "
    "Dublin Athens Budapest Zurich Geneva Munich Hamburg Cologne Milan Naples Turin Barcelona Valencia Porto Lyon Nice "
    "Marseille Boston Chicago Seattle Denver Austin Dallas Houston Miami Atlanta Portland Toronto Montreal Vancouver "
    "Tokyo Osaka Kyoto Seoul Beijing Shanghai Delhi Mumbai Chennai Bangkok Jakarta Manila Sydney Melbourne Perth Cairo "
    "Nairobi Lagos Accra Istanbul Ankara Dubai Lima Bogota Santiago Quito Havana Krakow Gdansk Bergen Malmo Tampere"
).split()
TOWN_PREFIXES = ("New", "San", "Los", "Saint", "Port", "Bad", "El", "Fort", "Lake", "North", "East", "Santa")
ADJECTIVES = (
    "red blue green black white small large wireless portable leather wooden steel cotton electric digital smart mini "
    "heavy light silver golden folding waterproof vintage compact ceramic glass plastic gaming mechanical solar pink"
).split()
NOUNS = (
    "mouse keyboard lamp chair desk table phone laptop tablet camera headphones speaker monitor backpack bottle jacket "
    "shoes watch bicycle helmet printer router kettle toaster blender vacuum drill hammer ladder tent sofa mirror clock "
    "pillow blanket mug knife pan guitar violin piano drone charger cable scarf gloves umbrella suitcase wallet candle"
).split()
COMMON_WORDS = (
    "milk meeting report dentist birthday dinner lunch project budget review update party music song movie weather news "
    "flight hotel train ticket garden kitchen office bedroom garage window door market river forest summer winter night "
    "morning apple banana orange bread cheese coffee tea water paper letter email call list plan team market price road"
).split()
MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
ONSETS = (
    "b c d f g h j k l m n p r s t v w x y z bl br ch cl cr dr fl fr gl gr kr pl pr qu sc sh sk sl sm sn sp st str sw th tr wh"
).split()
VOWELS = "a e i o u a e i o u ai au ea ee ei ie oa oo ou y".split()
CODAS = (
    "",
    "",
    "",
    "",
    "",
    "b",
    "ck",
    "d",
    "g",
    "l",
    "ll",
    "m",
    "n",
    "nd",
    "ng",
    "nt",
    "p",
    "r",
    "rd",
    "rt",
    "s",
    "ss",
    "st",
    "t",
    "x",
)
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"


def is_held(text: str) -> bool:
    """Whether a text belongs to the held-out part (about one in eight)."""
    return zlib.crc32(text.lower().encode()) % HELD_ONE_IN == 0


def draw(make: Callable[[], str], held: bool) -> str:
    """The first text that `make` gives in the wanted part."""
    while True:
        text = make()
        if is_held(text) == held:
            return text


def choose(rng: random.Random, pool: Sequence[str], held: bool) -> str:
    """A member of the pool in the wanted part; the pool must have one."""
    return draw(lambda: rng.choice(pool), held)


def pseudo_word(rng: random.Random, held: bool) -> str:
    """A pronounceable lower-case word that most likely exists in no language."""

    def make() -> str:
        count = rng.choice((1, 2, 2))
        return "".join(rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(count)) + rng.choice(CODAS)

    return draw(make, held)


@cache
def lexicon() -> tuple[str, ...]:
    """The English words of the FAQ and its paraphrases, in alphabetical order."""
    text = FAQ.read_text(encoding="utf-8") + PARAPHRASES.read_text(encoding="utf-8")
    return tuple(sorted(set(re.findall(r"\b[a-z]{3,}\b", text))))


def piece(rng: random.Random, held: bool) -> str:
    """A word to build values and identifiers of. Invented words can be held out; English ones are a closed list, so
    what is built of them is held out as a whole."""
    kind = rng.random()
    if kind < 0.4:
        return pseudo_word(rng, held)
    return rng.choice(COMMON_WORDS if kind < 0.6 else lexicon())


def word(rng: random.Random, held: bool) -> str:
    """An invented or an English word in lower case."""
    return draw(lambda: piece(rng, held), held)


def first_name(rng: random.Random, held: bool) -> str:
    return pseudo_word(rng, held).capitalize() if rng.random() < 0.4 else choose(rng, FIRST_NAMES, held)


def last_name(rng: random.Random, held: bool) -> str:
    return pseudo_word(rng, held).capitalize() if rng.random() < 0.4 else choose(rng, LAST_NAMES, held)


def name(rng: random.Random, held: bool) -> str:
    first = first_name(rng, held)
    if rng.random() < 0.15:
        return first
    return f"{first} {last_name(rng, held)}"


def city(rng: random.Random, held: bool) -> str:
    kind = rng.random()
    if kind < 0.5:
        return choose(rng, CITIES, held)
    town = pseudo_word(rng, held).capitalize()
    return f"{rng.choice(TOWN_PREFIXES)} {town}" if kind < 0.65 else town


def digits(rng: random.Random, low: int, high: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(rng.randint(low, high)))


def email(rng: random.Random, held: bool) -> str:
    first, last = first_name(rng, held).lower(), last_name(rng, held).lower()
    local = rng.choice(
        (first, f"{first}.{last}", f"{first[0]}.{last}", f"{last}{digits(rng, 1, 3)}", f"{first}_{last}")
    )
    host = rng.choice(("example", "mail", pseudo_word(rng, held), pseudo_word(rng, held)))
    return f"{local}@{host}.{rng.choice(('com', 'org', 'net', 'de', 'io', 'fr', 'co.uk'))}"


def company(rng: random.Random, held: bool) -> str:
    stem = rng.choice((pseudo_word(rng, held).capitalize(), last_name(rng, held)))
    return f"{stem} {rng.choice(('Ltd', 'Inc', 'GmbH', 'AG', 'Corp', 'Labs', 'Systems', 'Foods', 'Group'))}"


def amount(rng: random.Random, held: bool) -> str:
    def make() -> str:
        whole = str(rng.randint(1, rng.choice((99, 999, 4999))))
        number = whole if rng.random() < 0.4 else f"{whole}.{rng.randint(0, 99):02d}"
        sign = rng.choice(("${}", "${}", "€{}", "{} EUR", "{} USD", "{} euros", "{} dollars", "£{}"))
        return sign.format(number)

    return draw(make, held)


def date(rng: random.Random, held: bool) -> str:
    def make() -> str:
        year, month, day = rng.randint(2015, 2031), rng.randint(1, 12), rng.randint(1, 28)
        title = MONTHS[month - 1]
        return rng.choice((
            f"{year}-{month:02d}-{day:02d}", f"{year}-{month:02d}-{day:02d}", f"{day} {title} {year}",
            f"{title} {day}, {year}", f"{day:02d}/{month:02d}/{year}", f"{day}.{month}.{year}", f"{title} {day}",
        ))  # fmt: skip

    return draw(make, held)


def code(rng: random.Random, held: bool) -> str:
    """An order or part number such as 48213, #4821, A-482, ORD-2291 or X7-42B."""

    def make() -> str:
        letters = "".join(rng.choice(LETTERS) for _ in range(rng.randint(1, 3)))
        return rng.choice((
            digits(rng, 4, 7), f"#{digits(rng, 3, 6)}", f"{letters}-{digits(rng, 2, 5)}", f"{letters}{digits(rng, 2, 5)}",
            f"{letters}{digits(rng, 1, 2)}-{digits(rng, 2, 3)}{rng.choice(LETTERS)}",
        ))  # fmt: skip

    return draw(make, held)


def phone(rng: random.Random, held: bool) -> str:
    def make() -> str:
        return rng.choice((
            f"+{digits(rng, 1, 2)} {digits(rng, 3, 3)} {digits(rng, 5, 7)}", f"{digits(rng, 3, 3)}-{digits(rng, 4, 4)}",
            f"0{digits(rng, 2, 3)} {digits(rng, 5, 6)}", f"({digits(rng, 3, 3)}) {digits(rng, 3, 3)}-{digits(rng, 4, 4)}",
        ))  # fmt: skip

    return draw(make, held)


def product(rng: random.Random, held: bool) -> str:
    thing = choose(rng, NOUNS, held) if rng.random() < 0.7 else pseudo_word(rng, held)
    return thing if rng.random() < 0.3 else f"{choose(rng, ADJECTIVES, held)} {thing}"


def phrase(rng: random.Random, held: bool) -> str:
    """Two to four words, as a title or a message would have."""
    return draw(lambda: " ".join(piece(rng, held) for _ in range(rng.randint(2, 4))), held)
