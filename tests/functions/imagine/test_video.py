"""Video files: segments, what they are joined to, and the pictures that are made of them."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.functions.imagine.drawn import decoded, difference, frames
from tests.functions.imagine.refusals import refused

from skyhook_functions.imagine import video

FPS = 24


def segment(folder: Path, number: int, count: int = 6) -> Path:
    """Frames `number * count` to `(number + 1) * count` of the drawn video."""
    path = folder / f"{number}.mp4"
    path.write_bytes(video.encode(frames(count, first=number * count), FPS))
    return path


def test_the_same_frames_give_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    content = video.encode(frames(30), FPS)
    assert video.encode(frames(30), FPS) == content
    script = (
        "import sys; from tests.functions.imagine.drawn import frames; "
        "from skyhook_functions.imagine import video; "
        f"sys.stdout.buffer.write(video.encode(frames(30), {FPS}))"
    )
    again = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert again.stdout == content


def test_colours_survive_encoding(tmp_path: Path) -> None:
    path = segment(tmp_path, 0, 12)
    for wanted, got in zip(frames(12), video.last_frames(path, 12), strict=True):
        assert difference(wanted, decoded(got)) < 4


def test_what_cannot_be_encoded_is_refused() -> None:
    with pytest.raises(ValueError, match="no frames"):
        video.encode([], FPS)
    with pytest.raises(ValueError, match="even"):
        video.encode(frames(2, 63, 64), FPS)
    with pytest.raises(ValueError, match="same"):
        video.encode([*frames(1, 64, 64), *frames(1, 32, 64)], FPS)


def test_a_join_shows_every_frame_of_its_segments_once_and_can_be_joined_again(tmp_path: Path) -> None:
    paths = [segment(tmp_path, number) for number in range(5)]
    first = tmp_path / "first.mp4"
    assert video.join(paths[:3], first) == video.Probe(18 / FPS, 128, 72, FPS, 18)
    whole = tmp_path / "whole.mp4"
    assert video.join([first, *paths[3:]], whole).frames == 30
    for index, (wanted, got) in enumerate(zip(frames(30), video.last_frames(whole, 30), strict=True)):
        assert difference(wanted, decoded(got)) < 4, index
    assert sorted(path.name for path in tmp_path.glob("*.part")) == []


def test_every_frame_of_a_join_can_be_sought(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mp4"
    video.join([segment(tmp_path, number) for number in range(5)], whole)
    for index in (0, 1, 5, 6, 7, 17, 18, 29):
        wanted = next(frames(1, first=index))
        assert difference(wanted, decoded(video.poster(whole, (index + 0.5) / FPS))) < 4, index
    assert video.poster(whole, 1e6) == video.last_frames(whole, 1)[0]


def most_memory_of_a_join(paths: list[Path], out: Path) -> float:
    """The peak of a process that joins some videos and does nothing else, in MiB."""
    script = (
        "import pathlib; from skyhook_functions.imagine import video; "
        f"paths = map(pathlib.Path, {[str(path) for path in paths]}); "
        f"video.join(list(paths), pathlib.Path({str(out)!r})); "
        "print(pathlib.Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    done = subprocess.run([sys.executable, "-"], input=script, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def test_a_long_join_is_exact_and_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    paths = [segment(tmp_path, number, 24) for number in range(4)]
    short = most_memory_of_a_join(paths * 5, tmp_path / "short.mp4")
    long = most_memory_of_a_join(paths * 300, tmp_path / "long.mp4")
    whole = video.probe(tmp_path / "long.mp4")
    assert (whole.frames, whole.duration_s) == (28_800, 1200.0)
    assert long - short < 8
    assert len(video.last_frames(tmp_path / "long.mp4", 4)) == 4


def test_faststart_puts_the_index_first(tmp_path: Path) -> None:
    path = segment(tmp_path, 0)
    for faststart in (True, False):
        video.join([path, path], tmp_path / "out.mp4", faststart=faststart)
        content = (tmp_path / "out.mp4").read_bytes()
        assert (content.index(b"moov") < content.index(b"mdat")) is faststart


def test_a_segment_of_another_size_or_rate_is_not_joined(tmp_path: Path) -> None:
    path = segment(tmp_path, 0)
    other = tmp_path / "other.mp4"
    out = tmp_path / "out.mp4"
    for content in (video.encode(frames(4, 64, 64), FPS), video.encode(frames(4), 12)):
        other.write_bytes(content)
        with refused("VIDEO_MISMATCH"):
            video.join([path, other], out)
    assert not out.exists()
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.parametrize("damage", [b"", b"no video", b"cut", b"half"])
def test_a_broken_file_is_told(tmp_path: Path, damage: bytes) -> None:
    path = segment(tmp_path, 0, 30)
    whole = path.read_bytes()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes({b"cut": whole[:300], b"half": whole[: len(whole) * 2 // 3]}.get(damage, damage))
    with refused("VIDEO_INVALID"):
        video.join([path, broken], tmp_path / "out.mp4")
    with refused("VIDEO_INVALID"):
        video.last_frames(broken, 2)


def test_a_strip_shows_the_video_from_begin_to_end(tmp_path: Path) -> None:
    path = segment(tmp_path, 0, 24)
    strip = Image.open(io.BytesIO(video.preview_strip(path, count=4, height=36)))
    assert (strip.format, strip.size) == ("JPEG", (256, 36))
    drawn = list(frames(24))
    for place, index in enumerate((3, 9, 15, 21)):
        wanted = Image.fromarray(drawn[index]).resize((64, 36), Image.Resampling.LANCZOS)
        got = strip.convert("RGB").crop((place * 64, 0, place * 64 + 64, 36))
        assert difference(np.asarray(wanted), np.asarray(got)) < 8, place
    with pytest.raises(ValueError, match="1 to 60"):
        video.preview_strip(path, count=0)
