"""Frames are cut right however the bytes arrive."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhook.compute import protocol


def feed(buffer: protocol.FrameBuffer, data: bytes, reads: list[int]) -> list[bytes]:
    frames: list[bytes] = []
    turn = 0
    while data:
        space = buffer.space()
        assert len(space) > 0
        size = min(reads[turn % len(reads)], len(space), len(data))
        turn += 1
        space[:size] = data[:size]
        data = data[size:]
        frames += buffer.received(size)
    return frames


@given(
    st.lists(st.integers(0, 3 * protocol.READ_BYTES), min_size=1, max_size=12),
    st.lists(st.sampled_from([1000, 4093, protocol.READ_BYTES, 1 << 20]), min_size=1, max_size=5),
)
def test_frames_come_out_as_they_went_in(sizes: list[int], reads: list[int]) -> None:
    messages = [protocol.Result(number, b"x" * size) for number, size in enumerate(sizes)]
    frames = feed(protocol.FrameBuffer(), b"".join(map(protocol.frame, messages)), reads)
    found = []
    for frame in frames:
        reply = protocol.reply_decoder.decode(frame)
        assert isinstance(reply, protocol.RawResult)
        found.append((reply.id, len(msgspec.msgpack.decode(reply.value))))
    assert found == list(enumerate(sizes))


def test_frames_are_cut_where_every_byte_arrives_alone() -> None:
    data = b"".join(protocol.frame(protocol.Result(number, "x" * number)) for number in range(50))
    assert len(feed(protocol.FrameBuffer(), data, [1])) == 50


def test_what_was_cut_is_not_overwritten_by_the_next_read() -> None:
    buffer = protocol.FrameBuffer()
    (first,) = feed(buffer, protocol.frame(protocol.Result(1, "first")), [100])
    reply = protocol.reply_decoder.decode(first)
    feed(buffer, protocol.frame(protocol.Result(2, "other")), [100])
    assert isinstance(reply, protocol.RawResult)
    assert msgspec.msgpack.decode(reply.value) == "first"


def test_a_frame_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "MAX_FRAME_BYTES", 100)
    with pytest.raises(protocol.Unencodable, match="more than"):
        protocol.frame(protocol.Result(1, "x" * 100))
