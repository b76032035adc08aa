"""Video files: encoding segments, joining them without encoding again, and pictures of them. Without torch.

All files are MP4 with one track: VP9, yuv420p in BT.709 of limited range, a constant frame rate, a key frame
first and at least every two seconds, and no frame that refers to one before the last key frame. So segments
of one size and rate follow each other in one file as they are.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

from skyhook.function import FunctionError

if TYPE_CHECKING:
    import PIL.Image
    from av.container import InputContainer, OutputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy import uint8
    from numpy.typing import NDArray

    Frame: TypeAlias = NDArray[uint8]
    """A frame [height, width, 3], RGB."""

# VP9: free to use, in libvpx, and played by Chromium, Firefox and, since version 14, Safari on most devices.
# SVT-AV1 encodes faster at the same quality, but Safari plays AV1 only on newer devices that decode it in
# hardware. libx264 is GPL.
CODEC = "libvpx-vp9"
ENCODER = {
    "deadline": "good",
    "cpu-used": "4",  # two steps slower saves 3 % of the size, realtime takes 80 % more
    "crf": "30",
    "b": "0",  # by quality alone
    "row-mt": "0",
}
KEY_FRAME_EVERY_S = 2
MUXER = {"fflags": "+bitexact", "use_editlist": "0"}
FASTSTART = {"movflags": "+faststart"}
MOST_THUMBNAILS = 60


@dataclass(frozen=True, slots=True)
class Probe:
    """What a video file is."""

    duration_s: float
    width: int
    height: int
    fps: float
    frames: int


def encode(frames: Iterable[Frame], fps: int) -> bytes:
    """The MP4 of some frames of one size; the same frames give the same bytes.

    Raises ValueError where there is no frame, or a side is odd.
    """
    import av

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "segment.mp4")  # a file, since faststart has to read what it wrote
        with av.open(str(path), "w", format="mp4", options=MUXER | FASTSTART) as container:
            stream = None
            for array in frames:
                height, width = array.shape[:2]
                stream = stream or _encoder(container, width, height, fps)
                if (stream.width, stream.height) != (width, height) or width % 2 or height % 2:
                    raise ValueError(f"a frame is {width}x{height}: all have the same even sides")
                frame = av.VideoFrame.from_ndarray(array, format="rgb24")
                frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
                container.mux(stream.encode(frame))
            if stream is None:
                raise ValueError("there are no frames")
            container.mux(stream.encode(None))
        return path.read_bytes()


def join(paths: Sequence[Path], out: Path, *, faststart: bool = True) -> Probe:
    """Writes one video of several, in constant memory and without encoding again.

    Videos that were joined can be joined again. `out` appears whole or not at all. With `faststart` a browser
    can play it before it has all of it, at the price of writing it twice. Raises VIDEO_INVALID, and
    VIDEO_MISMATCH where the videos differ in size, rate or codec; ValueError where there are none.
    """
    if not paths:
        raise ValueError("there is nothing to join")
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        frames = _remux(paths, partial, MUXER | (FASTSTART if faststart else {}))
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    whole = probe(out)
    if whole.frames != frames:
        raise ValueError(f"{out} has {whole.frames} frames and not {frames}")
    return whole


def probe(path: Path) -> Probe:
    """What a video file is. Raises VIDEO_INVALID."""
    with _opened(path) as (_, track):
        fps = _fps(track)
        return Probe(float(track.frames / fps), track.width, track.height, float(fps), track.frames)


def last_frames(path: Path, count: int) -> list[bytes]:
    """The last frames as PNGs, oldest first; fewer where the video has fewer. Raises VIDEO_INVALID."""
    with _opened(path) as (container, track):
        frames = _frames_from(container, track, max(0, track.frames - count))
        return [_png(_picture(frame)) for frame in deque(frames, maxlen=count)]


def poster(path: Path, at_s: float = 0.0) -> bytes:
    """The frame shown at a time, as a PNG; the last one after the end. Raises VIDEO_INVALID."""
    with _opened(path) as (container, track):
        return _png(_picture(_frame_at(container, track, int(at_s * _fps(track)))))


def preview_strip(path: Path, count: int = 10, height: int = 90) -> bytes:
    """A JPEG of `count` thumbnails side by side, evenly spread over the video; `height` is in pixels.

    Raises VIDEO_INVALID, and ValueError where `count` is not of 1 to 60.
    """
    import PIL.Image

    if not 1 <= count <= MOST_THUMBNAILS:
        raise ValueError(f"a strip has 1 to {MOST_THUMBNAILS} thumbnails, not {count}")
    with _opened(path) as (container, track):
        width = max(1, round(track.width * height / track.height))
        strip = PIL.Image.new("RGB", (count * width, height))
        for place in range(count):
            frame = _frame_at(container, track, (2 * place + 1) * track.frames // (2 * count))
            thumbnail = _picture(frame).resize((width, height), PIL.Image.Resampling.LANCZOS)
            strip.paste(thumbnail, (place * width, 0))
    buffer = io.BytesIO()
    strip.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _encoder(container: OutputContainer, width: int, height: int, fps: int) -> VideoStream:
    from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

    stream = cast("VideoStream", container.add_stream(CODEC, rate=fps, options=dict(ENCODER)))
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.thread_count = 1  # so that the bytes do not depend on the machine's cores
    context = stream.codec_context
    context.gop_size = KEY_FRAME_EVERY_S * fps
    context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
    context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
    return stream


def _remux(paths: Sequence[Path], out: Path, options: dict[str, str]) -> int:
    """Copies the packets of all videos into one file; returns how many frames it has."""
    import av

    frames, offset, first, stream = 0, 0, None, None
    with av.open(str(out), "w", format="mp4", options=options) as target:
        for path in paths:
            with _opened(path) as (source, track):
                parameters = _parameters(track)
                if stream is None:
                    first, stream = parameters, target.add_stream_from_template(track)
                elif parameters != first:
                    raise FunctionError(
                        "VIDEO_MISMATCH",
                        f"{path.name} is {parameters} and cannot be joined to a video that is {first}.",
                    )
                packets, end = 0, offset
                for packet in source.demux(track):
                    if packet.dts is None or packet.pts is None:  # the one that ends the stream
                        continue
                    packet.pts += offset
                    packet.dts += offset
                    end = packet.pts + (packet.duration or 0)
                    packet.stream = stream
                    target.mux_one(packet)
                    packets += 1
                if packets != track.frames:
                    raise _invalid(path, f"it has {packets} of its {track.frames} frames")
                frames, offset = frames + packets, end
    return frames


def _parameters(track: VideoStream) -> str:
    """What all videos of a join have in common."""
    return (
        f"{track.codec.name} {track.format.name} {track.width}x{track.height} at {_fps(track)} frames "
        f"a second in units of {track.time_base} s"
    )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A video file and its track. Raises VIDEO_INVALID, also for what goes wrong while it is read."""
    import av

    try:
        with av.open(str(path), format="mp4") as container:
            track = next(iter(container.streams.video), None)
            if track is None or not (track.frames and track.average_rate and track.time_base):
                raise _invalid(path, "it has no video track")
            yield container, track
    except av.FFmpegError as error:
        raise _invalid(path, str(error.strerror)) from error


def _fps(track: VideoStream) -> Fraction:
    assert track.average_rate is not None
    return track.average_rate


def _frame_at(container: InputContainer, track: VideoStream, index: int) -> VideoFrame:
    """A frame by its number from 0; the last one where there are fewer."""
    return next(_frames_from(container, track, min(max(index, 0), track.frames - 1)))


def _frames_from(container: InputContainer, track: VideoStream, index: int) -> Iterator[VideoFrame]:
    """The frames from one on, which is found from the key frame before it."""
    assert track.time_base is not None
    # Half a frame early, so that no rounding puts the wanted frame before its own time.
    begin = int((index - Fraction(1, 2)) / _fps(track) / track.time_base)
    container.seek(max(0, begin), stream=track, backward=True)
    found = False
    for frame in container.decode(track):
        if frame.pts is not None and frame.pts >= begin:
            found = True
            yield frame
    if not found:
        raise _invalid(Path(container.name), "its end is missing")


def _picture(frame: VideoFrame) -> PIL.Image.Image:
    import PIL.Image

    rgb = frame.reformat(format="rgb24", src_colorspace="ITU709", dst_color_range="JPEG")
    return PIL.Image.fromarray(rgb.to_ndarray())


def _png(picture: PIL.Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _invalid(path: Path, reason: str) -> FunctionError:
    return FunctionError("VIDEO_INVALID", f"The video {path.name} cannot be read: {reason}.")
