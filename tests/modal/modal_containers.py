"""Containers: processes that run the real entry point of Modal's wheel, and the RPCs that it uses.

On Modal each container speaks to a worker on its own machine; here each has a Unix socket of its own, by
which the stand-in knows who asks.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from grpclib.server import Server
from modal_deploying import unary
from modal_proto import api_pb2
from modal_state import Call, Function, State
from modal_storing import Storing
from modal_volumes import Mounted

HEARTBEAT_S = 10.0
INPUTS_S = 10.0
"""How long a container's question for an input may wait for one."""
ENTRY = """
import ctypes, json, os, runpy
ctypes.CDLL(None).prctl(1, 9)  # killed with the tests, should those be killed
if places := json.loads(os.environ["STAND_IN_MOUNTS"]):  # it has no file system of its own to mount in
    from skyhook.compute.modal import mounts
    for name in ("MODELS", "CHECKPOINTS"):
        setattr(mounts, name, places.get(getattr(mounts, name), getattr(mounts, name)))
runpy.run_module("modal._container_entrypoint", run_name="__main__")
"""
RESULT = api_pb2.GenericResult


class Container(Storing):
    """One container of a function, and what it may ask of Modal."""

    def __init__(self, state: State, function: Function) -> None:
        self.state = state
        self.function = function
        self.calls: dict[str, Call] = {}
        """Those that it runs, by their inputs' ids."""
        self.result: api_pb2.GenericResult | None = None
        """How it says that it ended."""
        self.process: asyncio.subprocess.Process | None = None
        self.mounts: dict[str, Mounted] = {}
        """Its copies of volumes, by their ids."""
        self.id = state.new_id("ta")
        self._cancelled: asyncio.Queue[str] = asyncio.Queue()
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def authorize(self, metadata: Any) -> None:
        """Its socket is its right."""

    def cancel(self, call: Call) -> None:
        """Has the container stop the call at the next heartbeat, which waits for this."""
        self._cancelled.put_nowait(call.input_id)

    def kill(self) -> None:
        """Ends it as a crash does, with what it has started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    @unary
    async def ContainerHello(self, request: Empty) -> Message:
        return Empty()

    @unary
    async def ContainerHeartbeat(self, request: api_pb2.ContainerHeartbeatRequest) -> Message:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                cancelled = [await self._cancelled.get()]
        except TimeoutError:
            return api_pb2.ContainerHeartbeatResponse()
        while not self._cancelled.empty():
            cancelled.append(self._cancelled.get_nowait())
        event = api_pb2.CancelInputEvent(input_ids=cancelled)
        return api_pb2.ContainerHeartbeatResponse(cancel_input_event=event)

    @unary
    async def FunctionGetInputs(self, request: api_pb2.FunctionGetInputsRequest) -> Message:
        function = self.function
        try:
            async with asyncio.timeout(INPUTS_S), function.arrived:
                await function.arrived.wait_for(lambda: function.waiting and not self.state.is_stopped)
                call = function.waiting.popleft()
        except TimeoutError:
            return api_pb2.FunctionGetInputsResponse()
        call.is_running = True
        self.calls[call.input_id] = call
        limit_s = function.definition.timeout_secs
        self._timers[call.input_id] = asyncio.get_running_loop().call_later(limit_s, self._overdue, call)
        item = api_pb2.FunctionGetInputsItem(
            input_id=call.input_id,
            input=call.input,
            function_call_id=call.id,
            function_call_invocation_type=call.invocation_type,
        )
        return api_pb2.FunctionGetInputsResponse(inputs=[item])

    @unary
    async def FunctionPutOutputs(self, request: api_pb2.FunctionPutOutputsRequest) -> Message:
        for item in request.outputs:
            self._timers.pop(item.input_id).cancel()
            self.calls.pop(item.input_id).end(
                api_pb2.FunctionGetOutputsItem(
                    input_id=item.input_id, result=item.result, data_format=item.data_format
                )
            )
        return Empty()

    @unary
    async def FunctionCallPutDataOut(self, request: api_pb2.FunctionCallPutDataRequest) -> Message:
        call = self.state.calls[request.function_call_id]
        call.chunks.extend(request.data_chunks)
        call.note()
        return Empty()

    @unary
    async def TaskResult(self, request: api_pb2.TaskResultRequest) -> Message:
        self.result = request.result
        return Empty()

    @unary
    async def VolumeCommit(self, request: api_pb2.VolumeCommitRequest) -> Message:
        self.mounts[request.volume_id].commit()
        return api_pb2.VolumeCommitResponse(skip_reload=True)

    @unary
    async def VolumeReload(self, request: api_pb2.VolumeReloadRequest) -> Message:
        self.mounts[request.volume_id].reload()
        return Empty()

    def mount(self, folder: Path) -> dict[str, str]:
        """Makes its copies of volumes below a folder; where each is, by where it should be."""
        places = {}
        for mount in self.function.definition.volume_mounts:
            place = folder / mount.mount_path.strip("/")
            self.mounts[mount.volume_id] = Mounted(self.state, mount.volume_id, place)
            places[mount.mount_path] = str(place)
        return places

    def _overdue(self, call: Call) -> None:
        call.fail(RESULT.GENERIC_STATUS_TIMEOUT, f"Task's current input {call.input_id} hit its timeout")
        self.kill()


class Containers:
    """Starts one container for each function that has calls, and hears of its end."""

    def __init__(self, state: State, variables: Callable[[], dict[str, str]]) -> None:
        self._state = state
        self._variables = variables
        self._running: dict[str, Container] = {}
        self._lives: set[asyncio.Task[None]] = set()
        self.started = 0
        """How many containers there have been."""

    @property
    def running(self) -> list[Container]:
        """The containers that live."""
        return list(self._running.values())

    async def queue(self, function: Function, call: Call) -> None:
        """Lets a container run the call, a new one if the function has none."""
        async with function.arrived:
            function.waiting.append(call)
            function.arrived.notify()
        self._ensure(function)

    async def stop(self, is_stopped: bool) -> None:
        """Lets no container take a new call, or lets them again."""
        self._state.is_stopped = is_stopped
        for function in self._state.functions.values():
            async with function.arrived:
                function.arrived.notify_all()

    async def cancel(self, call: Call) -> None:
        """Cancels a call: at once where it waits, by its container where it runs."""
        call.is_cancelled = True
        for container in self.running:
            if call.input_id in container.calls:
                container.cancel(call)
                return
        for function in self._state.functions.values():
            if call in function.waiting:
                function.waiting.remove(call)
        call.fail(RESULT.GENERIC_STATUS_TERMINATED, "Input was cancelled")

    async def close(self) -> None:
        """Kills every container."""
        for container in self.running:
            container.kill()
        await asyncio.gather(*self._lives, return_exceptions=True)

    def _ensure(self, function: Function) -> None:
        if function.id not in self._running:
            container = Container(self._state, function)
            self._running[function.id] = container
            self.started += 1
            life = asyncio.create_task(self._live(container))
            self._lives.add(life)
            life.add_done_callback(self._lives.discard)

    async def _live(self, container: Container) -> None:
        function = container.function
        with tempfile.TemporaryDirectory(prefix="modal-") as name:
            folder = Path(name)
            server = Server([container])
            await server.start(path=str(folder / "worker.sock"))
            (folder / "arguments").write_bytes(self._arguments(container).SerializeToString())
            environment = self._variables() | {
                "MODAL_CONTAINER_ARGUMENTS_PATH": str(folder / "arguments"),
                "MODAL_SERVER_URL": f"unix://{folder / 'worker.sock'}",
                "MODAL_TASK_ID": container.id,
                "MODAL_IS_REMOTE": "1",
                "MODAL_LOGLEVEL": "ERROR",
                "STAND_IN_MOUNTS": json.dumps(container.mount(folder / "volumes")),
            }
            for secret_id in function.definition.secret_ids:
                environment |= self._state.secrets[secret_id]
            container.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", ENTRY),
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            reading = [
                asyncio.create_task(self._read(container, stream, is_error=is_error))
                for stream, is_error in ((container.process.stdout, False), (container.process.stderr, True))
            ]
            try:
                await container.process.wait()
            finally:
                container.kill()
                await asyncio.gather(*reading)
                server.close()
                await server.wait_closed()
                del self._running[function.id]
        await self._ended(container)

    async def _read(
        self, container: Container, stream: asyncio.StreamReader | None, *, is_error: bool
    ) -> None:
        """Keeps what a container prints, and shows it to whoever runs the tests."""
        assert stream is not None
        while line := await stream.readline():
            text = line.decode(errors="replace")
            self._state.note_line(container.function, container.id, text, is_error=is_error)
            sys.stderr.write(text)

    async def _ended(self, container: Container) -> None:
        """What ran in it is run again where that is allowed; what waits gets another container."""
        function = container.function
        for call in container.calls.values():
            call.is_running = False
            if call.output is not None:
                continue
            if call.retries > 0:
                call.retries -= 1
                function.waiting.appendleft(call)
            else:
                call.fail(RESULT.GENERIC_STATUS_INTERNAL_FAILURE, "The container ended unexpectedly.")
        if container.result is not None and container.result.status == RESULT.GENERIC_STATUS_FAILURE:
            while function.waiting:
                output = api_pb2.FunctionGetOutputsItem(
                    result=container.result, data_format=api_pb2.DATA_FORMAT_PICKLE
                )
                function.waiting.popleft().end(output)
        if function.waiting:
            self._ensure(function)

    def _arguments(self, container: Container) -> api_pb2.ContainerArguments:
        function = container.function
        app = self._state.apps[function.app_id]
        return api_pb2.ContainerArguments(
            task_id=container.id,
            function_id=function.id,
            app_id=app.id,
            function_def=function.definition,
            serialized_params=function.parameters,
            environment_name="main",
            app_layout=self._state.layout(app),
        )
