"""The contract of a function: a plain class that runs on the local machine or on Modal, unchanged.

This module is the only one of Skyhook that a function may import, and it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

from msgspec import Meta, Struct

from skyhook.machine import has_own_machine
from skyhook.network import may_connect

__all__ = [
    "CANDIDATE",
    "CheckpointFolder",
    "Compared",
    "Evaluated",
    "FunctionError",
    "FunctionSpec",
    "Progress",
    "Score",
    "TrainingEvent",
    "TrainingRequest",
    "Transient",
    "WeightsFolder",
    "function",
    "has_own_machine",
    "may_connect",
    "spec_of",
]

C = TypeVar("C", bound=type)

SPEC = "__skyhook_function__"
WEIGHTS = {"skyhook": "weights"}
WeightsFolder: TypeAlias = Annotated[str, Meta(extra=WEIGHTS)]
"""The path of a model's weights, as the catalogue has it. A field of an argument that has this type names,
inside the body, the folder where the weights are on the machine that runs it."""
CHECKPOINTS = {"skyhook": "checkpoints"}
CheckpointFolder: TypeAlias = Annotated[str, Meta(extra=CHECKPOINTS)]
"""A name for what a long call writes down to go on from. A field of an argument that has this type names,
inside the body, a folder that is there, and in which later calls of the same name find what this one kept."""
CANDIDATE = "candidate"
"""The folder in a training's checkpoints where the weights lie that were evaluated."""


class Transient(Struct, frozen=True):
    """What a generator yields to tell how far it is, and nothing else; such events subclass this.

    Where a call runs detached they are shown while it runs, and dropped where they would hold it up; all that
    it yields besides comes at its end, whole and in order.
    """


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """What a backend must know to run a function."""

    name: str
    """`module:Class`; unique, and how a worker imports it."""
    requirements: tuple[str, ...] = ()
    """Requirement strings (PEP 508); the backend provides them."""
    system_packages: tuple[str, ...] = ()
    """Debian packages: in the function's image on Modal; on the local machine the operator installs them."""
    gpu: str | tuple[str, ...] | None = None
    """Modal's name of a GPU, such as "L4", or several of them, the first that is free; ignored on the local
    machine."""
    memory_gib: float = 2.0
    """The most memory that one worker may use, in GiB."""
    timeout_s: float = 300.0
    """The longest that one call may run, in seconds."""
    concurrency: int = 1
    """How many calls one worker serves at a time, each in a thread of its own."""
    keep_warm_s: float = 300.0
    """How long an idle worker is kept, in seconds."""
    stateful: bool = False
    """Whether calls find what earlier ones left in the worker, so that there may be one worker only."""
    pool: str | None = None
    """A field of the methods' arguments, such as the model that a call is for. Where containers are rented,
    calls that differ in it never share one; on the local machine one worker runs them all."""
    isolated: bool = False
    """Whether calls run what a stranger wrote. Where machines are rented each call has one of its own, which
    has no network and ends with it; on the local machine the body isolates what it runs itself."""

    @property
    def gpus(self) -> tuple[str, ...]:
        """The GPUs that it runs on, the best one first; none where it needs none."""
        return (self.gpu,) if isinstance(self.gpu, str) else self.gpu or ()


class FunctionError(Exception):
    """Raised in a function's body for a failure that its caller may see.

    `code` is UPPER_SNAKE and stable; the text says what to do; `retryable` says that the same call may
    succeed later. Any other exception is shown as FUNCTION_FAILED without its text.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.retryable = retryable


def function(
    *,
    requirements: tuple[str, ...] = (),
    system_packages: tuple[str, ...] = (),
    gpu: str | tuple[str, ...] | None = None,
    memory_gib: float = 2.0,
    timeout_s: float = 300.0,
    concurrency: int = 1,
    keep_warm_s: float = 300.0,
    stateful: bool = False,
    pool: str | None = None,
    isolated: bool = False,
) -> Callable[[C], C]:
    """Marks a plain class as a function.

    The class may have `load(self) -> None`, run once in each worker. Every other public method takes
    one msgspec struct and returns one, or is a generator that yields them; a generator that is closed
    early (its caller went away) sees GeneratorExit. Arguments and results are encoded by the method's
    annotations. Raises TypeError where the marks exclude each other.
    """
    if isolated and (gpu or stateful or pool):
        raise TypeError("an isolated function's machines have no GPU, and keep nothing from call to call")
    if stateful and pool:
        raise TypeError("a stateful function has one worker, and so no pools of them")

    def mark(cls: C) -> C:
        spec = FunctionSpec(
            name=f"{cls.__module__}:{cls.__qualname__}",
            requirements=requirements,
            system_packages=system_packages,
            gpu=gpu,
            memory_gib=memory_gib,
            timeout_s=timeout_s,
            concurrency=concurrency,
            keep_warm_s=keep_warm_s,
            stateful=stateful,
            pool=pool,
            isolated=isolated,
        )
        setattr(cls, SPEC, spec)
        for name, member in vars(cls).items():
            if callable(member) and not name.startswith("_"):
                setattr(member, SPEC, spec)
        return cls

    return mark


def spec_of(marked: Any) -> FunctionSpec:
    """The spec of a marked class, or of the class that a method belongs to. Raises TypeError if unmarked."""
    spec = getattr(marked, SPEC, None)
    if not isinstance(spec, FunctionSpec):
        raise TypeError(f"{marked!r} is not marked with skyhook.function.function")
    return spec


class TrainingRequest(Struct, frozen=True, kw_only=True):
    """What a training is asked for: the argument of the method that a plugin's `Training` names."""

    checkpoints: CheckpointFolder
    """Where to go on from what an earlier call kept there, if it kept something."""
    published: WeightsFolder | None = None
    """The weights of the model as it is now, to compare with; None where there are none yet."""
    steps: int | None = None
    """How long to train, in steps from the start; None for what the training thinks right."""


class Progress(Transient, frozen=True, kw_only=True, tag=True):
    """How far a training has come."""

    step: int
    """It never falls while a run goes on, whatever parts the training has."""
    steps: int
    loss: float
    held_out_loss: float | None = None
    """The loss on what is not trained, where that was measured: it says when more steps do harm."""
    tokens_per_s: float
    """Of what it learns from, per second: tokens, or samples where there are none."""
    is_saved: bool = False
    """Whether a checkpoint of this step is in the folder; what is kept there before this is yielded stays."""


class Compared(Struct, frozen=True):
    """How many of the same cases went otherwise with the published weights."""

    gained: int
    """Right now, and wrong before."""
    lost: int
    """Wrong now, and right before."""


class Score(Struct, frozen=True, kw_only=True):
    """What came of one kind of held-out cases."""

    name: str
    right: int
    cases: int
    compared: Compared | None = None
    """None where there are no published weights."""


class Evaluated(Struct, frozen=True, tag=True):
    """The end of a training: its weights are in the checkpoints' folder `CANDIDATE`, and this they reach."""

    scores: list[Score]


TrainingEvent: TypeAlias = Progress | Evaluated
"""What the method of a training yields; the last one is `Evaluated`."""
