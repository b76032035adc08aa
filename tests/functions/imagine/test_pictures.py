"""What users may send as a picture, and what becomes of it."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests.functions.imagine.drawn import decoded, difference, encoded, picture
from tests.functions.imagine.refusals import refused

from skyhook.function import FunctionError
from skyhook_functions.imagine import messages, pictures
from skyhook_functions.imagine.picture_tools import Pictures


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and has next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 64))
        + chunk(b"IEND", b"")
    )


def rotated() -> bytes:
    """The picture as a phone stores it: lying on its side, with EXIF data that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture().rotate(90, expand=True), "JPEG", exif=exif, quality=95)


def deep_grey() -> bytes:
    steps = np.linspace(0, 65535, 96 * 64).reshape(64, 96).astype(np.uint16)
    return encoded(Image.fromarray(steps))


def animated(kind: str) -> bytes:
    other = picture().transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return encoded(picture(), kind, save_all=True, append_images=[other])


def clear_palette() -> bytes:
    paletted = Image.new("P", (96, 64), 1)
    paletted.putpalette([255, 0, 0, 0, 0, 255])
    paletted.paste(0, (0, 0, 48, 64))
    return encoded(paletted, transparency=0)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_each_format_is_read(kind: str) -> None:
    content = encoded(picture(), kind, **({} if kind == "PNG" else {"quality": 95}))
    read = pictures.read(content)
    assert (read.mode, read.size) == ("RGB", (96, 64))
    assert difference(read, picture()) < (0.01 if kind == "PNG" else 6)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (rotated(), lambda: np.asarray(picture())),
        (encoded(picture().convert("CMYK"), "JPEG", quality=95), lambda: np.asarray(picture())),
        (encoded(picture().convert("L")), lambda: np.asarray(picture().convert("L").convert("RGB"))),
        (encoded(picture().convert("1")), lambda: np.asarray(picture().convert("1").convert("RGB"))),
        (deep_grey(), lambda: np.repeat(np.linspace(0, 255, 96 * 64).reshape(64, 96, 1), 3, axis=2)),
    ],
    ids=["rotated", "cmyk", "grey", "bits", "16 bits"],
)
def test_every_kind_becomes_upright_rgb(content: bytes, expected: Callable[[], object]) -> None:
    read = pictures.read(content)
    assert (read.mode, read.size) == ("RGB", (96, 64))
    assert difference(read, expected()) < 6


def test_transparent_parts_are_kept_and_lie_on_white() -> None:
    for content in (clear_palette(), encoded(Image.new("RGBA", (96, 64), (9, 9, 9, 0)))):
        read = pictures.read(content)
        assert read.mode == "RGBA"
        assert pictures.on_white(read).getpixel((10, 10)) == (255, 255, 255)
    opaque = picture().convert("RGBA")
    assert pictures.read(encoded(opaque)).mode == "RGB"


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "no PNG, JPEG or WebP"),
        (encoded(picture(), "GIF"), "no PNG, JPEG or WebP"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no PNG, JPEG or WebP"),
        (encoded(picture())[:200], "damaged or cut off"),
        (encoded(picture(), "JPEG")[:600], "damaged or cut off"),
        (encoded(picture(), "WEBP")[:100], "damaged or cut off"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "damaged or cut off"),
        (b"\xff\xd8\xff" + b"\xff" * 100, "damaged or cut off"),
        (b"RIFF\x10\0\0\0WEBPVP8 " + b"\0" * 100, "damaged or cut off"),
        (animated("PNG"), "animated"),
        (animated("WEBP"), "animated"),
    ],
)
def test_what_is_no_picture_is_refused(content: bytes, match: str) -> None:
    with refused("PICTURE_INVALID", match):
        pictures.read(content)


def test_no_damage_of_a_file_gives_anything_but_a_picture_or_a_typed_error() -> None:
    dice = np.random.default_rng(1)
    codes: set[str] = set()
    for kind in ("PNG", "JPEG", "WEBP"):
        content = np.frombuffer(encoded(picture(), kind), np.uint8)
        for _ in range(60):
            broken = content.copy()
            broken[dice.integers(0, len(broken), 4)] = dice.integers(0, 256, 4)
            try:
                pictures.read(broken.tobytes())
            except FunctionError as error:
                codes.add(error.code)
    assert codes <= {"PICTURE_INVALID", "PICTURE_TOO_LARGE"}


@pytest.mark.parametrize("size", [(60_000, 60_000), (10_000, 10_000), (7_500, 7_500), (2**31 - 1, 1)])
def test_a_bomb_is_refused_before_it_is_decoded(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    with refused("PICTURE_TOO_LARGE", "megapixels"):
        pictures.read(png_header(*size))


def test_a_file_of_too_many_bytes_is_refused() -> None:
    with refused("PICTURE_TOO_LARGE", "32 MiB"):
        pictures.read(encoded(picture()) + b"\0" * pictures.MOST_BYTES)


def test_a_mask_is_white_or_transparent_where_the_picture_changes() -> None:
    white = Image.new("L", (48, 32))
    ImageDraw.Draw(white).rectangle((0, 0, 23, 31), fill=255)
    clear = Image.new("RGBA", (48, 32), (200, 10, 10, 255))
    ImageDraw.Draw(clear).rectangle((0, 0, 23, 31), fill=(0, 0, 0, 0))
    for image in (white, clear):
        mask = pictures.read_mask(encoded(image), picture())
        assert (mask.mode, mask.size) == ("L", (96, 64))
        assert (mask.getpixel((5, 5)), mask.getpixel((90, 5))) == (255, 0)
    with refused("PICTURE_INVALID", "proportions"):
        pictures.read_mask(encoded(white), Image.new("RGB", (64, 64)))


def test_a_picture_is_made_safe_to_store_and_show() -> None:
    exif = Image.Exif()
    exif[0x8825] = {1: "N"}  # where it was taken
    content = encoded(picture(300, 200), "JPEG", exif=exif)
    result = Pictures().read(messages.PictureRequest(content, largest_side=150, thumbnail_side=60))
    stored = Image.open(io.BytesIO(result.content))
    assert (stored.format, stored.size, stored.info) == ("PNG", (150, 100), {})
    assert (result.width, result.height) == (150, 100)
    thumbnail = Image.open(io.BytesIO(result.thumbnail))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (60, 40))


@pytest.mark.parametrize("factor", [2, 4])
def test_resampling_says_that_it_is_no_model(factor: int) -> None:
    request = messages.UpscaleRequest(encoded(picture()), factor=factor)
    first, second, image = Pictures().resample(request)
    assert (first, second) == (messages.Progress(0, 1), messages.Progress(1, 1))
    assert isinstance(image, messages.Image)
    assert (image.method, image.width, image.height) == ("resample", 96 * factor, 64 * factor)
    back = Image.open(io.BytesIO(image.content)).resize((96, 64), Image.Resampling.BOX)
    assert difference(back, picture()) < 3
    assert difference(decoded(image.content), picture().resize((96 * factor, 64 * factor))) < 6


def test_a_result_that_would_be_too_large_is_refused() -> None:
    large = encoded(Image.new("L", (4000, 3000)))
    for request in (messages.UpscaleRequest(large, factor=4), messages.UpscaleRequest(large, factor=3)):
        with refused("REQUEST_INVALID"):
            list(Pictures().resample(request))
