"""The RPCs by which the real client deploys: apps, images, mounts, secrets, volumes, functions, blobs."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from grpclib import GRPCError, Status
from modal_proto import api_pb2
from modal_proto.api_grpc import ModalClientBase
from modal_state import App, Function, State


def unary(method: Callable[[Any, Any], Awaitable[Message]]) -> Any:
    """An RPC with one request and one response, of a caller whose token is right."""

    async def handle(self: Any, stream: Any) -> None:
        request = await stream.recv_message()
        self.authorize(stream.metadata)
        await asyncio.sleep(self.state.pause_s)
        await stream.send_message(await method(self, request))

    return handle


def _unserved(name: str) -> Any:
    async def handle(self: Any, stream: Any) -> None:
        raise GRPCError(Status.UNIMPLEMENTED, f"the stand-in does not serve {name}")

    return handle


Unserved: Any = type(
    "Unserved", (ModalClientBase,), {name: _unserved(name) for name in ModalClientBase.__abstractmethods__}
)


class Deploying(Unserved):
    """Takes deployments. No image is built and no file is taken: containers run in this environment."""

    state: State

    def authorize(self, metadata: Any) -> None:
        """Refuses a caller whose token is not the stand-in's."""
        given = (metadata.get("x-modal-token-id"), metadata.get("x-modal-token-secret"))
        if given != self.state.token:
            raise GRPCError(Status.UNAUTHENTICATED, "Token ID is malformed or unknown.")

    @unary
    async def ClientHello(self, request: Empty) -> Message:
        return api_pb2.ClientHelloResponse()

    @unary
    async def EnvironmentGetOrCreate(self, request: api_pb2.EnvironmentGetOrCreateRequest) -> Message:
        settings = api_pb2.EnvironmentSettings(image_builder_version="2025.06")
        return api_pb2.EnvironmentGetOrCreateResponse(
            environment_id="en-1", metadata=api_pb2.EnvironmentMetadata(name="main", settings=settings)
        )

    @unary
    async def AppGetByDeploymentName(self, request: api_pb2.AppGetByDeploymentNameRequest) -> Message:
        app = self.state.deployed(request.name)
        state = api_pb2.APP_STATE_DEPLOYED if app else api_pb2.APP_STATE_UNSPECIFIED
        return api_pb2.AppGetByDeploymentNameResponse(
            app_id=app.id if app else "",
            environment_name="main",
            lifecycle=api_pb2.AppLifecycle(app_state=state),
        )

    @unary
    async def AppGetOrCreate(self, request: api_pb2.AppGetOrCreateRequest) -> Message:
        app = self.state.deployed(request.app_name)
        if app is None:
            raise GRPCError(Status.NOT_FOUND, f"App '{request.app_name}' not found")
        return api_pb2.AppGetOrCreateResponse(app_id=app.id)

    @unary
    async def AppCreate(self, request: api_pb2.AppCreateRequest) -> Message:
        app = App(self.state.new_id("ap"))
        self.state.apps[app.id] = app
        return api_pb2.AppCreateResponse(app_id=app.id)

    @unary
    async def AppGetLayout(self, request: api_pb2.AppGetLayoutRequest) -> Message:
        return api_pb2.AppGetLayoutResponse(app_layout=self.state.layout(self.state.apps[request.app_id]))

    @unary
    async def AppHeartbeat(self, request: api_pb2.AppHeartbeatRequest) -> Message:
        return Empty()

    @unary
    async def AppPublish(self, request: api_pb2.AppPublishRequest) -> Message:
        app = self.state.apps[request.app_id]
        app.name, app.tags = request.name, dict(request.tags)
        app.function_ids, app.class_ids = dict(request.function_ids), dict(request.class_ids)
        return api_pb2.AppPublishResponse(url="https://modal.invalid/app", deployed_at=time.time())

    @unary
    async def AppGetTags(self, request: api_pb2.AppGetTagsRequest) -> Message:
        return api_pb2.AppGetTagsResponse(tags=self.state.apps[request.app_id].tags)

    @unary
    async def AppSetTags(self, request: api_pb2.AppSetTagsRequest) -> Message:
        self.state.apps[request.app_id].tags = dict(request.tags)
        return Empty()

    @unary
    async def AppStop(self, request: api_pb2.AppStopRequest) -> Message:
        del self.state.apps[request.app_id]
        return Empty()

    @unary
    async def AppClientDisconnect(self, request: api_pb2.AppClientDisconnectRequest) -> Message:
        return Empty()

    @unary
    async def MountGetOrCreate(self, request: api_pb2.MountGetOrCreateRequest) -> Message:
        mount_id = self.state.new_id("mo")
        self.state.mounts[mount_id] = [file.filename for file in request.files]
        return api_pb2.MountGetOrCreateResponse(
            mount_id=mount_id, handle_metadata=api_pb2.MountHandleMetadata(content_checksum_sha256_hex="0")
        )

    @unary
    async def MountBatchedCheckExistence(self, request: Any) -> Message:
        return api_pb2.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=[])

    @unary
    async def ImageGetOrCreate(self, request: api_pb2.ImageGetOrCreateRequest) -> Message:
        known = [image_id for image_id, image in self.state.images.items() if image == request.image]
        image_id = known[0] if known else self.state.new_id("im")
        self.state.images[image_id] = request.image
        return api_pb2.ImageGetOrCreateResponse(
            image_id=image_id,
            result=api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS),
            metadata=api_pb2.ImageMetadata(image_builder_version=request.builder_version),
        )

    @unary
    async def ImagePublish(self, request: api_pb2.ImagePublishRequest) -> Message:
        self.state.image_names[request.tag] = request.image_id
        return api_pb2.ImagePublishResponse(image_id=request.image_id)

    @unary
    async def ImageGetByTag(self, request: api_pb2.ImageGetByTagRequest) -> Message:
        if request.tag not in self.state.image_names:
            raise GRPCError(Status.NOT_FOUND, f"there is no image {request.tag}")
        return api_pb2.ImageGetByTagResponse(image_id=self.state.image_names[request.tag])

    @unary
    async def SecretGetOrCreate(self, request: api_pb2.SecretGetOrCreateRequest) -> Message:
        secret_id = self.state.new_id("st")
        self.state.secrets[secret_id] = dict(request.env_dict)
        return api_pb2.SecretGetOrCreateResponse(secret_id=secret_id)

    @unary
    async def VolumeGetOrCreate(self, request: api_pb2.VolumeGetOrCreateRequest) -> Message:
        volume_id = self.state.volumes.setdefault(request.deployment_name, self.state.new_id("vo"))
        return api_pb2.VolumeGetOrCreateResponse(volume_id=volume_id)

    @unary
    async def FunctionPrecreate(self, request: api_pb2.FunctionPrecreateRequest) -> Message:
        function_id = request.existing_function_id or self.state.new_id("fu")
        definition = api_pb2.Function(
            function_name=request.function_name,
            function_type=request.function_type,
            function_schema=request.function_schema,
            method_definitions=request.method_definitions,
            supported_input_formats=request.supported_input_formats,
            supported_output_formats=request.supported_output_formats,
        )
        made = Function(function_id, request.app_id, definition)
        return api_pb2.FunctionPrecreateResponse(function_id=function_id, handle_metadata=made.metadata())

    @unary
    async def FunctionCreate(self, request: api_pb2.FunctionCreateRequest) -> Message:
        function_id = request.existing_function_id or self.state.new_id("fu")
        ranked = request.function_data.ranked_functions  # where it names several GPUs, the first one is had
        definition = ranked[0].function if ranked else request.function
        known = self.state.functions.get(function_id)
        if known is None:
            known = self.state.functions[function_id] = Function(function_id, request.app_id, definition)
        known.definition, known.ranked = definition, [one.function for one in ranked]
        return api_pb2.FunctionCreateResponse(
            function_id=function_id, function_data=known.data(), handle_metadata=known.metadata()
        )

    @unary
    async def FunctionGet(self, request: api_pb2.FunctionGetRequest) -> Message:
        app = self.state.deployed(request.app_name)
        if app is None or request.object_tag not in app.function_ids:
            raise GRPCError(Status.NOT_FOUND, f"{request.app_name} has no function {request.object_tag}")
        function = self.state.functions[app.function_ids[request.object_tag]]
        return api_pb2.FunctionGetResponse(
            function_id=function.id, function=function.data(), handle_metadata=function.metadata()
        )

    @unary
    async def FunctionBindParams(self, request: api_pb2.FunctionBindParamsRequest) -> Message:
        base = self.state.functions[request.function_id]
        if base.definition.class_parameter_info.schema:
            digest = hashlib.sha256(request.serialized_params).hexdigest()[:8]
            bound = Function(f"{base.id}-{digest}", base.app_id, base.definition, base.ranked)
            bound.parameters = request.serialized_params
            base = self.state.functions.setdefault(bound.id, bound)
        return api_pb2.FunctionBindParamsResponse(bound_function_id=base.id, handle_metadata=base.metadata())

    @unary
    async def ClassCreate(self, request: api_pb2.ClassCreateRequest) -> Message:
        return api_pb2.ClassCreateResponse(class_id=request.existing_class_id or self.state.new_id("cs"))

    @unary
    async def ClassGet(self, request: api_pb2.ClassGetRequest) -> Message:
        app = self.state.deployed(request.app_name)
        if app is None or request.object_tag not in app.class_ids:
            raise GRPCError(Status.NOT_FOUND, f"{request.app_name} has no class {request.object_tag}")
        return api_pb2.ClassGetResponse(class_id=app.class_ids[request.object_tag])

    @unary
    async def BlobCreate(self, request: api_pb2.BlobCreateRequest) -> Message:
        blob_id = self.state.new_id("bl")
        urls = api_pb2.UploadUrlList(items=[f"{self.state.blob_address}/{blob_id}"])
        return api_pb2.BlobCreateResponse(blob_ids=[blob_id], upload_urls=urls)

    @unary
    async def BlobGet(self, request: api_pb2.BlobGetRequest) -> Message:
        return api_pb2.BlobGetResponse(download_url=f"{self.state.blob_address}/{request.blob_id}")
