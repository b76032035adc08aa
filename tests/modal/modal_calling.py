"""The RPCs by which the real client calls functions: inputs, outputs, streams, cancellation."""

from __future__ import annotations

import asyncio
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from grpclib import GRPCError, Status
from modal_containers import Containers
from modal_deploying import unary
from modal_operating import Operating
from modal_proto import api_pb2
from modal_sandboxes import Machines, Sandboxing
from modal_state import Call, State
from modal_storing import Storing
from modal_volumes import Volumes

STREAM_S = 50.0
"""A stream of results is ended after so long; the client opens it again."""


class Calling(Volumes, Operating, Storing, Sandboxing):
    """What a client may do."""

    def __init__(self, state: State, containers: Containers, machines: Machines) -> None:
        self.state = state
        self.machines = machines
        self._containers = containers

    @unary
    async def FunctionMap(self, request: api_pb2.FunctionMapRequest) -> Message:
        if self.state.refuses:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, self.state.refuses)
        function = self.state.functions.get(request.function_id)
        if function is None:
            raise GRPCError(Status.NOT_FOUND, "the function is gone")
        (item,) = request.pipelined_inputs
        call = Call(
            self.state.new_id("fc"),
            self.state.new_id("in"),
            item.input,
            request.function_call_invocation_type,
            retries=function.definition.retry_policy.retries,
        )
        self.state.calls[call.id] = call
        await self._containers.queue(function, call)
        if self.state.on_call is not None:
            self.state.on_call(call)
        return api_pb2.FunctionMapResponse(
            function_call_id=call.id,
            pipelined_inputs=[api_pb2.FunctionPutInputsResponseItem(input_id=call.input_id)],
        )

    @unary
    async def FunctionGetOutputs(self, request: api_pb2.FunctionGetOutputsRequest) -> Message:
        call = self._call(request.function_call_id)
        try:
            async with asyncio.timeout(request.timeout):
                while call.output is None:
                    await call.changed.wait()
        except TimeoutError:
            return api_pb2.FunctionGetOutputsResponse(num_unfinished_inputs=1)
        return api_pb2.FunctionGetOutputsResponse(outputs=[call.output])

    async def FunctionCallGetDataOut(self, stream: Any) -> None:
        request = await stream.recv_message()
        self.authorize(stream.metadata)
        call = self._call(request.function_call_id)
        sent = request.last_index
        try:
            async with asyncio.timeout(STREAM_S):
                while True:
                    changed = call.changed
                    for chunk in call.chunks[sent:]:
                        await stream.send_message(chunk)
                        sent += 1
                    if changed is call.changed:
                        await changed.wait()
        except TimeoutError:
            return

    @unary
    async def FunctionCallCancel(self, request: api_pb2.FunctionCallCancelRequest) -> Message:
        await self._containers.cancel(self._call(request.function_call_id))
        return Empty()

    @unary
    async def FunctionCallFromId(self, request: api_pb2.FunctionCallFromIdRequest) -> Message:
        call = self._call(request.function_call_id)
        return api_pb2.FunctionCallFromIdResponse(function_call_id=call.id, num_inputs=1)

    def _call(self, call_id: str) -> Call:
        call = self.state.calls.get(call_id)
        if call is None:
            raise GRPCError(Status.NOT_FOUND, f"there is no call {call_id}")
        return call
