"""The RPCs by which the real client operates an app: logs, scaling, prices, bills, files of volumes."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from grpclib import GRPCError, Status
from modal_deploying import Deploying, unary
from modal_proto import api_pb2


class Operating(Deploying):
    """What an operator may do."""

    @unary
    async def FunctionUpdateSchedulingParams(
        self, request: api_pb2.FunctionUpdateSchedulingParamsRequest
    ) -> Message:
        function = self.state.functions[request.function_id]
        function.scaling.append(request.settings)
        settings = function.definition.autoscaler_settings
        settings.MergeFrom(request.settings)
        return api_pb2.FunctionUpdateSchedulingParamsResponse(current_settings=settings)

    @unary
    async def AppFetchLogs(self, request: api_pb2.AppFetchLogsRequest) -> Message:
        since = request.since.seconds + request.since.nanos / 1e9
        found = [
            batch
            for batch in self.state.logs
            if request.function_id in ("", batch.function_id) and batch.items[0].timestamp >= since
        ]
        return api_pb2.AppFetchLogsResponse(batches=found[-request.limit :])

    async def AppGetLogs(self, stream: Any) -> None:
        request = await stream.recv_message()
        self.authorize(stream.metadata)
        # Without an entry to go on from: what is printed from now on.
        sent = int(request.last_entry_id or len(self.state.logs))
        until = time.monotonic() + request.timeout
        while time.monotonic() < until:
            for batch in self.state.logs[sent:]:
                sent += 1
                if request.function_id in ("", batch.function_id):
                    await stream.send_message(batch)
            await asyncio.sleep(0.02)

    @unary
    async def WorkspaceNameLookup(self, request: Empty) -> Message:
        return api_pb2.WorkspaceNameLookupResponse(username="acme")

    @unary
    async def WorkspaceBillingRates(self, request: api_pb2.WorkspaceBillingRatesRequest) -> Message:
        return api_pb2.WorkspaceBillingRatesResponse(rates=self.state.rates)

    async def WorkspaceBillingReport(self, stream: Any) -> None:
        request = await stream.recv_message()
        self.authorize(stream.metadata)
        for app_id, cost in self.state.bill:
            item = api_pb2.WorkspaceBillingReportItem(object_id=app_id, cost=cost)
            item.interval.CopyFrom(request.start_timestamp)
            await stream.send_message(item)

    @unary
    async def MountPutFile(self, request: api_pb2.MountPutFileRequest) -> Message:
        state = self.state
        if request.WhichOneof("data_oneof") is not None:
            content = state.blobs[request.data_blob_id] if request.data_blob_id else request.data
            if hashlib.sha256(content).hexdigest() != request.sha256_hex:
                raise GRPCError(Status.INVALID_ARGUMENT, "the content has another SHA-256")
            if state.takes is not None and not state.takes:
                raise GRPCError(Status.INTERNAL, "the disk is gone")
            state.takes = state.takes and state.takes - 1
            state.contents[request.sha256_hex] = content
            state.received.append(request.sha256_hex)
        return api_pb2.MountPutFileResponse(exists=request.sha256_hex in state.contents)

    @unary
    async def VolumePutFiles(self, request: api_pb2.VolumePutFilesRequest) -> Message:
        files = self.state.files.setdefault(request.volume_id, {})
        for file in request.files:
            content = self.state.contents[file.sha256_hex]
            files[file.filename.lstrip("/")] = content[:-1] if self.state.cuts else content
        return Empty()

    async def VolumeListFiles(self, stream: Any) -> None:
        request = await stream.recv_message()
        self.authorize(stream.metadata)
        folder = request.path.strip("/") + "/"
        files = self.state.files.get(request.volume_id, {})
        found = [
            api_pb2.FileEntry(path=path, type=api_pb2.FileEntry.FILE, size=len(content))
            for path, content in files.items()
            if path.startswith(folder)
        ]
        if not found:
            raise GRPCError(Status.NOT_FOUND, f"{request.path}: no such file or directory")
        await stream.send_message(api_pb2.VolumeListFilesResponse(entries=found))
