"""More requests outside of the model's tasks. They are trained alone: what is evaluated stays what it was."""
# ruff: noqa: SIM905 - tables of words

TOPICS = (
    "grammar spelling punctuation Latin Greek Arabic Hindi Portuguese astronomy geology archaeology botany zoology genetics "
    "medicine surgery dentistry vaccines allergies anatomy nutrition exercise meditation swimming cycling skiing climbing "
    "basketball baseball cricket golf boxing hockey surfing sailing fishing camping hiking photography cinema theatre ballet "
    "jazz guitars violins drums architecture sculpture pottery knitting sewing carpentry plumbing electricity magnets "
    "batteries lasers telescopes microscopes satellites submarines bridges tunnels skyscrapers castles pyramids knights "
    "pirates vampires dragons unicorns ghosts magic astrology horoscopes mythology Zeus Caesar Cleopatra Newton Darwin "
    "Picasso Beethoven Bach Tolstoy Homer Plato Gandhi Churchill Canada Mexico India Korea Spain Italy Greece Turkey Norway "
    "Switzerland Australia Antarctica deserts jungles islands rivers mountains glaciers earthquakes tsunamis hurricanes "
    "tornadoes thunder rainbows clouds fog sunsets eclipses comets asteroids Mars Jupiter gold silver iron copper diamonds "
    "oil gas coal uranium plastic paper glass cotton silk wool leather cheese butter honey sugar salt pepper garlic onions "
    "tomatoes potatoes carrots apples bananas oranges lemons strawberries chocolate cookies pancakes sushi tacos curry tigers "
    "lions elephants giraffes monkeys snakes frogs sharks dolphins eagles owls horses cows sheep goats chickens rabbits "
    "mice spiders ants butterflies Python TypeScript Kotlin Haskell Fortran COBOL assembler compilers kernels browsers "
    "routers firewalls cryptography statistics calculus geometry algebra probability fractions percentages interest mortgages "
    "pensions insurance rents salaries elections parliaments constitutions lawyers judges contracts patents trademarks"
).split()
THINGS = (
    "a birthday party", "a resume", "a speech", "a love letter", "a business plan", "a budget for my family", "a spreadsheet",
    "a presentation", "a logo", "a video game", "a chat bot", "a browser extension", "a database schema", "a unit test in Java",
    "a shell script", "a Makefile for C", "a neural network", "a telescope", "a kite", "a snowman", "a treehouse", "a pond",
    "a fence", "a wall", "a carpet", "a window", "a bathroom", "a dishwasher", "a washing machine", "a flat tyre", "an old radio",
    "a violin", "a puppy", "a cat", "a parrot", "an aquarium", "tomatoes", "sourdough bread", "a birthday cake", "pancakes",
    "a salad", "a vegetarian dinner", "a cup of coffee", "a cocktail", "a diet", "a workout", "a headstand", "a card trick",
    "the piano", "the drums", "swimming", "German", "Italian", "Chinese", "English grammar", "my accent", "my memory",
    "my handwriting", "my garden", "my kitchen", "my hair", "my old car", "a house in Spain", "cheap tickets", "a hotel room",
    "a present for my mother", "a nickname", "a good book", "a new hobby", "new friends", "a better job", "my taxes",
)  # fmt: skip
TOPIC_FRAMES = (
    "How many kinds of {} are there?", "What is so special about {}?", "Why do people like {}?", "Are there {} in {}?",
    "What is the difference between {} and {}?", "Which is better, {} or {}?", "Give me a summary of {}.", "Teach me {}.",
    "I need help with {}.", "Help me understand {}.", "What is new about {}?", "Tell me something interesting about {}.",
    "What is the future of {}?", "How was {} discovered?", "Who discovered {}?", "Where can I buy {}?", "How expensive are {}?",
    "Are {} dangerous?", "Is {} healthy?", "Should I learn {}?", "How long does it take to learn {}?", "What are the rules of {}?",
    "Write a limerick about {}.", "Write a paragraph about {}.", "Make up a riddle about {}.", "Write a song text on {}.",
    "Write a blog post about {}.", "Write a headline about {}.", "Write a quiz about {}.", "Make a list of {}.",
    "Name three {}.", "Name a famous book about {}.", "What is another word for {}?", "How do you spell {}?",
    "How do I pronounce {}?", "Use {} in a sentence.", "Translate {} into Spanish.", "What does {} mean in English?",
    "What is {} in Italian?", "Who is the best at {}?", "What causes {}?", "How can {} be prevented?", "Why does {} exist?",
    "Show me pictures of {}.", "Find articles about {}.", "Search for {}.", "Google {}", "What is the price of {}?",
    "Does {} contain {}?", "How old is {}?", "When did {} begin?", "What happened to {}?", "I am interested in {}.",
    "Let us talk about {}.", "What is your opinion on {}?", "Argue against {}.", "Explain {} like I am five.", "{} facts",
    "{} for beginners", "history of {}", "best {}", "What do {} eat?", "How big are {}?", "Can {} and {} be combined?",
)  # fmt: skip
THING_FRAMES = (
    "What do I need to {} {}?", "Can you help me to {} {}?", "How much does it cost to {} {}?", "Explain how to {} {}.",
    "Is it hard to {} {}?", "Show me how to {} {}.", "Where can I learn to {} {}?", "Please {} {}.", "{} {} for me.",
    "Steps to {} {}?", "When should I {} {}?", "Why is it so hard to {} {}?", "I need to {} {} by tomorrow.",
    "What tools do I need to {} {}?", "Give me three ideas to {} {}.", "Who can {} {} for me?", "I tried to {} {} and failed.",
)  # fmt: skip
CITY_FRAMES = (
    "What is the population of {}?", "Which language is spoken in {}?", "How do I get to {}?", "Is {} expensive?", "Where should I eat in {}?",
    "What is {} famous for?", "How cold is it in {}?", "Plan a trip to {}.", "Show me a map of {}.", "Which country is {} in?",
    "When is the best time to visit {}?", "How big is {}?", "Is {} safe?", "What happened in {} yesterday?",
)  # fmt: skip
PERSON_FRAMES = (
    "How old is {}?", "Where does {} live?", "Text {} that I am late.", "Write a poem for {}.", "What does {} do for a living?",
    "Invite {} to dinner.", "Tell me about {}.", "Has {} answered yet?", "What should I give {} for a birthday?", "Is {} a nice name?",
)  # fmt: skip
PLAIN = (
    "Tell me a riddle.", "Tell me a bedtime story.", "Make me laugh.", "Cheer me up.", "I am tired.", "I am hungry.", "I feel lonely.",
    "My head hurts.", "What is love?", "Is there life on Mars?", "Who will win the election?", "Who is the king of England?",
    "How many days are in a year?", "How many people are there on earth?", "What is the longest river?", "What is the largest ocean?",
    "What is the fastest animal?", "Why is grass green?", "Why do cats purr?", "What came first, the chicken or the egg?",
    "How far away is the moon?", "How hot is the sun?", "Who invented the telephone?", "When did the war end?", "Who wrote Faust?",
    "What is the chemical formula of water?", "What is pi to ten digits?", "What is the derivative of x squared?", "Is 91 a prime number?",
    "What is 10 % of 250?", "How many inches are in a metre?", "Convert 20 dollars into euros.", "Convert 70 Fahrenheit to Celsius.",
    "What is today's date?", "Which year is it?", "When is Easter?", "What is the weather like?", "Will it snow tomorrow?",
    "Write a function in JavaScript that adds two numbers.", "Write a regular expression for emails.", "Write a SQL query for me.",
    "Debug this: for i in range(10) print(i)", "What does this code do: x = x + 1", "How do I center a div?", "How do I exit vim?",
    "How do I undo a git commit?", "Write unit tests for my function.", "Refactor this class.", "Explain this error: segmentation fault",
    "Write a letter to my landlord.", "Write an apology to my boss.", "Write a product description.", "Write a speech for a wedding.",
    "Rewrite this more politely: give me the money", "Make this shorter: I would like to ask whether it is possible.",
    "Proofread this: I has a dog.", "Paraphrase this sentence.", "Translate this into English: bonjour", "What does hola mean?",
    "How do you say goodbye in Japanese?", "Summarise this book.", "Give me a synonym for happy.", "What is the opposite of hot?",
    "Give me a name for my cat.", "Give me a password.", "Flip a coin.", "Roll a dice.", "Pick a card.", "Let us play a game.",
    "Play chess with me.", "Guess my age.", "Open the window.", "Call me a taxi.", "Order a book.", "Book a table for two.",
    "Remind me to buy milk.", "Start a timer.", "Turn off the music.", "Open my mail.", "Check my calendar.", "What is on my screen?",
    "Can you see me?", "Can you hear me?", "Where am I?", "Are you human?", "Do you have feelings?", "Do you sleep?", "Who made you angry?",
    "What is your favourite colour?", "Do you like music?", "Are you smarter than me?", "Will robots take my job?", "Marry me.",
    "You are stupid.", "You are wrong.", "I do not understand.", "That is not what I asked.", "Are you sure?", "Try again.", "stop",
    "continue", "maybe", "nothing", "qwerty", "foo bar", "1234", "aaaa", "!!!", "hm", "really?", "and then?", "so what?", "nice", "wow",
    "What are the opening hours of Skyhook?", "Can I visit Skyhook?", "Is Skyhook hiring?", "Who are the investors of Skyhook?",
    "What is the revenue of Skyhook?", "Does Skyhook sell hardware?", "Is there a Skyhook podcast?", "Which colour is the logo of Skyhook?",
    "Does Skyhook have a telephone hotline?", "Can I buy shares of Skyhook?", "What is the next version of Skyhook called?",
)  # fmt: skip
