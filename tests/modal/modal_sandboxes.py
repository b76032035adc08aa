"""The RPCs by which the real client makes sandboxes, of the second version, and ends them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from google.protobuf.message import Message
from grpclib import GRPCError, Status
from modal_deploying import Deploying, unary
from modal_proto import api_pb2
from modal_state import State
from tests.machines import Machine

TOKEN_S = 600
SECRET = b"the stand-in's"
RESULT = api_pb2.GenericResult
LOOK_S = 0.05


@dataclass(eq=False)
class Sandbox:
    """One sandbox, and how it ended."""

    id: str
    task_id: str
    definition: api_pb2.Sandbox
    machine: Machine
    began: float = field(default_factory=time.monotonic)
    busy_at: float = field(default_factory=time.monotonic)
    """When it last ran a command."""
    result: api_pb2.GenericResult | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_blocked(self) -> bool:
        """Whether it was made without a network."""
        return self.definition.network_access.network_access_type == api_pb2.NetworkAccess.BLOCKED


class Machines:
    """All sandboxes that there were."""

    def __init__(self, state: State, variables: Callable[[], dict[str, str]]) -> None:
        self._state = state
        self._variables = variables
        self._lives: set[asyncio.Task[None]] = set()
        self.address = ""
        """The router's."""
        self.all: list[Sandbox] = []

    @property
    def running(self) -> list[Sandbox]:
        """Those that have not ended."""
        return [one for one in self.all if one.result is None]

    async def create(self, definition: api_pb2.Sandbox) -> Sandbox:
        """Starts one."""
        sandbox = Sandbox(
            self._state.new_id("sb"), f"{self._state.new_id('ta')}-V", definition, Machine(self._variables())
        )
        if not sandbox.is_blocked:
            raise GRPCError(Status.UNIMPLEMENTED, "the stand-in's machines have no network")
        await sandbox.machine.start(*definition.entrypoint_args)
        self.all.append(sandbox)
        life = asyncio.create_task(self._live(sandbox))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return sandbox

    async def end(self, sandbox: Sandbox, status: RESULT.GenericStatus.ValueType) -> None:
        """Ends it, unless it has ended."""
        if sandbox.result is None:
            sandbox.result = RESULT(status=status)
            await sandbox.machine.stop()
            sandbox.ended.set()

    def by_id(self, sandbox_id: str) -> Sandbox:
        """The sandbox of an id."""
        for one in self.all:
            if one.id == sandbox_id:
                return one
        raise GRPCError(Status.NOT_FOUND, f"there is no sandbox {sandbox_id}")

    def by_task(self, task_id: str, authorization: str) -> Sandbox:
        """The running sandbox of a task, for the holder of its token."""
        if not hmac.compare_digest(authorization.removeprefix("Bearer ").rpartition(".")[2], _seal(task_id)):
            raise GRPCError(Status.UNAUTHENTICATED, "the token is not that of the task")
        for one in self.running:
            if one.task_id == task_id:
                return one
        raise GRPCError(Status.NOT_FOUND, f"the task {task_id} is not running")

    def access(self, sandbox: Sandbox) -> api_pb2.CommandRouterAccess:
        """Where its commands are reached, and the token for that."""
        return api_pb2.CommandRouterAccess(url=self.address, jwt=signed(sandbox.task_id))

    async def close(self) -> None:
        """Ends them all."""
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        for sandbox in self.running:
            await self.end(sandbox, RESULT.GENERIC_STATUS_TERMINATED)

    async def _live(self, sandbox: Sandbox) -> None:
        """Ends it when its time is over, or when it has run no command for too long."""
        while sandbox.result is None:
            now = time.monotonic()
            if sandbox.machine.is_busy:
                sandbox.busy_at = now
            if sandbox.machine.has_ended:
                await self.end(sandbox, RESULT.GENERIC_STATUS_FAILURE)
            elif now - sandbox.began > sandbox.definition.timeout_secs:
                await self.end(sandbox, RESULT.GENERIC_STATUS_TIMEOUT)
            elif now - sandbox.busy_at > (sandbox.definition.idle_timeout_secs or now):
                await self.end(sandbox, RESULT.GENERIC_STATUS_IDLE_TIMEOUT)
            await asyncio.sleep(LOOK_S)


class Sandboxing(Deploying):
    """What a client may do with sandboxes."""

    machines: Machines

    @unary
    async def AuthTokenGet(self, request: api_pb2.AuthTokenGetRequest) -> Message:
        return api_pb2.AuthTokenGetResponse(token=signed("client"))

    @unary
    async def SandboxCreateV2(self, request: api_pb2.SandboxCreateV2Request) -> Message:
        if self.state.refuses:
            raise GRPCError(Status.RESOURCE_EXHAUSTED, self.state.refuses)
        if request.app_id not in self.state.apps or request.definition.image_id not in self.state.images:
            raise GRPCError(Status.NOT_FOUND, "the app or the image is gone")
        sandbox = await self.machines.create(request.definition)
        return api_pb2.SandboxCreateV2Response(
            sandbox_id=sandbox.id,
            task_id=sandbox.task_id,
            command_router_access=self.machines.access(sandbox),
            metadata=api_pb2.SandboxHandleMetadata(app_id=request.app_id),
        )

    @unary
    async def SandboxGetCommandRouterAccess(
        self, request: api_pb2.SandboxGetCommandRouterAccessRequest
    ) -> Message:
        access = self.machines.access(self.machines.by_id(request.sandbox_id))
        return api_pb2.SandboxGetCommandRouterAccessResponse(url=access.url, jwt=access.jwt)

    @unary
    async def SandboxTerminateV2(self, request: api_pb2.SandboxTerminateRequest) -> Message:
        await self.machines.end(self.machines.by_id(request.sandbox_id), RESULT.GENERIC_STATUS_TERMINATED)
        return api_pb2.SandboxTerminateResponse()


def signed(subject: str) -> str:
    """A token of JWT's form for somebody, with the time until which it holds."""
    claims = json.dumps({"sub": subject, "exp": time.time() + TOKEN_S}).encode()
    parts = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"HS256"}', claims)]
    return ".".join([*parts, _seal(subject)])


def _seal(subject: str) -> str:
    return hmac.new(SECRET, subject.encode(), hashlib.sha256).hexdigest()
