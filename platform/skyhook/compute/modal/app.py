"""The app that is deployed: a class for each function of the installed plugins.

The same module is imported in every container, where the environment names the one function that it has.
Then no plugin is looked for, and nothing of the core is imported that a container lacks.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from types import FunctionType
from typing import Any, cast

import modal

from skyhook.compute.bodies import find
from skyhook.compute.modal.body import Body
from skyhook.compute.modal.detached import Detached
from skyhook.compute.modal.errors import ContainerFailed
from skyhook.compute.modal.image import image_of
from skyhook.compute.modal.mounts import volumes_of
from skyhook.compute.modal.naming import APP, FUNCTION, class_name
from skyhook.function import FunctionSpec, spec_of

MIB_PER_GIB = 1024
STOP_S = 10
"""How much longer than a call may run Modal waits before it kills the container."""
IDLE_S = (2, 1200)
"""The shortest and the longest that Modal keeps an idle container."""


def _load(self: Any) -> None:
    try:
        self.body = Body(os.environ[FUNCTION])
    except BaseException as error:  # as one type, so that none is taken for an error of Modal's own
        raise ContainerFailed("".join(traceback.format_exception(error))) from None
    self.detached = Detached(self.body)


async def _call(self: Any, method: str, argument: bytes, timeout_s: float | None) -> bytes:
    reply: bytes = await self.body.call(method, argument, timeout_s)
    return reply


async def _stream(self: Any, method: str, argument: bytes, timeout_s: float | None) -> AsyncIterator[bytes]:
    """First the call's id, by which the server cancels it, then its replies."""
    yield (modal.current_function_call_id() or "").encode()
    async for reply, _ in self.body.stream(method, argument, timeout_s):
        yield reply


async def _work(
    self: Any, method: str, argument: bytes, timeout_s: float | None, token: str
) -> tuple[str, list[bytes]]:
    """The call that runs for the token, and where that is this one its replies."""
    worked: tuple[str, list[bytes]] = await self.detached.run(method, argument, timeout_s, token)
    return worked


def class_of(spec: FunctionSpec) -> type:
    """The class that Modal runs for a function."""
    name = class_name(spec.name)
    # A snapshot of the memory is taken after what is loaded without a GPU.
    members = {
        "load": modal.enter(snap=spec.gpu is None)(_copy(_load)),
        "call": modal.method()(_copy(_call)),
        "stream": modal.method()(_copy(_stream)),
        "work": modal.method()(_copy(_work)),
    }
    made = type(name, (), members | {"__module__": __name__, "__qualname__": name})
    if spec.concurrency > 1:
        return cast(type, modal.concurrent(max_inputs=spec.concurrency)(made))
    return made


def build(functions: Sequence[type]) -> modal.App:
    """The app of some functions; their classes become names of this module, where containers find them."""
    app = modal.App(APP, include_source=False)
    for function in functions:
        spec = spec_of(function)
        mib = int(spec.memory_gib * MIB_PER_GIB)
        declare = app.cls(
            image=image_of(spec),
            env={FUNCTION: spec.name},
            gpu=spec.gpu,
            memory=(mib // 4, mib),
            max_containers=1 if spec.stateful else None,
            timeout=int(spec.timeout_s) + STOP_S,
            scaledown_window=int(min(max(spec.keep_warm_s, IDLE_S[0]), IDLE_S[1])),
            volumes=volumes_of(function),
            enable_memory_snapshot=spec.gpu is None,
        )
        globals()[class_name(spec.name)] = declare(class_of(spec))
    return app


def _copy(function: Callable[..., Any]) -> Callable[..., Any]:
    """Modal marks what it is given, so that each class needs methods of its own."""
    made = FunctionType(function.__code__, globals(), function.__name__.strip("_"))
    made.__annotations__ = function.__annotations__
    return made


if name := os.environ.get(FUNCTION):
    app = build([find(name)])
else:
    from skyhook.compute.modal.installed import installed_functions

    app = build(installed_functions())
