"""The manifest: what a plugin brings, as data that can be checked before any of its code runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import MetaData

if TYPE_CHECKING:
    from skyhook.function import TrainingEvent, TrainingRequest
    from skyhook.graphql.context import Context
    from skyhook.jobs.run import JobRun
    from skyhook.operations.asks import Ask
    from skyhook.plugins.websocket import WebSocket

API = 1
"""The version of the plugin contract that this core speaks."""


@dataclass(frozen=True, slots=True)
class Meter:
    """Something that is counted and charged."""

    name: str
    """`<plugin>.<what>`, such as `chat.output_tokens`."""
    title: str
    unit: str
    """Singular, such as `token`."""
    price: int
    """Nano-dollars for each unit, where the price list has no other."""


@dataclass(frozen=True, slots=True)
class Scope:
    """A permission that a key can carry."""

    name: str
    """`<plugin>:<verb>`, such as `chat:complete`."""
    title: str


@dataclass(frozen=True, slots=True)
class JobSpec:
    """How an operation runs as a job: outside the request, durable across crashes."""

    request: type
    """A msgspec Struct: what is stored, and given to `run` however often the job is run again."""
    result: type
    """A msgspec Struct: what callers read as the job's result."""
    run: Callable[[JobRun, Any], Awaitable[Any]]
    """From the request to the result. After a crash it is run again from the start; its steps are not."""


@dataclass(frozen=True, slots=True)
class AskSpec:
    """How other plugins ask for an operation in process: by its name, in a JSON form that is kept stable."""

    request: type
    """A msgspec Struct."""
    event: type
    """A msgspec Struct: what is streamed; the last one carries the whole."""
    run: Callable[[Ask, Any], AsyncGenerator[Any, None]]
    """From the request to the events, through the way of a call."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something a caller can ask for that is authorized, metered and charged."""

    name: str
    """The same as its GraphQL root field, such as `chatComplete`."""
    scope: str
    meters: tuple[str, ...] = ()
    job: JobSpec | None = None
    """For an operation that is a job; its root field then gives back a Job."""
    ask: AskSpec | None = None
    """For an operation that other plugins can ask for."""


@dataclass(frozen=True, slots=True)
class Model:
    """A bundled model: it ships with the plugin and works offline."""

    name: str
    title: str
    location: str
    """`package:folder` of the weights, which ship with the plugin."""
    tier: Literal["small", "medium", "large"]
    context_tokens: int = 1
    """The longest text that it reads, in tokens; 1 where tokens say nothing about it."""
    description: str = ""
    prices: Mapping[str, int] = field(default_factory=dict)
    """Nano-dollars for each unit by meter, where they differ from the meters' own."""


@dataclass(frozen=True, slots=True)
class Bar:
    """What one score of a training must reach before the trained weights are published."""

    score: str
    """The name of a `skyhook.function.Score`."""
    at_least: float
    """The share of its cases that must be right, above 0 and at most 1."""


@dataclass(frozen=True, slots=True)
class Training:
    """How a model is trained, by `skyhook train NAME`, and what it must reach."""

    model: Model
    """One of the plugin's `models`, or one whose weights do not ship: it can be called once it is trained."""
    train: Callable[[Any, TrainingRequest], Iterator[TrainingEvent]]
    """A method of one of the plugin's functions. Called again with the same checkpoints, it goes on."""
    gate: tuple[Bar, ...]
    """Beside these, no score may be worse than that of the published weights by more than chance explains."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Another program than the plugin's own that runs a model's weights, where an operator chooses it."""

    name: str
    """Lower-case, such as `vllm`."""
    adapters: bool = False
    """Whether it also runs LoRA adapters of a model."""


@dataclass(frozen=True, slots=True)
class WebSocketRoute:
    """An address of the plugin's own that speaks WebSocket."""

    path: str
    """Such as `/v1/realtime`; it is served below `/p/<plugin>`."""
    scope: str
    """What a caller needs before the connection is opened."""
    handler: Callable[[WebSocket], Awaitable[None]]
    """Serves one connection; the connection is closed when it returns."""
    subprotocols: tuple[str, ...] = ()
    """Those that it speaks; the first that a client offers is accepted."""
    key_subprotocol: str = ""
    """How a subprotocol begins that carries the key, for browsers, whose WebSockets send no headers."""
    message_bytes: int = 1 << 20
    """The longest message that is read, in bytes, or characters of text."""


@dataclass(frozen=True, slots=True)
class Example:
    """Something of a plugin that can be tried in the console's playground.

    The variables of its document are the fields of a form: their types say which, and the schema describes
    them where the document uses them.
    """

    slug: str
    """Its part of the page's address: lower-case words with hyphens between them."""
    title: str
    description: str
    """One line: what it shows."""
    document: str
    """GraphQL with one named operation. It asks for the `id` of a Job, and for the `name`, `mediaType` and
    `url` of an Artifact that is to be shown."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """JSON: what the form holds at first. It should give a real answer as it is."""
    text: str = ""
    """Where the answer's text is, such as `chatComplete.text`; of a stream, what is to be appended."""
    model: str = ""
    """The variable that names a model: one of the plugin's is chosen."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The variables that take an artifact, and which media types each takes, such as `image/`."""
    samples: Mapping[str, str] = field(default_factory=dict)
    """For variables that take an artifact, `package:path` of a file that is used where there is no other."""
    conversation: str = ""
    """The variable that takes a conversation: a list of objects with `role` and `content`. The last message
    is written in the form, the ones before it stay, and `text` is the answer to it."""


@dataclass(frozen=True, slots=True)
class ConsoleForm:
    """A form of a console page. The console checks its token and its scope before `run` sees it."""

    name: str
    """Lower-case words with hyphens between them: what `console.form` in the template calls it."""
    scope: str
    """What the visitor's role needs to send it; to whom lacks it, it is not shown."""
    run: Callable[[Context, Mapping[str, str]], Awaitable[Mapping[str, Any] | None]]
    """Does what was asked with the form's fields; of a name that is there several times the last.

    The values that it gives back are shown by the page, beside those of `show`. None sends the browser to the
    page anew, so that to load it again sends nothing again: right for what changes something. A SkyhookError
    is told on the page with all that was typed, at the field that it names.
    """
    done: str = ""
    """A sentence that the page says where `run` gave None, such as `The text is kept.`"""


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """A page of its own that a plugin has in the console, below the console's page about the plugin."""

    slug: str
    """Its part of the address, `/console/o/<organization>/plugins/<plugin>/pages/<slug>`: lower-case words
    with hyphens between them."""
    title: str
    """Its heading, and what menus call it."""
    template: str
    """`package:path` of a Jinja template: what stands below the heading."""
    scope: str
    """What the visitor's role needs to see it; menus leave it out for whoever lacks it."""
    show: Callable[[Context, Mapping[str, str]], Awaitable[Mapping[str, Any]]]
    """Gives the template's values, from who looks (`context.caller`) and the query of the address; of a name
    that is there several times the last. The name `done` is the console's.

    A SkyhookError is shown in the place of the page; anything else as an error with a reference.
    """
    forms: tuple[ConsoleForm, ...] = ()


@dataclass(frozen=True, slots=True)
class Plugin:
    """A product. Building it does no I/O and runs none of the product's code."""

    name: str
    """Lower-case; the prefix of its fields, scopes, meters and tables."""
    version: str
    title: str
    description: str = ""
    """One sentence that says what it is for, shown beside the title."""
    api: int = API
    query: type | None = None
    mutation: type | None = None
    subscription: type | None = None
    operations: tuple[Operation, ...] = ()
    functions: tuple[type, ...] = ()
    meters: tuple[Meter, ...] = ()
    scopes: tuple[Scope, ...] = ()
    models: tuple[Model, ...] = ()
    trainings: tuple[Training, ...] = ()
    engines: tuple[Engine, ...] = ()
    routes: tuple[WebSocketRoute, ...] = ()
    network: tuple[str, ...] = ()
    """The hosts that it connects to, shown before it is installed as its own word. Nothing holds it to them:
    its code runs inside the server, and Modal cuts functions off from all hosts or none."""
    settings: type | None = None
    """A frozen msgspec Struct whose fields have types, defaults and descriptions: what can be set in it."""
    tables: MetaData | None = None
    migrations: str | None = None
    """`package:folder` of its alembic revisions."""
    playground: tuple[Example, ...] = ()
    """What can be tried in the console, the first thing first."""
    pages: tuple[ConsolePage, ...] = ()
    """Its own pages in the console, in the order of their menu."""
    commands: str | None = None
    """`package.module:group` of a click group: `skyhook <plugin> ...`, imported when it is called."""

    @property
    def every_model(self) -> tuple[Model, ...]:
        """The bundled models and those that can be trained, each once."""
        bundled = {model.name for model in self.models}
        return self.models + tuple(
            training.model for training in self.trainings if training.model.name not in bundled
        )
