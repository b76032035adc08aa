"""Volumes: the RPCs by which the real client lists, reads, fills and empties them, and a container's copies.

A container works on a copy of what was committed before it started. What it writes is seen by others once it
commits, and lost where it ends before that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from grpclib import GRPCError, Status
from modal_deploying import unary
from modal_proto import api_pb2
from modal_state import State

BLOCK_BYTES = 8 << 20


class Volumes:
    """What a client may do with volumes; a part of `modal_calling.Calling`."""

    state: State

    @unary
    async def VolumeGetFile2(self, request: api_pb2.VolumeGetFile2Request) -> Message:
        content = self.state.files.get(request.volume_id, {}).get(request.path.strip("/"))
        if content is None:
            raise GRPCError(Status.NOT_FOUND, f"{request.path}: no such file")
        urls = []
        for start in range(0, len(content), BLOCK_BYTES):
            block = self.state.new_id("bl")
            self.state.blobs[block] = content[start : start + BLOCK_BYTES]
            urls.append(f"{self.state.blob_address}/{block}")
        return api_pb2.VolumeGetFile2Response(get_urls=urls, size=len(content), len=len(content))

    @unary
    async def VolumeRemoveFile(self, request: api_pb2.VolumeRemoveFileRequest) -> Message:
        for name, _ in list(self._below(request.volume_id, request.path)):
            del self.state.files[request.volume_id][name]
        return Empty()

    def _below(self, volume_id: str, path: str) -> Iterator[tuple[str, bytes]]:
        place = path.strip("/")
        files = self.state.files.get(volume_id, {})
        found = [name for name in files if not place or name == place or name.startswith(f"{place}/")]
        if not found:
            raise GRPCError(Status.NOT_FOUND, f"{path}: no such file or directory")
        return ((name, files[name]) for name in found)


class Mounted:
    """A container's copy of a volume, in a folder."""

    def __init__(self, state: State, volume_id: str, folder: Path) -> None:
        self._state = state
        self._volume_id = volume_id
        self._folder = folder
        self._seen: dict[str, bytes] = {}
        folder.mkdir(parents=True)
        self.reload()

    def reload(self) -> None:
        """Brings what others have committed."""
        self._seen = dict(self._state.files.get(self._volume_id, {}))
        for name, content in self._seen.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def commit(self) -> None:
        """Lets others see what has changed here."""
        now = {
            path.relative_to(self._folder).as_posix(): path.read_bytes()
            for path in self._folder.rglob("*")
            if path.is_file()
        }
        files = self._state.files.setdefault(self._volume_id, {})
        for name in self._seen.keys() - now.keys():
            files.pop(name, None)
        files.update({name: content for name, content in now.items() if self._seen.get(name) != content})
        self._seen = now
