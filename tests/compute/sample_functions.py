"""Functions that the tests run in real workers."""

from __future__ import annotations

import itertools
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Annotated

import msgspec

from skyhook.function import FunctionError, Transient, WeightsFolder, function, has_own_machine


class Text(msgspec.Struct):
    text: str = ""


class Number(msgspec.Struct):
    value: float


class Positive(msgspec.Struct):
    value: Annotated[int, msgspec.Meta(gt=0)]


class Blob(msgspec.Struct):
    data: bytes


class Told(Transient, tag="told"):
    """How far a stream is."""

    number: int


class Kept(msgspec.Struct, tag="kept"):
    """What a stream is for."""

    number: int


class Source(msgspec.Struct):
    """A stream of `count` chunks of `size` bytes; what happens to it is written to `trace`."""

    trace: str
    count: int = 1_000_000
    size: int = 10
    pause_s: float = 0.0


def note(path: str, line: str) -> None:
    with open(path, "a") as file:
        file.write(line + "\n")


class Asked(msgspec.Struct):
    """What a model is asked for."""

    model: WeightsFolder
    seconds: float = 0.0


@function(concurrency=4, memory_gib=0.5, pool="model")
class Answerer:
    """Holds one model at a time, as an engine does that has the whole GPU."""

    def load(self) -> None:
        self.held = ""
        self.turns = 0

    def pid(self, argument: Asked) -> int:
        """Which process has answered."""
        time.sleep(argument.seconds)
        return os.getpid()

    def turn(self, argument: Asked) -> int:
        """How often it has taken another model."""
        self.turns += self.held != argument.model
        self.held = argument.model
        return self.turns

    def words(self, argument: Asked) -> Iterator[Text]:
        print(f"{os.path.basename(argument.model)} is asked", flush=True)
        yield Text(str(os.getpid()))


@function(concurrency=4, memory_gib=0.5)
class Tool:
    """A bit of everything."""

    def load(self) -> None:
        self.loaded = True
        self.lock = threading.Lock()
        self.active = self.most_active = 0

    def echo(self, argument: Text) -> Text:
        return argument

    def reverse(self, argument: Blob) -> Blob:
        return Blob(argument.data[::-1])

    def double(self, argument: Positive) -> Positive:
        return Positive(2 * argument.value)

    def pid(self, argument: Text) -> int:
        assert self.loaded
        return os.getpid()

    def nonce(self, argument: Text) -> Text:
        return Text(os.urandom(8).hex())

    def fail(self, argument: Text) -> Text:
        raise ValueError("the secret of " + argument.text)

    def fail_oddly(self, argument: Text) -> Text:
        raise ValueError("\udcff")

    def report(self, argument: Text) -> Text:
        raise FunctionError("PICTURE_TOO_LARGE", "Send a smaller picture.")

    def leave(self, argument: Text) -> Text:
        sys.exit(3)

    def mistype(self, argument: Text) -> int:
        return argument.text  # type: ignore[return-value]

    def unencodable(self, argument: Text) -> Text:
        return threading.Lock()  # type: ignore[return-value]

    def forget(self, argument: Text) -> Text:
        raise MemoryError

    def allocate(self, mib: Number) -> Text:
        kept = []
        for _ in range(int(mib.value)):
            kept.append(b"\1" * (1 << 20))
        time.sleep(5)
        return Text(str(len(kept)))

    def reserve(self, gib: Number) -> Text:
        return Text(str(len(bytearray(int(gib.value) << 30))))

    def sleep(self, seconds: Number) -> Text:
        time.sleep(seconds.value)
        return Text("slept")

    def spin(self, seconds: Number) -> Text:
        end = time.monotonic() + seconds.value
        while time.monotonic() < end:
            pass
        return Text("spun")

    def hold(self, argument: Text) -> Text:
        """Runs for ages without letting any other thread of the worker run; makes a file before."""
        note(argument.text, "held")
        re.match(r"(a+)+$", "a" * 60 + "b")
        return argument

    def crash(self, argument: Text) -> Text:
        os._exit(7)

    def talk(self, argument: Text) -> Text:
        print(argument.text)
        print(argument.text.upper(), file=sys.stderr)
        return argument

    def variable(self, argument: Text) -> str | None:
        return os.environ.get(argument.text)

    def child(self, argument: Text) -> int:
        return subprocess.Popen(["sleep", "600"]).pid

    def fork(self, argument: Text) -> int:
        pid = os.fork()
        if pid == 0:
            time.sleep(600)
        return pid

    def together(self, seconds: Number) -> int:
        """How many calls have run at once."""
        with self.lock:
            self.active += 1
            self.most_active = max(self.most_active, self.active)
        time.sleep(seconds.value)
        with self.lock:
            self.active -= 1
        return self.most_active

    def tells(self, source: Source) -> Iterator[Told | Kept]:
        """Tells of each number, and keeps each tenth; waits after half of them until `trace` is there."""
        for number in range(source.count):
            if number == source.count // 2:
                while source.trace and not os.path.exists(source.trace):
                    time.sleep(0.01)
            yield Told(number)
            if number % 10 == 9:
                yield Kept(number)
            time.sleep(source.pause_s)

    def chunks(self, source: Source) -> Iterator[Blob]:
        trace = os.open(source.trace, os.O_WRONLY | os.O_CREAT)
        try:
            for number in range(source.count):
                os.pwrite(trace, str(number + 1).encode(), 0)
                yield Blob(number.to_bytes(4, "big") + b"x" * (source.size - 4))
                if source.pause_s:
                    time.sleep(source.pause_s)
        except GeneratorExit:
            note(source.trace + ".end", "closed")
            raise
        finally:
            os.close(trace)
            note(source.trace + ".end", "ended")

    def fail_late(self, argument: Text) -> Iterator[Text]:
        yield argument
        yield argument
        raise ValueError("the secret of " + argument.text)

    def spin_late(self, argument: Number) -> Iterator[Text]:
        yield Text("first")
        yield self.spin(argument)


@function(concurrency=1)
class Serial:
    """One call at a time."""

    def trace(self, source: Source) -> Text:
        note(source.trace, str(source.count))
        time.sleep(source.pause_s)
        return Text()


@function(keep_warm_s=0.2)
class ShortLived:
    """Ended soon after its last call."""

    def pid(self, argument: Text) -> int:
        return os.getpid()


@function()
class BrokenLoad:
    """Cannot be loaded while the file that the environment names is there."""

    def load(self) -> None:
        path = os.environ["SAMPLE_TRACE"]
        note(path, "load")
        if os.path.exists(path + ".broken"):
            raise RuntimeError("no weights")

    def echo(self, argument: Text) -> Text:
        return argument


@function(memory_gib=0.2)
class GreedyLoad:
    """Needs more memory to load than it may use."""

    def load(self) -> None:
        self.kept = b"\1" * (400 << 20)
        time.sleep(10)

    def echo(self, argument: Text) -> Text:
        return argument


@function(requirements=("six==1.15.0",))
class NeedsSix:
    """Needs a version that the server's environment does not have."""

    def describe(self, argument: Text) -> list[str]:
        import six  # type: ignore[import-untyped]

        heavy = [name for name in ("litestar", "sqlalchemy") if _importable(name)]
        return [six.__version__, sys.prefix, *heavy]


@function(requirements=("six==1.16.0",))
class NeedsNewerSix:
    """Needs another version of the same library, as a second plugin may."""

    def describe(self, argument: Text) -> list[str]:
        import six  # type: ignore[import-untyped]

        return [six.__version__]


@function(requirements=("six==0.0.0",))
class Uninstallable:
    """Needs a version that does not exist."""

    def echo(self, argument: Text) -> Text:
        return argument


def _importable(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False
    return True


@function(requirements=("msgspec",), memory_gib=0.5, timeout_s=20.0, concurrency=2, isolated=True)
class Alone:
    """Has a machine of its own where machines are rented."""

    def where(self, text: Text) -> Text:
        """Whether it has one, its process, and the interfaces of its network."""
        interfaces = ",".join(name for _, name in socket.if_nameindex())
        print("what a body prints is no reply")
        return Text(f"{has_own_machine()} {os.getpid()} {interfaces} {text.text}")

    def reverse(self, blob: Blob) -> Blob:
        return Blob(blob.data[::-1])

    def count(self, number: Number) -> Iterator[Number]:
        """Each after a pause of so many seconds, without an end."""
        for counted in itertools.count():
            yield Number(counted)
            time.sleep(number.value)

    def refuse(self, text: Text) -> Text:
        raise FunctionError("ALONE_REFUSED", "Ask otherwise.")

    def fail(self, text: Text) -> Text:
        raise ValueError(f"the secret of {text.text}")

    def spin(self, number: Number) -> Text:
        time.sleep(number.value)
        return Text("slept")

    def end(self, number: Number) -> Text:
        """Ends its process, by a signal where the number is one."""
        os.kill(os.getpid(), int(number.value)) if number.value else os._exit(3)
        return Text()


@function(isolated=True)
class AloneBroken:
    """Cannot be loaded."""

    def load(self) -> None:
        raise RuntimeError("no weights here")

    def echo(self, text: Text) -> Text:
        return text
