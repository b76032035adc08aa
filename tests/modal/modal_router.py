"""The service by which a client speaks to commands in a sandbox: on Modal, on the machine that has it."""

from __future__ import annotations

from typing import Any

from grpclib import GRPCError, Status
from modal_proto import task_command_router_pb2 as pb2
from modal_proto.task_command_router_grpc import TaskCommandRouterBase
from modal_sandboxes import Machines
from tests.machines import Machine, Process


def _unserved(name: str) -> Any:
    async def handle(self: Any, stream: Any) -> None:
        raise GRPCError(Status.UNIMPLEMENTED, f"the stand-in does not serve {name}")

    return handle


Unserved: Any = type(
    "Unserved",
    (TaskCommandRouterBase,),
    {name: _unserved(name) for name in TaskCommandRouterBase.__abstractmethods__},
)


class Router(Unserved):
    """Serves the commands of all sandboxes, each to the holder of its token."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines

    async def TaskExecStart(self, stream: Any) -> None:
        request = await stream.recv_message()
        machine = self._machine(stream, request)
        environment: dict[str, str] = {}
        for source in request.secret_sources:
            environment |= dict(source.env.contents)
        words = list(request.command_args)
        if request.timeout_secs:
            words = ["/usr/bin/timeout", "--signal=KILL", str(request.timeout_secs), *words]
        await machine.begin(request.exec_id, words, environment)
        await stream.send_message(pb2.TaskExecStartResponse())

    async def TaskExecStdinWrite(self, stream: Any) -> None:
        request = await stream.recv_message()
        process = self._process(stream, request)
        await process.write(request.offset, request.data, is_end=request.eof)
        await stream.send_message(pb2.TaskExecStdinWriteResponse())

    async def TaskExecStdioRead(self, stream: Any) -> None:
        request = await stream.recv_message()
        process = self._process(stream, request)
        is_error = request.file_descriptor == pb2.TASK_EXEC_STDIO_FILE_DESCRIPTOR_STDERR
        offset = request.offset
        while data := await process.read(2 if is_error else 1, offset):
            offset += len(data)
            await stream.send_message(pb2.TaskExecStdioReadResponse(data=data))

    async def TaskExecWait(self, stream: Any) -> None:
        request = await stream.recv_message()
        code = await self._process(stream, request).wait()
        ended = {"code": code} if code >= 0 else {"signal": -code}
        await stream.send_message(pb2.TaskExecWaitResponse(**ended))

    def _process(self, stream: Any, request: Any) -> Process:
        process = self._machine(stream, request).processes.get(request.exec_id)
        if process is None:
            raise GRPCError(Status.NOT_FOUND, f"there is no command {request.exec_id}")
        return process

    def _machine(self, stream: Any, request: Any) -> Machine:
        sandbox = self._machines.by_task(request.task_id, stream.metadata.get("authorization", ""))
        return sandbox.machine
