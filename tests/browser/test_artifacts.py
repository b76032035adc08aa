"""What a browser makes of artifacts: videos play from any place, pictures show, pages never run."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from tests.serving import Server

from .chromium import Chromium

SECONDS = 20
SEEK = """new Promise((resolve, reject) => {
  const video = document.createElement("video");
  video.preload = "metadata";
  video.muted = true;
  video.onerror = () => reject(new Error(video.error.message));
  video.onloadedmetadata = () => { video.currentTime = %d; };
  video.onseeked = () => resolve([Math.round(video.duration), video.currentTime, video.videoWidth]);
  video.src = "%s";
  document.body.append(video);
})"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("browser"))
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Twenty seconds of noise, more than a browser loads before it has to."""
    path: Path = tmp_path_factory.mktemp("video") / "noise.mp4"
    noise = np.random.default_rng(1)
    options = {"movflags": "+faststart", "preset": "ultrafast", "crf": "20"}
    with av.open(path, "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=12, options=options)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for _ in range(12 * SECONDS):
            pixels = noise.integers(0, 255, (240, 320, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


def link(server: Server, content: bytes, name: str, media_type: str = "") -> str:
    """The link to an uploaded content."""
    headers = {"Content-Type": media_type} if media_type else {}
    with server.client() as client:
        response = client.post("/artifacts", params={"name": name}, content=content, headers=headers)
        return response.json()["url"]  # type: ignore[no-any-return]


def test_a_video_in_a_page_can_be_sought(server: Server, chromium: Chromium, video: bytes) -> None:
    assert len(video) > 8_000_000
    chromium.open(f"http://localhost:{server.port}/health/live")  # a page of another origin
    for second in (SECONDS - 2, 3):
        duration, reached, width = chromium.run(SEEK % (second, link(server, video, f"{second}.mp4")))
        assert (duration, reached, width) == (SECONDS, second, 320)


def test_a_video_and_a_picture_show_when_their_links_are_opened(
    server: Server, chromium: Chromium, video: bytes
) -> None:
    chromium.open(link(server, video, "noise.mp4"))
    chromium.wait("document.querySelector('video').readyState > 0")
    chromium.run("document.querySelector('video').currentTime = 15")
    chromium.wait("!document.querySelector('video').seeking")
    assert chromium.run("document.querySelector('video').readyState") >= 2
    picture = io.BytesIO()
    Image.new("RGB", (320, 240), "teal").save(picture, "PNG")
    chromium.open(link(server, picture.getvalue(), "teal.png"))
    assert chromium.run("document.images[0].naturalWidth") == 320


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("a.html", "text/html", b"<!doctype html><title>ran</title><script>document.title = 'ran'</script>"),
        ("a.svg", "image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"><title>ran</title></svg>'),
        ("a.xml", "text/xml", b'<a xmlns:h="http://www.w3.org/1999/xhtml"><h:title>ran</h:title></a>'),
    ],
)
def test_what_can_carry_a_script_is_downloaded(
    server: Server, chromium: Chromium, name: str, media_type: str, content: bytes
) -> None:
    chromium.open("about:blank")
    chromium.open(link(server, content, name, media_type))
    assert chromium.run("[location.href, document.title]") == ["about:blank", ""]


def test_text_is_shown_as_text(server: Server, chromium: Chromium) -> None:
    chromium.open(link(server, "<b>Grüße</b>".encode(), "a.txt", "text/plain"))
    assert chromium.run("document.body.innerText") == "<b>Grüße</b>"
    assert chromium.run("document.contentType") == "text/plain"
