"""What an operation made says so itself: other readers believe it, and a change is noticed."""

from __future__ import annotations

import io
import json
import os
import stat
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import c2pa
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from skyhook.artifacts.certificate import Certificate
from skyhook.artifacts.errors import ProvenanceFailed
from skyhook.artifacts.provenance import FORMATS, GENERATED, Notary, Provenance
from skyhook.cli import main
from skyhook.clock import new_id
from skyhook.configuration import Configuration

MADE = Provenance("imagineGenerate", "skyhook-scenes", job_id=new_id())


def picture(kind: str) -> Callable[[], bytes]:
    def make() -> bytes:
        pixels = np.random.default_rng(1).integers(0, 255, (48, 64, 3), dtype=np.uint8)
        target = io.BytesIO()
        Image.fromarray(pixels).save(target, kind)
        return target.getvalue()

    return make


def video() -> bytes:
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(48):
            pixels = np.full((48, 64, 3), number * 5, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return target.getvalue()


def sound() -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(range(200)) * 80)
    return target.getvalue()


def decoded(media_type: str, content: bytes) -> Any:
    """The pixels or samples of a file."""
    if media_type.startswith("image/"):
        return np.asarray(Image.open(io.BytesIO(content))).tobytes()
    if media_type == "audio/wav":
        with wave.open(io.BytesIO(content)) as file:
            return file.readframes(file.getnframes())
    with av.open(io.BytesIO(content)) as container:
        return b"".join(frame.to_ndarray().tobytes() for frame in container.decode(video=0))


MAKERS = {
    "image/png": picture("PNG"),
    "image/jpeg": picture("JPEG"),
    "image/webp": picture("WEBP"),
    "video/mp4": video,
    "audio/wav": sound,
}
EVERY = pytest.mark.parametrize("media_type", MAKERS)


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return Configuration(tmp_path, 0, "127.0.0.1", "sqlite://")


@pytest.fixture
def notary(configuration: Configuration) -> Notary:
    return Notary(configuration)


def test_every_promised_format_is_tried() -> None:
    assert set(FORMATS.values()) == set(MAKERS)


@EVERY
async def test_a_signed_file_says_what_made_it_and_still_plays(notary: Notary, media_type: str) -> None:
    content = MAKERS[media_type]()
    signed = await notary.sign(content, MADE)
    assert decoded(media_type, signed) == decoded(media_type, content)
    said = await notary.read(signed)
    assert said is not None
    assert (said.holds, said.is_ours, said.is_generated, said.problems) == (True, True, True, ())
    assert (said.generator, said.operation, said.model) == ("Skyhook", MADE.operation, MADE.model)
    assert said.job_id == str(MADE.job_id)
    assert await notary.read(content) is None


@EVERY
async def test_another_reader_finds_it_valid(notary: Notary, media_type: str) -> None:
    signed = await notary.sign(MAKERS[media_type](), MADE)
    settings = c2pa.Settings.from_dict({"verify": {"verify_trust": False}})
    with (
        c2pa.Context(settings=settings) as context,
        c2pa.Reader(media_type, io.BytesIO(signed), context=context) as reader,
    ):
        assert reader.get_validation_state() == "Valid"
        assertions = json.loads(reader.json())["manifests"].popitem()[1]["assertions"]
    said = {assertion["label"]: assertion["data"] for assertion in assertions}
    (action,) = said["c2pa.actions.v2"]["actions"]
    assert (action["action"], action["digitalSourceType"]) == ("c2pa.created", GENERATED)


@EVERY
async def test_a_changed_byte_of_the_content_is_noticed(notary: Notary, media_type: str) -> None:
    content = MAKERS[media_type]()
    signed = bytearray(await notary.sign(content, MADE))
    sample = content[len(content) // 2 :][:16]
    place = signed.rindex(sample)
    signed[place] ^= 1
    said = await notary.read(bytes(signed))
    assert said is not None
    assert not said.holds
    assert said.problems


async def test_an_edit_names_its_parent_and_keeps_what_that_said(notary: Notary) -> None:
    parent = await notary.sign(MAKERS["image/png"](), MADE)
    edit = replace(MADE, operation="imagineEdit", parent=parent)
    signed = await notary.sign(MAKERS["image/jpeg"](), edit)
    said = await notary.read(signed)
    assert said is not None
    assert (said.holds, said.operation, said.parents) == (True, "imagineEdit", ("image/png",))
    assert b"imagineGenerate" in signed
    unsigned = await notary.read(await notary.sign(parent, replace(edit, parent=MAKERS["image/jpeg"]())))
    assert unsigned is not None
    assert unsigned.parents == ("image/jpeg",)


async def test_a_file_is_signed_in_its_place(notary: Notary, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(video())
    assert await notary.sign(path, MADE) == path
    said = await notary.read(path)
    assert said is not None
    assert said.holds
    assert sorted(os.listdir(tmp_path)) == ["a.mp4", "provenance"]


@pytest.mark.parametrize("content", [b"text", b"", b"\x89PNG\r\n\x1a\nbroken", b"GIF89a" + bytes(20)])
async def test_what_cannot_carry_a_statement_is_refused(
    notary: Notary, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    for file in (content, path):
        with pytest.raises(ProvenanceFailed):
            await notary.sign(file, MADE)
    assert path.read_bytes() == content


async def test_another_instances_signature_holds_but_is_not_ours(notary: Notary, tmp_path: Path) -> None:
    other = Notary(Configuration(tmp_path / "other", 0, "127.0.0.1", "sqlite://"))
    said = await notary.read(await other.sign(MAKERS["image/png"](), MADE))
    assert said is not None
    assert (said.holds, said.is_ours) == (True, False)


def test_the_certificate_is_made_once_and_private(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: Certificate.of_instance(tmp_path / "p"), range(16)))
    assert len(made) == 1
    (file,) = (tmp_path / "p").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_the_operators_own_certificate_is_used(configuration: Configuration, tmp_path: Path) -> None:
    Certificate.of_instance(tmp_path)
    pem = tmp_path / "signer.pem"
    own = Notary(replace(configuration, provenance_certificate=pem, provenance_key=pem))
    said = await own.read(await own.sign(MAKERS["image/png"](), MADE))
    assert said is not None
    assert said.is_ours
    assert not (tmp_path / "provenance").exists()
    pem.write_text("nonsense")
    for settings in (
        {"provenance_certificate": pem, "provenance_key": pem},
        {"provenance_certificate": pem},
        {"provenance_key": tmp_path / "nothing"},
    ):
        with pytest.raises(ValueError, match="SKYHOOK_PROVENANCE_CERTIFICATE"):
            Notary(replace(configuration, **settings))


def test_the_command_prints_what_a_file_says(
    notary: Notary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYHOOK_DATA", str(tmp_path))
    path = tmp_path / "a.png"
    path.write_bytes(notary._sign(MAKERS["image/png"](), replace(MADE, model="evil\x1b[2J")))
    done = CliRunner().invoke(main, ["artifacts", "verify", str(path)])
    assert done.exit_code == 0
    assert "signature:   holds" in done.output
    assert "(this instance)" in done.output
    assert "imagineGenerate" in done.output
    assert "\x1b" not in done.output
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    done = CliRunner().invoke(main, ["artifacts", "verify", str(path)])
    assert done.exit_code == 1
    assert "DOES NOT HOLD" in done.output
    path.write_bytes(MAKERS["image/png"]())
    done = CliRunner().invoke(main, ["artifacts", "verify", str(path)])
    assert (done.exit_code, "says nothing" in done.output) == (1, True)
