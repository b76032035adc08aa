"""Work in a thread that a stream watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from skyhook_functions.imagine import background
from skyhook_functions.imagine.background import Reporter, in_background
from skyhook_functions.imagine.messages import Progress


def close(stream: Iterator[Any]) -> None:
    assert isinstance(stream, Generator)
    stream.close()


def test_events_come_in_order_and_the_last_progress_again_while_nothing_happens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(background, "HEARTBEAT_S", 0.02)

    def work(reporter: Reporter[str]) -> None:
        time.sleep(0.1)
        reporter.send(Progress(1, 2, preview=b"seen"))
        time.sleep(0.1)
        reporter.send("done")

    events = list(in_background(work))
    seen = events.index(Progress(1, 2, preview=b"seen"))
    assert events[:seen] == [Progress(0, 0)] * seen
    assert events[seen + 1 : -1] == [Progress(1, 2)] * (len(events) - seen - 2)
    assert events[-1] == "done"
    assert len(events) > 4


def test_what_the_work_raises_comes_out_of_the_stream() -> None:
    def work(reporter: Reporter[str]) -> None:
        reporter.send("first")
        raise KeyError("lost")

    stream = in_background(work)
    assert next(stream) == "first"
    with pytest.raises(KeyError, match="lost"):
        next(stream)


def test_a_closed_stream_waits_until_the_work_has_ended() -> None:
    ended = threading.Event()

    def work(reporter: Reporter[str]) -> None:
        try:
            while True:
                reporter.send("more")
                time.sleep(0.05)
        finally:
            time.sleep(0.05)
            ended.set()

    stream = in_background(work)
    next(stream)
    close(stream)
    assert ended.is_set()
