"""Task 3: copying the asked fields of a text into compact JSON, `null` for a field that the text does not have."""

import json
import random
from collections.abc import Callable

from skyhook_functions.training.chat import values
from skyhook_functions.training.chat.conversation import Turn, exchange
from skyhook_functions.training.chat.wording import polite

MOST_FIELDS = 5
SAMPLERS: dict[str, Callable[[random.Random, bool], str]] = {
    "name": values.name, "email": values.email, "city": values.city, "amount": values.amount, "date": values.date,
    "order_number": values.code, "product": values.product, "phone": values.phone, "company": values.company,
}  # fmt: skip
KEYS = {
    "name": ("name", "name", "name", "full_name", "customer", "customer_name"),
    "email": ("email", "email", "email", "email_address", "mail"),
    "city": ("city", "city", "city", "town", "location"),
    "amount": ("amount", "amount", "amount", "total", "price"),
    "date": ("date", "date", "date", "day", "order_date"),
    "order_number": ("order_number", "order_number", "order_id", "order"),
    "product": ("product", "product", "item", "article"),
    "phone": ("phone", "phone", "phone_number", "telephone"),
    "company": ("company", "company", "employer"),
}
CLAUSES = {
    "name": (
        "My name is {}.", "I am {}.", "This is {}.", "Customer: {}.", "{} here.", "The customer is {}.", "Contact: {}.",
        "It was written by {}.", "Please ask for {}.", "Name: {}.", "We spoke with {}.", "The request came from {}.",
    ),
    "email": (
        "My email is {}.", "You can reach me at {}.", "Write to {}.", "Email: {}.", "Send the invoice to {}.", "Mail me at {}.",
        "The address for replies is {}.", "Please answer to {}.", "Contact email {}.",
    ),
    "city": (
        "I live in {}.", "Greetings from {}.", "The parcel goes to {}.", "City: {}.", "Ship it to {}.", "We are based in {}.",
        "It was sent from {}.", "Delivery to {}.", "The office is in {}.", "I moved to {}.",
    ),
    "amount": (
        "I paid {}.", "The total was {}.", "It cost {}.", "Amount: {}.", "Please refund {}.", "The price is {}.",
        "We were charged {}.", "The bill came to {}.", "Total: {}.", "That makes {}.",
    ),
    "date": (
        "It was on {}.", "Date: {}.", "I ordered on {}.", "The delivery is due on {}.", "It arrived on {}.", "Dated {}.",
        "The meeting is on {}.", "We met on {}.", "Booked for {}.",
    ),
    "order_number": (
        "My order number is {}.", "It is about order {}.", "Order {}.", "Order number: {}.", "The reference is {}.",
        "Order no. {}.", "See order {}.", "The order id is {}.", "This concerns order {}.",
    ),
    "product": (
        "I bought a {}.", "The {} is broken.", "Product: {}.", "I would like a {}.", "The item is a {}.", "I ordered the {}.",
        "We sell the {}.", "Please send one {}.", "My {} does not work.",
    ),
    "phone": (
        "Call me at {}.", "My phone number is {}.", "Phone: {}.", "Tel. {}.", "You can call {}.", "Ring {} after noon.",
        "The number is {}.",
    ),
    "company": (
        "I work at {}.", "Company: {}.", "We are {}.", "I write for {}.", "The invoice goes to {}.", "My employer is {}.",
        "It is from {}.",
    ),
}  # fmt: skip
SENTENCES = (
    "{name} from {city} ordered a {product} on {date} for {amount}.", "On {date}, {name} paid {amount} for order {order_number}.",
    "Order {order_number}: {name}, {email}, {amount}.", "{name} <{email}> wrote on {date} about the {product}.",
    "{name} of {company} can be reached at {phone}.", "Please send the {product} to {name} in {city} and bill {amount}.",
    "{company} in {city} ordered a {product}, order {order_number}, on {date}.", "{name} ({email}) lives in {city}.",
    "Invoice {order_number} of {date}: {amount} to be paid by {company}.", "{name}, {company}, {city}, {phone}, {email}",
    "Hi, I am {name} from {city}. My order {order_number} has not arrived, write to {email}.", "{name} - {phone} - {email}",
    "Dear team, the {product} I bought on {date} for {amount} is broken. Best regards, {name}", "{name} lives in {city}.",
    "We received {amount} from {name} ({company}) on {date}.", "{product}, {amount}, ordered {date} by {name}, {email}",
    "Hello, this is {name}. I paid {amount} for order {order_number} on {date}, call {phone}.",
    "Meeting with {name} of {company} in {city} on {date}, phone {phone}.", "The {product} costs {amount} at {company}.",
)  # fmt: skip
FILLERS = (
    "Hello,", "Hi there.", "Thanks!", "Best regards.", "I hope you are well.", "Please help.", "It is urgent.", "Dear team,",
    "I am not happy.", "See you soon.", "Many thanks in advance.", "Let me know.",
)  # fmt: skip
BEFORE_TEXT = (
    "Extract {fields} as JSON from: {text}", "Extract {fields} as JSON from: {text}", "Extract {fields} from this text as JSON: {text}",
    "Give me {fields} as JSON: {text}", "Return JSON with {fields} from this message:\n{text}", "JSON with {fields} please: {text}",
    "Find {fields} in the text below and answer in JSON.\n\n{text}", "Read this and return {fields} as JSON.\n{text}",
    "Extract {fields} as JSON.\n\n{text}", "Extract {fields} as JSON from the following text:\n\n{text}", "Extract {fields}: {text}",
    "Get {fields} as JSON out of: \"{text}\"", "Turn this into JSON with {fields}: {text}", "Parse {fields} from: {text}",
)  # fmt: skip
AFTER_TEXT = (
    "{text}\n\nExtract {fields} as JSON.", "{text}\nReturn {fields} as JSON.", "{text}\n\nGive me {fields} as JSON.",
    "Text: {text}\nFields: {fields}\nAnswer in JSON.",
)  # fmt: skip


def label(rng: random.Random, key: str) -> str:
    """A key as a label in running text: `Order number`, `order number` or the key itself."""
    words = key.replace("_", " ")
    return rng.choice((words, words.capitalize(), words.capitalize(), key))


def lines_text(rng: random.Random, pairs: list[tuple[str, str]]) -> str:
    """The pairs as labelled values."""
    colon, comma = rng.choice(
        ((": ", "\n"), (": ", ", "), (": ", "; "), (" = ", "\n"), (": ", ". "), (" is ", ", "))
    )
    return comma.join(f"{label(rng, key)}{colon}{value}" for key, value in pairs)


def clauses_text(rng: random.Random, found: dict[str, str]) -> str:
    parts = [rng.choice(CLAUSES[field]).format(value) for field, value in found.items()]
    if rng.random() < 0.3:
        parts.insert(rng.randint(0, len(parts)), rng.choice(FILLERS))
    return " ".join(parts)


def make_text(rng: random.Random, held: bool) -> tuple[str, dict[str, str]]:
    """A text and the value of each field in it, by field name."""
    kind = rng.random()
    if kind < 0.35:
        frame = rng.choice(SENTENCES)
        fields = [field for field in SAMPLERS if f"{{{field}}}" in frame]
        found = {field: SAMPLERS[field](rng, held) for field in fields}
        text = frame.format(**found)
        extra = rng.choice([field for field in SAMPLERS if field not in found])
        if rng.random() < 0.3:
            found[extra] = SAMPLERS[extra](rng, held)
            text = f"{text} {rng.choice(CLAUSES[extra]).format(found[extra])}"
        return text, found
    fields = rng.sample(list(SAMPLERS), rng.randint(1, MOST_FIELDS))
    found = {field: SAMPLERS[field](rng, held) for field in fields}
    if kind < 0.85:
        return clauses_text(rng, found), found
    return lines_text(rng, [(rng.choice(KEYS[field]), value) for field, value in found.items()]), found


def random_pairs(rng: random.Random, held: bool) -> tuple[str, dict[str, str]]:
    """Labelled values whose labels are words of no meaning: only reading the text can answer them."""
    kinds = (values.code, values.word, values.phrase, values.name, values.amount, values.date)
    pairs = {values.word(rng, held): rng.choice(kinds)(rng, held) for _ in range(rng.randint(2, MOST_FIELDS))}
    return lines_text(rng, list(pairs.items())), pairs


def ask_for(rng: random.Random, keys: list[str]) -> str:
    """The keys as a request names them."""
    spaced = rng.random() < 0.4
    names = [key.replace("_", " ") if spaced else key for key in keys]
    style = rng.random()
    if style < 0.25:
        names = [f"the {one}" for one in names]
    elif style < 0.35:
        names = [f"`{one}`" for one in names]
    if len(names) == 1:
        return names[0]
    if rng.random() < 0.4:
        return ", ".join(names)
    return ", ".join(names[:-1]) + " and " + names[-1]


def sample(rng: random.Random, held: bool) -> Turn:
    """A text with a request for one to five fields, in a combination and order of the wanted part."""
    while True:
        odd = rng.random() < 0.15
        text, found = random_pairs(rng, held) if odd else make_text(rng, held)
        fields = rng.sample(list(found), rng.randint(1, min(len(found), MOST_FIELDS)))
        missing = [field for field in SAMPLERS if field not in found]
        if not odd and missing and len(fields) < MOST_FIELDS and rng.random() < 0.12:
            fields.insert(rng.randint(0, len(fields)), rng.choice(missing))
        keys = fields if odd else [rng.choice(KEYS[field]) for field in fields]
        if len(keys) < 2 or values.is_held(" ".join(keys)) == held:
            break
    answer = {key: found.get(field) for key, field in zip(keys, fields, strict=True)}
    frame = rng.choice(AFTER_TEXT) if rng.random() < 0.25 else rng.choice(BEFORE_TEXT)
    prompt = frame.replace("{fields}", ask_for(rng, keys)).replace("{text}", text)
    return exchange(polite(rng, prompt), json.dumps(answer, separators=(",", ":"), ensure_ascii=False))
