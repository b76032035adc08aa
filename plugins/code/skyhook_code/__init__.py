"""The code plugin: programs run in a sandbox, and code completed."""

from skyhook.plugin import Bar, Meter, Model, Operation, Plugin, Scope, Training
from skyhook_code.meters import INPUT_TOKENS, OUTPUT_TOKENS, SANDBOX_MS
from skyhook_code.playground import PLAYGROUND
from skyhook_code.schema import CodeMutation, CodeQuery, CodeSubscription
from skyhook_code.scopes import COMPLETE, RUN
from skyhook_functions.chat.local import ChatModel
from skyhook_functions.code.run import CodeRunner
from skyhook_functions.training.code.function import CodeTraining

_CODE = Model(
    name="skyhook-code",
    title="Skyhook Code",
    location="skyhook_functions:weights/skyhook-code",
    tier="small",
    context_tokens=1024,
    description="A small model that completes Python, trained from scratch; its model card gives its scores.",
)
# Well above what follows most often after the last four tokens: 9 %, 14 % and 35 %.
_GATE = (Bar("line", 0.15), Bar("name", 0.2), Bar("block", 0.5))

plugin = Plugin(
    name="code",
    version="0.1.0",
    title="Code",
    description="Runs programs in a sandbox, and completes code.",
    query=CodeQuery,
    mutation=CodeMutation,
    subscription=CodeSubscription,
    operations=(
        Operation("codeRun", RUN, (SANDBOX_MS,)),
        Operation("codeRunStream", RUN, (SANDBOX_MS,)),
        Operation("codeComplete", COMPLETE, (INPUT_TOKENS, OUTPUT_TOKENS)),
        Operation("codeCompleteStream", COMPLETE, (INPUT_TOKENS, OUTPUT_TOKENS)),
    ),
    functions=(CodeRunner, ChatModel, CodeTraining),
    trainings=(Training(_CODE, CodeTraining.train, _GATE),),
    meters=(
        Meter(SANDBOX_MS, "Milliseconds in the sandbox", "millisecond", price=20),
        Meter(INPUT_TOKENS, "Tokens of code read", "token", price=100),
        Meter(OUTPUT_TOKENS, "Tokens of code written", "token", price=400),
    ),
    scopes=(
        Scope(RUN, "Run programs in the sandbox"),
        Scope(COMPLETE, "Complete code"),
    ),
    playground=PLAYGROUND,
)
