"""The function: programs of strangers, each in a sandbox of its own."""

from __future__ import annotations

import os
import selectors
import signal
import threading
from collections.abc import Iterator

from skyhook.function import FunctionError, function
from skyhook_functions.code.collect import Collection
from skyhook_functions.code.command import check_path, clash
from skyhook_functions.code.isolation import isolation
from skyhook_functions.code.languages import LANGUAGES
from skyhook_functions.code.messages import (
    MOST_INPUT_BYTES,
    MOST_OUTPUT_BYTES,
    Ended,
    Made,
    Part,
    RunEvent,
    RunRequest,
)
from skyhook_functions.code.sandbox import CannotIsolate, Sandbox
from skyhook_functions.code.watch import Watch

HEARTBEAT_S = 0.25
PART_BYTES = 32 << 10
RUNS_AT_ONCE = 4


@function(
    requirements=("pyseccomp",),
    system_packages=("bubblewrap", "libseccomp2", "gcc", "libc6-dev", "nodejs"),
    memory_gib=2.0,
    timeout_s=300.0,
    concurrency=RUNS_AT_ONCE,
    keep_warm_s=900.0,
    isolated=True,
)
class CodeRunner:
    """Runs programs under bubblewrap or on a machine of their own, or not at all."""

    def load(self) -> None:
        """Nothing yet: what the machine lacks is for the caller to hear."""
        self._filters: list[bytes] = []
        self._preparing = threading.Lock()

    def run(self, request: RunRequest) -> Iterator[RunEvent]:
        """The program's output as it is printed, the files it made, and how it ended.

        Raises SANDBOX_UNAVAILABLE, LANGUAGE_UNAVAILABLE and PROGRAM_INVALID.
        """
        _check(request)
        try:
            sandbox = isolation()(request, self._prepared())
        except CannotIsolate as error:
            raise _unavailable(str(error)) from error
        with sandbox, Watch(sandbox, request) as watch:
            sandbox.release()
            yield from _output(sandbox, watch)
            exit_code = sandbox.ended()
            duration_ms = watch.elapsed_ms
            collection = Collection(sandbox.folder)
            for file in collection.files():
                yield Made(file)
        killed_by = _signal(exit_code)
        yield Ended(
            compiled=sandbox.compiled,
            exit_code=None if killed_by or watch.limit else exit_code,
            signal=None if watch.limit else killed_by,
            limit=watch.limit,
            duration_ms=duration_ms,
            left_out=collection.left_out,
        )

    def _prepared(self) -> list[bytes]:
        """The filters of system calls, made once."""
        with self._preparing:
            if not self._filters:
                from skyhook_functions.code.seccomp import filters

                try:
                    self._filters = filters()
                except (ImportError, RuntimeError, OSError) as error:
                    raise _unavailable(f"system calls cannot be filtered: {error}") from error
            return self._filters


def _output(sandbox: Sandbox, watch: Watch) -> Iterator[Part]:
    """What the program prints, until no process of it is left, and an empty part now and then."""
    left = MOST_OUTPUT_BYTES
    with selectors.DefaultSelector() as pipes:
        for pipe, name in ((sandbox.process.stdout, "stdout"), (sandbox.process.stderr, "stderr")):
            assert pipe is not None
            pipes.register(pipe, selectors.EVENT_READ, name)
        while pipes.get_map():
            ready = pipes.select(HEARTBEAT_S)
            if not ready:
                yield Part("stdout", b"", watch.elapsed_ms)
            for key, _ in ready:
                content = os.read(key.fd, PART_BYTES)
                if not content:
                    pipes.unregister(key.fileobj)
                elif left:
                    yield Part(key.data, content[:left], watch.elapsed_ms)
                if len(content) > left:
                    watch.kill("output")
                left = max(0, left - len(content))


def _signal(exit_code: int) -> str | None:
    """The name of the signal that an exit code stands for, as in a shell."""
    try:
        return signal.Signals(exit_code - 128).name if exit_code > 128 else None
    except ValueError:
        return None


def _check(request: RunRequest) -> None:
    """Raises LANGUAGE_UNAVAILABLE and PROGRAM_INVALID."""
    language = LANGUAGES[request.language]
    paths = [file.path for file in request.files]
    if wrong := next((path for path in paths if not check_path(path)), None):
        raise FunctionError("PROGRAM_INVALID", f"{wrong!r} is no path of a file below the program's folder.")
    if doubled := clash(paths):
        raise FunctionError("PROGRAM_INVALID", f"{doubled} is there twice.")
    if sum(len(file.content) for file in request.files) + len(request.stdin) > MOST_INPUT_BYTES:
        raise FunctionError(
            "PROGRAM_INVALID", f"Files and input have more than {MOST_INPUT_BYTES >> 20} MiB."
        )
    if any("\0" in argument for argument in request.arguments):
        raise FunctionError("PROGRAM_INVALID", "An argument has a zero byte in it.")
    if language.found() is None:
        raise FunctionError(
            "LANGUAGE_UNAVAILABLE",
            f"This server cannot run {language.title}: its operator installs {language.program} "
            f"(on Debian: apt-get install {language.package}).",
        )


def _unavailable(reason: str) -> FunctionError:
    return FunctionError(
        "SANDBOX_UNAVAILABLE",
        f"This server cannot isolate programs, so it runs none: {reason}. Its operator finds what is needed "
        "in docs/operators.md under Sandbox.",
    )
