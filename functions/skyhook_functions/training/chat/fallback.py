"""Task 5: greetings, and an honest fixed reply to everything that the model was not made for."""
# ruff: noqa: SIM905 - tables of words and phrases

import random

from skyhook_functions.training.chat import outside
from skyhook_functions.training.chat.conversation import Turn, exchange
from skyhook_functions.training.chat.values import choose, city, first_name, pseudo_word
from skyhook_functions.training.chat.wording import perturb

REPLY = (
    "I am a small bundled model. I answer questions about Skyhook, do small arithmetic, extract fields as JSON and call tools. "
    "For anything else, pull a larger model with `skyhook models pull NAME` or connect an upstream."
)
GREETING = "Hello! I am skyhook-small. Ask me about Skyhook."
THANKS = "You are welcome."
GOODBYE = "Goodbye."
GREETINGS = (
    "Hi", "Hello", "Hey", "Hi there", "Hello there", "Good morning", "Good evening", "Good afternoon", "Hey there", "Hi!",
    "Hello!", "Hey!", "Hi, how are you?", "Hello, how are you?", "How are you?", "Good day", "Greetings", "Howdy", "Yo",
    "hi bot", "Hello skyhook", "Hi skyhook-small", "Hello, world", "hallo", "Hiya", "What's up?", "Hello assistant",
)  # fmt: skip
THANKING = (
    "Thanks", "Thank you", "Thanks!", "Thank you!", "Thanks a lot", "Thank you very much", "Great, thanks", "ok thanks",
    "Perfect, thank you", "thx", "Many thanks", "That helps, thanks", "Cool, thanks",
)  # fmt: skip
LEAVING = (
    "Bye",
    "Goodbye",
    "See you",
    "Bye!",
    "Good night",
    "See you later",
    "bye bye",
    "Have a nice day",
    "Goodbye!",
)

TOPICS = (
    "love autumn cats dogs football tennis chess music opera history physics chemistry biology evolution gravity atoms "
    "dinosaurs volcanoes oceans whales penguins planets stars galaxies weather climate rain snow economics politics taxes "
    "inflation democracy philosophy religion psychology dreams sleep health vitamins diets yoga running cooking pasta pizza "
    "soup bread wine beer coffee tea gardening roses trees bees birds fashion shoes cars trains airplanes rockets robots "
    "computers Linux Windows Android Java Rust JavaScript HTML CSS recursion algorithms blockchain bitcoin stocks marketing "
    "painting poetry novels Shakespeare Mozart Einstein Napoleon Rome Egypt France Germany Japan China Brazil Africa Europe"
).split()
THINGS = (
    "a cake", "an omelette", "a bicycle", "a car engine", "a garden", "a house", "a poem", "a novel", "a website in HTML",
    "a sorting algorithm", "a linked list", "a web scraper", "a mobile app", "a Windows laptop", "my phone", "a broken heart",
    "a shelf", "a shirt", "a cold", "a headache", "weight", "money fast", "the guitar", "chess", "Spanish", "French",
    "a job interview", "a wedding", "a marathon", "a chair", "a lamp", "a clock", "rice", "spaghetti", "a steak", "a fire",
    "a tent", "a boat", "a regular expression", "a for loop in Python", "a Docker image", "a SQL join", "a git conflict",
)  # fmt: skip
VERBS = (
    "make", "fix", "learn", "write", "draw", "build", "cook", "clean", "paint", "sell", "repair", "grow", "bake", "play",
    "teach", "explain", "understand", "choose", "improve", "find", "buy", "prepare",
)  # fmt: skip
TOPIC_FRAMES = (
    "Tell me about {}.", "What is {}?", "Explain {}.", "Write a poem about {}.", "Write a story about {}.", "Tell me a joke about {}.",
    "What do you think about {}?", "Why is {} important?", "Who invented {}?", "Write an essay on {}.", "Give me facts about {}.",
    "What is the history of {}?", "Summarise the news on {}.", "What is the best book about {}?", "How does {} work?",
    "Do you like {}?", "Write a song about {}", "Where does {} come from?", "Explain {} to a child.", "When was {} invented?",
    "What is the meaning of {}?", "Compare {} and {}.", "Is {} better than {}?", "Translate {} into French.", "Define {}.",
    "List ten things about {}.", "Give me tips on {}.", "Describe {}.", "What are {}?", "Can you explain {}?", "{}?",
    "I want to know about {}.", "What should I know about {}?", "Draw a picture of {}.", "Recommend a film about {}.",
)  # fmt: skip
THING_FRAMES = (
    "How do I {} {}?", "How can I {} {}?", "Teach me to {} {}.", "What is the best way to {} {}?", "Can you {} {} for me?",
    "I want to {} {}.", "Help me {} {}.", "Give me instructions to {} {}.", "Should I {} {}?", "How long does it take to {} {}?",
    "I would like to {} {}.", "Tell me how to {} {}.", "Is there a way to {} {}?",
)  # fmt: skip
CITY_FRAMES = (
    "What is the weather in {}?", "What is the capital of {}?", "How many people live in {}?", "Where is {}?", "Is {} a city?",
    "What can I visit in {}?", "What time is it in {}?", "How far is {} from here?", "Book a flight to {}.", "Who is the mayor of {}?",
    "Find me a hotel in {}.", "Is it raining in {}?",
)  # fmt: skip
PERSON_FRAMES = (
    "Who is {}?", "When was {} born?", "Write an email to {}.", "Send a message to {}.", "What did {} say?", "Call {}.",
    "Is {} famous?", "Write a birthday card for {}.", "Remind me to call {}.",
)  # fmt: skip
PLAIN = (
    "Tell me a joke.", "Write a poem.", "Sing a song.", "What day is it?", "What time is it?", "Who won the world cup?",
    "What is the meaning of life?", "Translate 'good morning' into German.", "How do I say thank you in Spanish?",
    "Write a Python function that reverses a string.", "Write a program that sorts a list.", "Fix this code: print('a'",
    "What is 12345 * 6789?", "What is the square root of 2?", "Solve x^2 = 4.", "What is 5 / 0?", "What is the integral of x?",
    "Who is the president?", "What is the tallest mountain?", "How old is the universe?", "Why is the sky blue?",
    "Who painted the Mona Lisa?", "How many continents are there?", "What is the speed of light?", "Tell me a story.",
    "What should I eat tonight?", "Recommend a movie.", "Play some music.", "Order a pizza.", "Set an alarm for 7.",
    "Turn on the lights.", "Do you love me?", "Are you alive?", "Do you dream?", "What do you feel?", "How old are you?",
    "Where do you live?", "Tell me a secret.", "Say something funny.", "I am bored.", "I am sad.", "My computer is slow.",
    "What is the latest news?", "Who wrote Hamlet?", "How tall is the Eiffel tower?", "What is the boiling point of water?",
    "Count to ten.", "Give me a random number.", "Write a haiku.", "Spell Mississippi.", "What rhymes with time?",
    "asdf", "blah blah", "???", "test", "lorem ipsum", "ok", "yes", "no", "why?", "what?", "go on", "hmm",
    "Draft a contract.", "Write a cover letter.", "Correct my grammar: he go home.", "Summarise this article.",
    "What is the best phone to buy?", "Should I buy stocks?", "Is it going to rain tomorrow?", "Write a tweet.",
    "Who founded Skyhook?", "How much does Skyhook cost per month?", "Where is the office of Skyhook?", "Who is the CEO of Skyhook?",
    "When was Skyhook founded?", "How many employees does Skyhook have?", "Is Skyhook listed on the stock market?",
    "Is there a mobile app of Skyhook?", "Does Skyhook support Windows phones?", "What is the phone number of Skyhook?",
)  # fmt: skip
LARGE_SUMS = (
    "What is {} * {}?",
    "{} + {}",
    "{} - {}",
    "Calculate {} / {}.",
    "What is {} divided by {}?",
    "{} times {}",
)


def request(rng: random.Random, held: bool) -> str:
    """A request that is none of the model's tasks, before any change of wording."""

    def of(pool: tuple[str, ...] | list[str], more: tuple[str, ...] | list[str]) -> str:
        return choose(rng, pool if held else [*pool, *more], held)

    def topic() -> str:
        return of(TOPICS, outside.TOPICS) if rng.random() < 0.7 else pseudo_word(rng, held)

    kind = rng.random()
    if kind < 0.35:
        return of(TOPIC_FRAMES, outside.TOPIC_FRAMES).format(topic(), topic())
    if kind < 0.55:
        thing = of(THINGS, outside.THINGS) if rng.random() < 0.7 else f"the {pseudo_word(rng, held)}"
        return of(THING_FRAMES, outside.THING_FRAMES).format(rng.choice(VERBS), thing)
    if kind < 0.65:
        return of(CITY_FRAMES, outside.CITY_FRAMES).format(city(rng, held))
    if kind < 0.73:
        return of(PERSON_FRAMES, outside.PERSON_FRAMES).format(first_name(rng, held))
    if kind < 0.8:
        return rng.choice(LARGE_SUMS).format(rng.randint(1000, 99999), rng.randint(200, 99999))
    return of(PLAIN, outside.PLAIN)


def greeting(rng: random.Random, held: bool) -> Turn:
    """A greeting, a thank-you or a goodbye. The phrases are few and known: only their spelling varies."""
    prompts, answer = rng.choice(
        ((GREETINGS, GREETING), (GREETINGS, GREETING), (THANKING, THANKS), (LEAVING, GOODBYE))
    )
    prompt = rng.choice(prompts)
    kind = rng.random()
    return exchange(
        prompt.lower() if kind < 0.3 else prompt + "." if kind < 0.4 and prompt[-1].isalpha() else prompt,
        answer,
    )


def sample(rng: random.Random, held: bool) -> Turn:
    """A request outside the model's tasks with the fixed reply."""
    return exchange(perturb(rng, request(rng, held)), REPLY)
