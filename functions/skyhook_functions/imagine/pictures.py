"""Reads pictures that users send, which may be anything, and writes those that are given back.

Only a worker may call `read`: a decoder is the part of a server that is broken most often.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from skyhook.function import FunctionError

if TYPE_CHECKING:
    from PIL.Image import Image

MIB = 1 << 20
MOST_BYTES = 32 * MIB
"""The largest file that is read."""
MOST_PIXELS = 50_000_000
"""The largest picture that is decoded: what a phone's camera makes, 200 MB once decoded."""
FORMATS = ("PNG", "JPEG", "WEBP")
JPEG_QUALITY = 80
DEEP_GREYS = ("I", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of grey pictures with 16 bits; it makes 8 bits of the colours by itself."""
PROPORTIONS_DIFFER = 0.02


def read(content: bytes) -> Image:
    """A user's picture: RGB, or RGBA where it has transparent parts; upright as its EXIF data tells.

    Raises PICTURE_INVALID for what is no whole, single PNG, JPEG or WebP, and PICTURE_TOO_LARGE.
    """
    import PIL.Image
    import PIL.ImageOps

    if len(content) > MOST_BYTES:
        raise _too_large(f"It has {len(content) / MIB:.1f} MiB; send one of at most {MOST_BYTES // MIB} MiB.")
    if not _is_known(content):
        raise _invalid("It is no PNG, JPEG or WebP; send one of these.")
    try:
        with PIL.Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            _require_decodable(opened)  # before anything is decoded
            opened.load()
            return _in_eight_bits(PIL.ImageOps.exif_transpose(opened))
    except (FunctionError, MemoryError):
        raise
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise _too_large(f"It has more than the {MOST_PIXELS // 10**6} megapixels that are taken.") from error
    except Exception as error:  # whatever broken bytes make a decoder raise
        raise _invalid("It is damaged or cut off; send the whole file again.") from error


def read_mask(content: bytes, like: Image) -> Image:
    """A mask for a picture, in greys and of its size: white is what changes.

    In a mask with transparent parts, these are what changes. Raises PICTURE_INVALID, also where it has other
    proportions than the picture, and PICTURE_TOO_LARGE.
    """
    import PIL.Image
    import PIL.ImageOps

    mask = read(content)
    ratio = (mask.width * like.height) / (mask.height * like.width)
    if abs(ratio - 1) > PROPORTIONS_DIFFER:
        raise _invalid(
            f"The mask is {mask.width}x{mask.height} and the picture {like.width}x{like.height}; give the "
            "mask the picture's proportions."
        )
    greys = PIL.ImageOps.invert(mask.getchannel("A")) if mask.mode == "RGBA" else mask.convert("L")
    return greys.resize(like.size, PIL.Image.Resampling.BILINEAR)


def on_white(picture: Image) -> Image:
    """The picture in RGB, on white where it is transparent."""
    import PIL.Image

    if picture.mode != "RGBA":
        return picture.convert("RGB")
    ground = PIL.Image.new("RGB", picture.size, "white")
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def fitted(picture: Image, width: int, height: int) -> Image:
    """The picture scaled to fill a size, and cropped around its middle."""
    import PIL.Image
    import PIL.ImageOps

    if picture.size == (width, height):
        return picture
    return PIL.ImageOps.fit(picture, (width, height), PIL.Image.Resampling.LANCZOS)


def enlarged(picture: Image, factor: int) -> Image:
    """The picture at `factor` times its size: Lanczos resampling and a mild unsharp mask."""
    import PIL.Image
    import PIL.ImageFilter

    size = (picture.width * factor, picture.height * factor)
    larger = picture.resize(size, PIL.Image.Resampling.LANCZOS)
    sharper = larger.filter(PIL.ImageFilter.UnsharpMask(radius=factor / 2, percent=60, threshold=2))
    if larger.mode == "RGBA":
        sharper.putalpha(larger.getchannel("A"))
    return sharper


def png(picture: Image) -> bytes:
    """The picture as a PNG without metadata; the same pixels give the same bytes."""
    buffer = io.BytesIO()
    picture.info = {}
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def small_jpeg(picture: Image, side: int) -> bytes:
    """The picture as a JPEG no longer than `side` pixels on any side."""
    small = on_white(picture)
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _is_known(content: bytes) -> bool:
    webp = content[:4] == b"RIFF" and content[8:12] == b"WEBP"
    return webp or content.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))


def _require_decodable(opened: Image) -> None:
    pixels = opened.width * opened.height
    if pixels > MOST_PIXELS:
        raise _too_large(
            f"It has {pixels / 1e6:.0f} megapixels; send one of at most {MOST_PIXELS // 10**6} megapixels."
        )
    # A JPEG may hold several pictures as well, such as a phone's depth map: the first one is meant.
    if opened.format in ("PNG", "WEBP") and getattr(opened, "n_frames", 1) > 1:
        raise _invalid("It is animated; send a single picture.")


def _in_eight_bits(picture: Image) -> Image:
    import numpy
    import PIL.Image

    if picture.mode in DEEP_GREYS:
        greys = numpy.asarray(picture).astype(numpy.int64).clip(0, 0xFFFF) >> 8
        return PIL.Image.fromarray(greys.astype(numpy.uint8)).convert("RGB")
    if picture.has_transparency_data:
        clear = picture.convert("RGBA")
        if clear.getchannel("A").getextrema()[0] != 255:
            return clear
    return picture.convert("RGB")


def _invalid(reason: str) -> FunctionError:
    return FunctionError("PICTURE_INVALID", f"The picture cannot be read. {reason}")


def _too_large(reason: str) -> FunctionError:
    return FunctionError("PICTURE_TOO_LARGE", f"The picture is too large. {reason}")
