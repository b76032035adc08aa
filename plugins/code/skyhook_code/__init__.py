"""The code plugin: programs run in a sandbox, and code completed."""

from skyhook.plugin import Meter, Operation, Plugin, Scope
from skyhook_code.meters import SANDBOX_MS
from skyhook_code.schema import CodeMutation, CodeQuery, CodeSubscription
from skyhook_code.scopes import RUN
from skyhook_functions.code.run import CodeRunner

plugin = Plugin(
    name="code",
    version="0.1.0",
    title="Code",
    query=CodeQuery,
    mutation=CodeMutation,
    subscription=CodeSubscription,
    operations=(
        Operation("codeRun", RUN, (SANDBOX_MS,)),
        Operation("codeRunStream", RUN, (SANDBOX_MS,)),
    ),
    functions=(CodeRunner,),
    meters=(Meter(SANDBOX_MS, "Milliseconds in the sandbox", "millisecond", price=20),),
    scopes=(Scope(RUN, "Run programs in the sandbox"),),
)
