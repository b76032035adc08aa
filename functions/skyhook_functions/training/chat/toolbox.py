"""The tools that task 4 offers to the model: everyday ones with natural requests, and made-up ones without end."""
# ruff: noqa: SIM905 - tables of words and phrases

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from skyhook_functions.training.chat import values
from skyhook_functions.training.chat.conversation import Tool

VERBS = (
    "get find create delete update start stop restart open close list show send check count move copy rename lock unlock "
    "enable disable schedule cancel book reserve print scan load store archive publish approve reject assign merge split "
    "measure test reset sync export import track order ship pay refund mute pause resume play record mark tag add remove"
).split()
OBJECTS = (
    "pump sensor room ticket invoice user account file folder report device server task note contact message meeting event "
    "package parcel shipment customer product price image video song playlist channel window door lamp heater fan camera "
    "printer order payment card token license driver vehicle bike train flight seat table menu recipe page post comment "
    "review article book document backup database job queue worker node cluster branch issue build test alarm timer"
).split()
PARAMETERS = (
    "id name title label level count size color room path owner status priority amount date city email user code key type "
    "group unit speed volume mode text message reason category language number year month limit page target source width "
    "height weight duration delay port zone region floor team channel price quantity address phone query tag format order_id "
    "user_id pump_id file_name start_date end_date max_results first_name last_name zip_code device_id room_number due_date"
).split()


@dataclass(frozen=True)
class Parameter:
    """A parameter of a tool and the way to draw a value for it."""

    name: str
    type: str
    draw: Callable[[random.Random, bool], Any]
    required: bool = True


@dataclass(frozen=True)
class Offer:
    """A tool with requests that call it. A request's braces name parameters; an optional one not named stays out.

    Two tools of one `group` do the same and are never offered together.
    """

    group: str
    name: str
    description: str
    parameters: tuple[Parameter, ...]
    requests: tuple[str, ...]

    def schema(self) -> Tool:
        """The tool as an OpenAI-style client sends it."""
        properties = {one.name: {"type": one.type} for one in self.parameters}
        required = [one.name for one in self.parameters if one.required]
        parameters = {"type": "object", "properties": properties, "required": required}
        function = {"name": self.name, "description": self.description, "parameters": parameters}
        return {"type": "function", "function": function}


def integer(rng: random.Random, held: bool) -> int:
    return int(values.draw(lambda: str(rng.randint(1, rng.choice((20, 120, 5000)))), held))


def number(rng: random.Random, held: bool) -> float:
    return float(values.draw(lambda: f"{rng.randint(0, 300)}.{rng.randint(1, 9)}", held))


def file_name(rng: random.Random, held: bool) -> str:
    return f"{values.word(rng, held)}.{rng.choice(('txt', 'pdf', 'py', 'csv', 'md', 'png'))}"


def clock(rng: random.Random, held: bool) -> str:
    return values.draw(
        lambda: f"{rng.randint(0, 23):02d}:{rng.choice((0, 10, 15, 20, 30, 40, 45, 50)):02d}", held
    )


def among(*options: str) -> Callable[[random.Random, bool], str]:
    """A value from a closed list, too short to be held out."""
    return lambda rng, held: rng.choice(options)


TEXT, WHOLE = "string", "integer"
CURRENCY = among("USD", "EUR", "GBP", "JPY", "CHF", "SEK")
EVERYDAY: tuple[tuple[tuple[str, ...], str, tuple[Parameter, ...], tuple[str, ...]], ...] = (
    (("get_weather", "weather", "current_weather", "getWeather"), "Get the current weather in a city.",
     (Parameter("city", TEXT, values.city), Parameter("unit", TEXT, among("celsius", "fahrenheit"), False)),
     ("What is the weather in {city}?", "How is the weather in {city}?", "Is it raining in {city}?", "Weather in {city} in {unit}",
      "Tell me the weather in {city}.", "What's the temperature in {city}?", "What is the weather in {city} in {unit}?")),
    (("get_weather", "get_forecast"), "Weather forecast for a location.", (Parameter("location", TEXT, values.city),),
     ("What is the weather in {location}?", "Will it rain in {location}?", "Forecast for {location}", "How warm is it in {location}?")),
    (("get_time", "local_time"), "Get the local time in a city.", (Parameter("city", TEXT, values.city),),
     ("What time is it in {city}?", "Tell me the time in {city}.", "Current time in {city}", "How late is it in {city}?")),
    (("send_email", "sendEmail", "email"), "Send an email.",
     (Parameter("to", TEXT, values.email), Parameter("subject", TEXT, values.phrase)),
     ("Send an email to {to} about {subject}", "Email {to} with the subject {subject}", "Write to {to}, subject {subject}",
      "Send a mail to {to} with the subject \"{subject}\"")),
    (("convert_currency", "convert"), "Convert an amount of money.",
     (Parameter("amount", "number", integer), Parameter("from", TEXT, CURRENCY), Parameter("to", TEXT, CURRENCY)),
     ("Convert {amount} {from} to {to}.", "How much is {amount} {from} in {to}?", "{amount} {from} in {to}", "Change {amount} {from} into {to}")),
    (("get_order", "order_status", "lookup_order", "getOrderStatus"), "Look up the status of an order.",
     (Parameter("order_number", TEXT, values.code),),
     ("Where is my order {order_number}?", "What is the status of order {order_number}?", "Check order {order_number}", "Track order {order_number}.",
      "Has order {order_number} been shipped?", "Look up order {order_number}")),
    (("search", "web_search", "search_web"), "Search the web.", (Parameter("query", TEXT, values.phrase),),
     ("Search for {query}", "Search the web for {query}", "Look up {query} on the web", "Find web pages about {query}", "Google {query}")),
    (("set_timer", "start_timer"), "Set a timer.", (Parameter("minutes", WHOLE, integer),),
     ("Set a timer for {minutes} minutes.", "Timer {minutes} minutes", "Start a timer of {minutes} minutes.", "Wake me in {minutes} minutes")),
    (("set_alarm",), "Set an alarm.", (Parameter("time", TEXT, clock),),
     ("Set an alarm for {time}.", "Wake me at {time}", "Alarm at {time}", "I have to get up at {time}.")),
    (("create_event", "add_event", "schedule_meeting"), "Add an event to the calendar.",
     (Parameter("title", TEXT, values.phrase), Parameter("date", TEXT, values.date)),
     ("Add the event {title} on {date}", "Schedule {title} for {date}", "Put {title} in my calendar on {date}", "Create an event {title} on {date}")),
    (("play_song", "play_music"), "Play a song.", (Parameter("title", TEXT, values.phrase),),
     ("Play {title}", "Play the song {title}", "I want to hear {title}", "Put on the song \"{title}\"")),
    (("read_file", "open_file"), "Read a file.", (Parameter("path", TEXT, file_name),),
     ("Read {path}", "Show me the file {path}", "What is in {path}?", "Open the file {path}.")),
    (("translate", "translate_text"), "Translate a text.",
     (Parameter("text", TEXT, values.phrase), Parameter("language", TEXT, among("German", "French", "Spanish", "Italian", "Polish", "Dutch"))),
     ("Translate \"{text}\" into {language}.", "Translate \"{text}\" to {language}", "How do you say \"{text}\" in {language}?")),
    (("book_flight", "find_flights"), "Find a flight.",
     (Parameter("origin", TEXT, values.city), Parameter("destination", TEXT, values.city), Parameter("date", TEXT, values.date, False)),
     ("Book a flight from {origin} to {destination} on {date}.", "Find flights from {origin} to {destination}", "I want to fly from {origin} to {destination} on {date}.",
      "Flight from {origin} to {destination}")),
    (("add_todo", "create_task", "add_task"), "Add a task to the list.", (Parameter("task", TEXT, values.phrase),),
     ("Add {task} to my list", "Remind me of {task}", "New task: {task}", "Put {task} on my to-do list")),
    (("get_customer", "find_customer", "lookup_user"), "Find a customer by email.", (Parameter("email", TEXT, values.email),),
     ("Find the customer with the email {email}", "Who is {email}?", "Look up the customer {email}", "Get the account of {email}")),
    (("call_contact", "call"), "Call somebody.", (Parameter("name", TEXT, values.name),), ("Call {name}", "Ring {name}", "Phone {name}, please", "I want to talk to {name}")),
    (("send_message", "text_contact"), "Send a message to a contact.",
     (Parameter("name", TEXT, values.first_name), Parameter("message", TEXT, values.phrase)),
     ("Send {name} the message {message}", "Text {name}: {message}", "Tell {name} \"{message}\"", "Message {name} that {message}")),
    (("get_stock_price", "stock_price"), "Get the price of a stock.",
     (Parameter("symbol", TEXT, lambda rng, held: values.draw(lambda: "".join(rng.choice(values.LETTERS) for _ in range(rng.randint(3, 4))), held)),),
     ("What is the stock price of {symbol}?", "How much is {symbol}?", "Price of {symbol}", "Get the stock {symbol}")),
    (("set_temperature",), "Set the temperature of a room.", (Parameter("room", TEXT, values.word), Parameter("degrees", WHOLE, integer)),
     ("Set the {room} to {degrees} degrees.", "Make the {room} {degrees} degrees", "Heat the {room} to {degrees}")),
    (("list_orders", "list_files", "list_users", "get_balance", "get_status", "current_user"), "", (), ("",)),
)  # fmt: skip
BARE = {
    "list_orders": (
        "List all orders.",
        ("List my orders", "Show all orders.", "What orders are there?", "Which orders do I have?"),
    ),
    "list_files": (
        "List the files.",
        ("List the files", "Show me all files.", "Which files are there?", "What files do I have?"),
    ),
    "list_users": (
        "List all users.",
        ("List the users", "Show all users.", "Who are the users?", "Which users are there?"),
    ),
    "get_balance": (
        "Get the balance of the account.",
        ("What is my balance?", "Show my balance", "How much money do I have?"),
    ),
    "get_status": (
        "Get the status of the system.",
        ("What is the status?", "Show the system status", "Is the system up?"),
    ),
    "current_user": (
        "Get the user who is logged in.",
        ("Who am I?", "Which user is logged in?", "Show my user"),
    ),
}


def everyday(rng: random.Random, held: bool) -> Offer:
    """A tool that many clients have, under one of its usual names. The tools are known, so only their values are held out."""
    names, description, parameters, requests = rng.choice(EVERYDAY[:-1] if held else EVERYDAY)
    name = rng.choice(names)
    if name in BARE:
        description, requests = BARE[name]
    return Offer(name if name in BARE else names[0], name, description, parameters, requests)


def identifier(rng: random.Random, words: list[str]) -> str:
    camel = words[0] + "".join(word.capitalize() for word in words[1:])
    return camel if rng.random() < 0.2 else "_".join(words)


def parameter_name(rng: random.Random, held: bool) -> str:
    """A usual name (in training only), any word, or two words joined."""
    kind = rng.random()
    if kind < 0.4 and not held:
        return rng.choice(PARAMETERS)
    if kind < 0.7:
        return values.word(rng, held)
    return values.draw(lambda: f"{values.piece(rng, held)}_{values.piece(rng, held)}", held)


def made_up_parameter(rng: random.Random, held: bool) -> Parameter:
    """A parameter with a known or an invented name, of any type."""
    name = parameter_name(rng, held)
    kind = rng.random()
    if kind < 0.3:
        return Parameter(name, WHOLE, integer)
    if kind < 0.36:
        return Parameter(name, "number", number)
    text = (
        values.code,
        values.word,
        values.word,
        values.name,
        values.city,
        values.email,
        values.date,
        file_name,
        values.first_name,
    )
    return Parameter(name, TEXT, rng.choice(text), rng.random() < 0.8)


def tool_object(rng: random.Random, held: bool) -> str:
    return rng.choice(OBJECTS) if rng.random() < 0.4 else values.piece(rng, held)


def made_up(rng: random.Random, held: bool) -> Offer:
    """A tool with a random name and up to two random parameters, with requests that name what they give."""
    words = values.draw(lambda: f"{rng.choice(VERBS)} {tool_object(rng, held)}", held)
    verb, thing = words.split()
    name = identifier(rng, [verb, thing] if rng.random() < 0.9 else [thing, verb])
    description = rng.choice(("{} a {}.", "{} the {}.", "{} one {}.")).format(verb.capitalize(), thing)
    drawn = (made_up_parameter(rng, held) for _ in range(rng.choice((0, 1, 1, 1, 2, 2))))
    parameters = tuple({one.name: one for one in drawn}.values())
    given = [one.name for one in parameters if one.required or rng.random() < 0.5]
    if rng.random() < 0.3:
        rng.shuffle(given)
    said = {one: one.replace("_", " ") if rng.random() < 0.5 else one for one in given}
    style = rng.choice((" {{}}", " {{}}", " {{}}", "={{}}", ": {{}}", " is {{}}"))
    return Offer(
        f"{verb} {thing}", name, description, parameters, (request(rng, name, verb, thing, said, style),)
    )


def request(rng: random.Random, name: str, verb: str, thing: str, said: dict[str, str], style: str) -> str:
    """A request for a made-up tool: what to do, then the parameters by name. `said` maps parameter to its spoken name."""
    pairs = [
        f"{words}{style.format()}".replace("{}", f"{{{parameter}}}") for parameter, words in said.items()
    ]
    listing = (
        ", ".join(pairs)
        if rng.random() < 0.4 or len(pairs) < 2
        else ", ".join(pairs[:-1]) + " and " + pairs[-1]
    )
    article = rng.choice(("the", "the", "a", "my", "this"))
    action = rng.choice((
        f"{verb.capitalize()} {article} {thing}", f"Please {verb} {article} {thing}", f"{verb} {thing}", f"Can you {verb} {article} {thing}",
        f"I want to {verb} {article} {thing}", f"Call {name}", f"Use {name}", f"{verb.capitalize()} {article} {thing} for me",
    ))  # fmt: skip
    if not pairs:
        return action + rng.choice(("", ".", ", please.", " now."))
    if len(pairs) == 1 and rng.random() < 0.3:
        return f"{action} {{{next(iter(said))}}}"
    if " is " in style:
        return f"{action}. The {', the '.join(pairs) if rng.random() < 0.5 else ' and the '.join(pairs)}."
    return rng.choice(
        (
            f"{action} with {listing}.",
            f"{action}: {listing}",
            f"{action}, {listing}",
            f"{action} ({listing})",
            f"{action} with {listing}",
        )
    )
