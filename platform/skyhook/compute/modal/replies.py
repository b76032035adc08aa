"""What a body's replies bring to whoever called it."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from typing import Any

import msgspec

from skyhook.compute import errors, protocol
from skyhook.compute.modal.runs import Run
from skyhook.compute.signature import Signature
from skyhook.errors import SkyhookError
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
                raise _logged(spec, cause) from None
        case protocol.Failed() as failed:
            raise _error(spec, failed)
        case protocol.LoadFailed() as failed_load:
            logger.error("%s cannot be loaded: %s", spec.name, failed_load.traceback)
            raise errors.FunctionUnavailable(
                "The function cannot start; its operator finds the cause in the log. Try again later.",
                retry_after_s=5.0,
            )


def _logged(spec: FunctionSpec, cause: str) -> errors.FunctionFailed:
    reference = secrets.token_hex(6)
    logger.error("%s failed, reference %s: %s", spec.name, reference, cause)
    return errors.FunctionFailed(reference)


def _error(spec: FunctionSpec, failed: protocol.Failed) -> SkyhookError:
    match failed.kind:
        case "reported":
            return errors.FunctionReported(failed.code, failed.message, failed.retryable)
        case "bad_argument":
            return errors.FunctionBadArgument(f"The function refused its argument: {failed.message}.")
        case "out_of_memory":
            logger.error("%s ran out of memory: %s", spec.name, failed.traceback)
            return errors.FunctionOutOfMemory("The call needed more memory than the function may use.")
        case "stopped":
            return errors.FunctionTimeout("The call ran longer than it may.")
        case "raised":
            return _logged(spec, failed.traceback)
