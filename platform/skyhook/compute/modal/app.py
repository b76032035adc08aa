"""The app that is deployed: a class for each function of the installed plugins.

The same module is imported in every container, where the environment names the one function that it has.
Then no plugin is looked for, and nothing of the core is imported that a container lacks.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import FunctionType
from typing import Any, cast

import modal

from skyhook.compute.bodies import find
from skyhook.compute.modal.body import Body
from skyhook.compute.modal.detached import Detached
from skyhook.compute.modal.errors import ContainerFailed
from skyhook.compute.modal.image import image_of
from skyhook.compute.modal.mounts import volumes_of
from skyhook.compute.modal.naming import APP, FUNCTION, GPU, SNAPSHOT, class_name
from skyhook.compute.modal.prices import RESERVED_MEMORY
from skyhook.compute.modal.settings import FunctionSettings, read_settings
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


def class_of(spec: FunctionSpec, *, snapshots: bool) -> type:
    """The class that Modal runs for a function; with `snapshots`, one of the memory is taken after `load`."""
    name = class_name(spec.name)
    members: dict[str, Any] = {
        "load": modal.enter(snap=snapshots)(_copy(_load)),
        "call": modal.method()(_copy(_call)),
        "stream": modal.method()(_copy(_stream)),
        "work": modal.method()(_copy(_work)),
    }
    if spec.pool is not None:  # of no use to the body: by it Modal tells the pools apart
        members |= {"pool": modal.parameter(), "__annotations__": {"pool": str}}
    made = type(name, (), members | {"__module__": __name__, "__qualname__": name})
    if spec.concurrency > 1:
        return cast(type, modal.concurrent(max_inputs=spec.concurrency)(made))
    return made


def build(functions: Sequence[type], settings: Mapping[str, FunctionSettings]) -> modal.App:
    """The app of some functions; their classes become names of this module, where containers find them.

    Those that are isolated have no containers: their images are published beside the app.
    """
    app = modal.App(APP, include_source=False)
    for function in functions:
        spec = spec_of(function)
        if spec.isolated:
            continue
        wanted = settings.get(spec.name, FunctionSettings())
        gpus, snapshots = wanted.gpus(spec), wanted.snapshots(spec)
        mib = int(spec.memory_gib * MIB_PER_GIB)
        declare = app.cls(
            image=image_of(spec),
            env={FUNCTION: spec.name, GPU: ",".join(gpus), SNAPSHOT: "1" if snapshots else ""},
            gpu=list(gpus) if len(gpus) > 1 else gpus[0] if gpus else None,
            memory=(mib // RESERVED_MEMORY, mib),
            min_containers=wanted.min_containers or None,
            buffer_containers=wanted.buffer_containers or None,
            max_containers=1 if spec.stateful else wanted.max_containers,
            region=wanted.regions or None,
            timeout=int(spec.timeout_s) + STOP_S,
            scaledown_window=int(min(max(spec.keep_warm_s, IDLE_S[0]), IDLE_S[1])),
            volumes=volumes_of(function),
            enable_memory_snapshot=snapshots,
            experimental_options={"enable_gpu_snapshot": True} if wanted.gpu_snapshot else None,
        )
        globals()[class_name(spec.name)] = declare(class_of(spec, snapshots=snapshots))
    return app


def _copy(function: Callable[..., Any]) -> Callable[..., Any]:
    """Modal marks what it is given, so that each class needs methods of its own."""
    made = FunctionType(function.__code__, globals(), function.__name__.strip("_"))
    made.__annotations__ = function.__annotations__
    return made


def _settings_here() -> FunctionSettings:
    """In a container: what was decided of the function when it was deployed."""
    gpus = tuple(filter(None, os.environ.get(GPU, "").split(",")))
    return FunctionSettings(gpu=gpus, gpu_snapshot=bool(gpus and os.environ.get(SNAPSHOT)))


if _name := os.environ.get(FUNCTION):
    app = build([find(_name)], {_name: _settings_here()})
else:
    from skyhook.compute.modal.installed import installed_functions
    from skyhook.configuration import Configuration

    _functions = installed_functions()
    app = build(
        _functions, read_settings(Configuration.from_environment(), [spec_of(one) for one in _functions])
    )
