"""What the stand-in of Modal knows: apps, functions, calls and the containers that run them."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from modal_proto import api_pb2

Status = api_pb2.GenericResult.GenericStatus


@dataclass(eq=False)
class Call:
    """One call of a function: its input, what it has yielded, and its result once there is one."""

    id: str
    input_id: str
    input: api_pb2.FunctionInput
    invocation_type: api_pb2.FunctionCallInvocationType.ValueType
    retries: int = 0
    chunks: list[api_pb2.DataChunk] = field(default_factory=list)
    output: api_pb2.FunctionGetOutputsItem | None = None
    is_running: bool = False
    is_cancelled: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self) -> None:
        """Wakes everybody who waits for something of this call."""
        self.changed.set()
        self.changed = asyncio.Event()

    def end(self, output: api_pb2.FunctionGetOutputsItem) -> None:
        """Gives the call its result, unless it has one."""
        if self.output is None:
            self.output = output
            self.note()

    def fail(self, status: Status.ValueType, text: str = "", result: bytes = b"") -> None:
        """Ends the call without one of its own container's results."""
        self.end(
            api_pb2.FunctionGetOutputsItem(
                input_id=self.input_id,
                result=api_pb2.GenericResult(status=status, exception=text, data=result or None),
                data_format=api_pb2.DATA_FORMAT_PICKLE,
            )
        )


@dataclass(eq=False)
class Function:
    """A deployed function: for a class, the one that its methods share."""

    id: str
    app_id: str
    definition: api_pb2.Function
    ranked: list[api_pb2.Function] = field(default_factory=list)
    """What it is with each of its GPUs, where it names several."""
    parameters: bytes = b""
    """What its class is made with: for each of these there is a function of its own, with its containers."""
    scaling: list[api_pb2.AutoscalerSettings] = field(default_factory=list)
    """What was asked of its containers after it was deployed."""
    waiting: deque[Call] = field(default_factory=deque)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def data(self) -> api_pb2.FunctionData:
        """The definition in the form that clients are given."""
        made = self.definition
        return api_pb2.FunctionData(
            module_name=made.module_name,
            function_name=made.function_name,
            ranked_functions=[api_pb2.FunctionData.RankedFunction(function=made)],
        )

    def metadata(self) -> api_pb2.FunctionHandleMetadata:
        """What a client is told of it."""
        made = self.definition
        return api_pb2.FunctionHandleMetadata(
            function_name=made.function_name,
            function_type=made.function_type,
            class_parameter_info=made.class_parameter_info,
            function_schema=made.function_schema,
            definition_id=f"de-{self.id}",
            app_id=self.app_id,
            supported_input_formats=made.supported_input_formats,
            supported_output_formats=made.supported_output_formats,
            method_handle_metadata={
                name: api_pb2.FunctionHandleMetadata(
                    function_name=method.function_name,
                    function_type=method.function_type,
                    is_method=True,
                    use_method_name=name,
                    function_schema=method.function_schema,
                    app_id=self.app_id,
                    supported_input_formats=method.supported_input_formats,
                    supported_output_formats=method.supported_output_formats,
                )
                for name, method in made.method_definitions.items()
            },
        )


@dataclass(eq=False)
class App:
    """An app by the layout that was published last."""

    id: str
    name: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    function_ids: dict[str, str] = field(default_factory=dict)
    class_ids: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class Partition:
    """A part of a queue."""

    items: deque[bytes] = field(default_factory=deque)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


@dataclass
class State:
    """Everything that the stand-in keeps; it is gone when it stops."""

    token: tuple[str, str]
    apps: dict[str, App] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    images: dict[str, api_pb2.Image] = field(default_factory=dict)
    mounts: dict[str, list[str]] = field(default_factory=dict)
    """The files of each mount, by the paths that they have in a container."""
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    volumes: dict[str, str] = field(default_factory=dict)
    """Their ids by their names."""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """What is committed to each volume, by its id and the path."""
    queues: dict[str, str] = field(default_factory=dict)
    """Their ids by their names, as of dictionaries."""
    partitions: defaultdict[tuple[str, bytes], Partition] = field(
        default_factory=lambda: defaultdict(Partition)
    )
    queues_fail: bool = False
    """Where it is set, no queue can be written to or read."""
    dicts: dict[str, str] = field(default_factory=dict)
    entries: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    """Those of all dictionaries, by the dictionary's id and the key."""
    blob_address: str = ""
    """Where blobs are put and got over HTTP."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    logs: list[api_pb2.TaskLogsBatch] = field(default_factory=list)
    """What containers have printed, a line each."""
    rates: dict[str, str] = field(default_factory=dict)
    """Dollars for an hour, by what is charged."""
    bill: list[tuple[str, str]] = field(default_factory=list)
    """What each app was billed, in dollars."""
    contents: dict[str, bytes] = field(default_factory=dict)
    """What was uploaded, by its SHA-256;"""
    received: list[str] = field(default_factory=list)
    """in the order in which it came."""
    image_names: dict[str, str] = field(default_factory=dict)
    """The ids of published images, by their names."""
    takes: int | None = None
    """How many contents are taken before the disk is gone; None for all."""
    cuts: bool = False
    """Where it is set, files of volumes lose their last byte."""
    refuses: str = ""
    """Where it is set, new calls are refused for want of quota, with this text."""
    pause_s: float = 0.0
    """How long it takes to answer."""
    is_stopped: bool = False
    """Where it is set, no container takes a new call."""
    on_call: Callable[[Call], None] | None = None
    """Is called with each call that begins, before its caller hears of it."""
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def new_id(self, prefix: str) -> str:
        """An id of Modal's form."""
        return f"{prefix}-{next(self._numbers):08d}"

    def note_line(self, function: Function, container: str, line: str, *, is_error: bool) -> None:
        """A container has printed a line."""
        now = time.time()
        source = api_pb2.FILE_DESCRIPTOR_STDERR if is_error else api_pb2.FILE_DESCRIPTOR_STDOUT
        item = api_pb2.TaskLogs(data=line, timestamp=now, file_descriptor=source, container_id=container)
        self.logs.append(
            api_pb2.TaskLogsBatch(
                items=[item], function_id=function.id, task_id=container, entry_id=str(len(self.logs) + 1)
            )
        )

    def deployed(self, name: str) -> App | None:
        """The app that is deployed under a name."""
        return next((app for app in self.apps.values() if app.name == name), None)

    def layout(self, app: App) -> api_pb2.AppLayout:
        """What a container is told of the app that it belongs to."""
        objects = [
            api_pb2.Object(object_id=one, function_handle_metadata=self.functions[one].metadata())
            for one in app.function_ids.values()
        ]
        objects += [
            api_pb2.Object(object_id=one, class_handle_metadata=api_pb2.ClassHandleMetadata())
            for one in app.class_ids.values()
        ]
        known = {one.object_id for one in objects}
        needed = {
            dependency.object_id
            for one in app.function_ids.values()
            for dependency in self.functions[one].definition.object_dependencies
        }
        objects += [api_pb2.Object(object_id=one) for one in sorted(needed - known)]
        return api_pb2.AppLayout(objects=objects, function_ids=app.function_ids, class_ids=app.class_ids)
