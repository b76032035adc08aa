"""The macrohard plugin: agents that operate a browser."""

from skyhook.plugin import JobSpec, Meter, Operation, Plugin, Scope
from skyhook_functions.macrohard.browser import Browser
from skyhook_macrohard.meters import BROWSER_SECONDS, STEPS
from skyhook_macrohard.operating import operate
from skyhook_macrohard.playground import PLAYGROUND
from skyhook_macrohard.requests import Result, Task
from skyhook_macrohard.schema import MacrohardMutation, MacrohardQuery, MacrohardSubscription
from skyhook_macrohard.scopes import OPERATE, READ
from skyhook_macrohard.settings import MacrohardSettings
from skyhook_macrohard.tables import Base

plugin = Plugin(
    name="macrohard",
    version="0.1.0",
    title="Macrohard",
    description="Agents that operate a browser to reach a goal, step by step, watched and approved.",
    query=MacrohardQuery,
    mutation=MacrohardMutation,
    subscription=MacrohardSubscription,
    operations=(
        Operation("macrohardTask", OPERATE, (STEPS, BROWSER_SECONDS), JobSpec(Task, Result, operate)),
    ),
    functions=(Browser,),
    meters=(
        Meter(STEPS, "Steps of agents", "step", price=200_000),
        Meter(BROWSER_SECONDS, "Seconds of a browser", "second", price=20_000),
    ),
    scopes=(
        Scope(OPERATE, "Have a browser operated, and take part in it"),
        Scope(READ, "See tasks and their steps"),
    ),
    settings=MacrohardSettings,
    tables=Base.metadata,
    migrations="skyhook_macrohard:migrations",
    playground=PLAYGROUND,
)
