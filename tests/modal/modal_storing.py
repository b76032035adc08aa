"""The RPCs of Modal's queues and dictionaries, which clients and containers share."""

from __future__ import annotations

import asyncio
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from grpclib import GRPCError, Status
from modal_deploying import Deploying, unary
from modal_proto import api_pb2
from modal_state import Partition

PARTITION_ITEMS = 5000
ITEM_BYTES = 1 << 20


class Storing(Deploying):
    """What anybody may do whose caller is known."""

    @unary
    async def QueueGetOrCreate(self, request: api_pb2.QueueGetOrCreateRequest) -> Message:
        queue_id = self.state.queues.setdefault(request.deployment_name, self.state.new_id("qu"))
        metadata = api_pb2.QueueMetadata(name=request.deployment_name)
        return api_pb2.QueueGetOrCreateResponse(queue_id=queue_id, metadata=metadata)

    @unary
    async def QueuePut(self, request: api_pb2.QueuePutRequest) -> Message:
        partition = self._partition(request)
        if any(len(value) > ITEM_BYTES for value in request.values):
            raise GRPCError(Status.INVALID_ARGUMENT, "the item is too large")
        async with partition.changed:
            if len(partition.items) + len(request.values) > PARTITION_ITEMS:
                raise GRPCError(Status.RESOURCE_EXHAUSTED, "the partition is full")
            partition.items.extend(request.values)
            partition.changed.notify_all()
        return Empty()

    @unary
    async def QueueGet(self, request: api_pb2.QueueGetRequest) -> Message:
        partition = self._partition(request)
        try:
            async with asyncio.timeout(request.timeout), partition.changed:
                await partition.changed.wait_for(lambda: bool(partition.items))
                count = min(request.n_values, len(partition.items))
                values = [partition.items.popleft() for _ in range(count)]
        except TimeoutError:
            values = []
        return api_pb2.QueueGetResponse(values=values)

    @unary
    async def QueueClear(self, request: api_pb2.QueueClearRequest) -> Message:
        self._partition(request).items.clear()
        return Empty()

    @unary
    async def DictGetOrCreate(self, request: api_pb2.DictGetOrCreateRequest) -> Message:
        dict_id = self.state.dicts.setdefault(request.deployment_name, self.state.new_id("di"))
        metadata = api_pb2.DictMetadata(name=request.deployment_name)
        return api_pb2.DictGetOrCreateResponse(dict_id=dict_id, metadata=metadata)

    @unary
    async def DictUpdate(self, request: api_pb2.DictUpdateRequest) -> Message:
        created = False
        for entry in request.updates:
            key = request.dict_id, entry.key
            if not (request.if_not_exists and key in self.state.entries):
                created = True
                self.state.entries[key] = entry.value
        return api_pb2.DictUpdateResponse(created=created)

    @unary
    async def DictGet(self, request: api_pb2.DictGetRequest) -> Message:
        value = self.state.entries.get((request.dict_id, request.key))
        return api_pb2.DictGetResponse(found=value is not None, value=value)

    def _partition(self, request: Any) -> Partition:
        if self.state.queues_fail:
            raise GRPCError(Status.FAILED_PRECONDITION, "there is no such queue")
        return self.state.partitions[request.queue_id, request.partition_key]
