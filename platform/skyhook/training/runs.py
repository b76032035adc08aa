"""What is noted of a training's run, beside its checkpoints: a small file that outlives the command.

One process at a time works on the run of a model; it holds the lock of the model's file.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from skyhook.training.errors import TrainingBusy


class Run(msgspec.Struct, kw_only=True):
    """A run: from its beginning until its candidate is published."""

    checkpoints: str
    """The name of its checkpoints: no other run has it, so that none disturbs another."""
    compute: str
    """Where they are: `local` or `modal`."""
    token: str | None = None
    """What the call was begun with that runs it now, where that goes on without this process."""
    call_id: str | None = None
    """That call, once it is known."""
    compared_with: int | None = None
    """The version of the model that this call compares with; None: what ships, or nothing."""
    reached: int = 0
    """The last step that has a checkpoint."""
    tries: int = 0
    """How often it was interrupted since it last got any further."""


class RunFile:
    """The note of a model's run. Changes are written whole or not at all."""

    def __init__(self, folder: Path, model: str) -> None:
        self._path = folder / f"{model}.json"
        self._model = model

    def read(self) -> Run | None:
        """The run that is not at its end."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Run)
        except FileNotFoundError:
            return None

    def begin(self, compute: str) -> Run:
        """A new run, which takes the place of the one before."""
        run = Run(checkpoints=f"{self._model}/{secrets.token_hex(4)}", compute=compute)
        self.write(run)
        return run

    def write(self, run: Run) -> None:
        """Notes how the run stands now."""
        beside = self._path.with_suffix(".new")
        with beside.open("wb") as stream:
            stream.write(msgspec.json.format(msgspec.json.encode(run)))
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(self._path)

    def leave_call(self, run: Run) -> None:
        """Its call is at its end, or of no more use: the next command begins another."""
        run.token = run.call_id = None
        self.write(run)

    def end(self) -> None:
        """The run is at its end."""
        self._path.unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """With no other process at the same training. Raises TrainingBusy."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TrainingBusy(
                    f"Another command trains {self._model} on this machine; wait for it, or stop it."
                ) from None
            yield
        finally:
            os.close(handle)
