"""A function that does what a test asks: answer, fail, hang, eat memory, die."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Iterator

from msgspec import Struct

from skyhook.function import FunctionError, function


class Order(Struct):
    """What the function shall do."""

    behaviour: str
    text: str = ""
    count: int = 1
    pause_s: float = 0.0


class Word(Struct):
    """A part of an answer."""

    text: str


@function(memory_gib=0.5, concurrency=64, timeout_s=3.0)
class Probe:
    """Serves the tests; each call may be told to misbehave."""

    def answer(self, order: Order) -> Word:
        """One answer, or the misbehaviour that was ordered; `random` answers otherwise each time."""
        time.sleep(order.pause_s)
        misbehave(order.behaviour)
        if order.behaviour == "speak":
            print(f"the probe speaks: {order.text}", flush=True)
        return Word(secrets.token_hex(8) if order.behaviour == "random" else order.text)

    def words(self, order: Order) -> Iterator[Word]:
        """The text `count` times, one after the other; the misbehaviour comes after the first."""
        for number in range(order.count):
            if number == 1:
                misbehave(order.behaviour)
            yield Word(order.text)
            time.sleep(order.pause_s)


def misbehave(behaviour: str) -> None:
    """Does what the name says; `answer` is to do nothing."""
    match behaviour:
        case "raise":
            raise RuntimeError("a secret detail of the body")
        case "refuse":
            raise FunctionError("PROBE_REFUSED", "The probe refuses: ask for something else.")
        case "hang":
            time.sleep(3600)
        case "eat":
            eaten = []
            while True:
                eaten.append(bytearray(32 * 2**20))
                time.sleep(0.01)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
