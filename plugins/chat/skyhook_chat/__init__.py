"""The chat plugin: completions, streams and conversations."""

from skyhook.plugin import AskSpec, Bar, Engine, Meter, Model, Operation, Plugin, Scope, Training
from skyhook_chat.asked import ChatAsk, stream
from skyhook_chat.completions import INPUT_TOKENS, OUTPUT_TOKENS, VLLM, Event
from skyhook_chat.playground import PLAYGROUND
from skyhook_chat.schema import ChatMutation, ChatQuery, ChatSubscription
from skyhook_chat.scopes import COMPLETE, READ, WRITE
from skyhook_chat.tables import Base
from skyhook_functions.chat.local import ChatModel
from skyhook_functions.chat.upstream import UpstreamChat
from skyhook_functions.chat.vllm_model import VllmModel
from skyhook_functions.training.chat.function import ChatTraining

_SMALL = Model(
    name="skyhook-small",
    title="Skyhook Small",
    location="skyhook_functions:weights/skyhook-small",
    tier="small",
    context_tokens=1024,
    description="A small bundled model, trained from scratch; its model card gives its scores.",
)
_ADVERTISED = (
    "knowledge",
    "arithmetic",
    "extraction",
    "tools, call",
    "tools, result",
    "tools, none",
    "greeting",
)
_PROMISED = 0.9
"""The share of exact matches that the model card promises of what it advertises."""

plugin = Plugin(
    name="chat",
    version="0.1.0",
    title="Chat",
    description="Answers and conversations of language models, as streams, with tools, or as JSON.",
    query=ChatQuery,
    mutation=ChatMutation,
    subscription=ChatSubscription,
    operations=(
        Operation("chatComplete", COMPLETE, (INPUT_TOKENS, OUTPUT_TOKENS)),
        Operation(
            "chatStream",
            COMPLETE,
            (INPUT_TOKENS, OUTPUT_TOKENS),
            ask=AskSpec(ChatAsk, Event, stream),
        ),
    ),
    functions=(ChatModel, VllmModel, UpstreamChat, ChatTraining),
    meters=(
        Meter(INPUT_TOKENS, "Tokens read", "token", price=100),
        Meter(OUTPUT_TOKENS, "Tokens written", "token", price=400),
    ),
    scopes=(
        Scope(COMPLETE, "Ask models"),
        Scope(READ, "Read models and conversations"),
        Scope(WRITE, "Create, continue and delete conversations"),
    ),
    models=(_SMALL,),
    trainings=(Training(_SMALL, ChatTraining.train, tuple(Bar(score, _PROMISED) for score in _ADVERTISED)),),
    engines=(Engine(VLLM, adapters=True),),
    tables=Base.metadata,
    migrations="skyhook_chat:migrations",
    playground=PLAYGROUND,
)
