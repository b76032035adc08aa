"""What a body's replies bring to whoever called it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import msgspec

from skyhook.compute import errors, protocol
from skyhook.compute.failures import error_of, logged
from skyhook.compute.modal.runs import Run
from skyhook.compute.signature import Signature
from skyhook.function import FunctionSpec

decode = protocol.reply_decoder.decode
"""Reads a reply. Raises msgspec's errors."""
logger = logging.getLogger("skyhook.compute")


def values(spec: FunctionSpec, signature: Signature, reply: protocol.Reply, run: Run) -> Iterator[Any]:
    """What a reply brings: a value, nothing where it is the start or the end, or its error."""
    run.hear(getattr(reply, "ran", None))
    match reply:
        case protocol.RawChunk() | protocol.RawResult() as brought:
            try:
                yield signature.result.decode(brought.value)
            except msgspec.MsgspecError as error:
                cause = f"{signature.method} returned a wrong value: {error}"
                raise logged(spec.name, cause) from None
        case protocol.Failed() as failed:
            raise error_of(spec.name, failed)
        case protocol.LoadFailed() as failed_load:
            logger.error("%s cannot be loaded: %s", spec.name, failed_load.traceback)
            raise errors.FunctionUnavailable(
                "The function cannot start; its operator finds the cause in the log. Try again later.",
                retry_after_s=5.0,
            )
