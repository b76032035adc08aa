"""Pictures over real HTTP: made, watched, changed, enlarged, signed, charged, and refused."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import numpy
import PIL.Image
import pytest
from imagining import Studio
from tests.functions.imagine.drawn import encoded, picture

from skyhook.artifacts.provenance import Notary, Statement
from skyhook.configuration import Configuration

IMAGE = 1_000_000
UPSCALE = 500_000
SCENE: dict[str, Any] = {"prompt": "a red house", "model": "scenes", "width": 64, "height": 64}


def opened(content: bytes) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(content))


def statement(studio: Studio, content: bytes) -> Statement:
    """What a file says of itself."""
    notary = Notary(Configuration(data=studio.server.data, port=0, host="", database_url=""))
    said = asyncio.run(notary.read(content))
    assert said is not None
    return said


@pytest.fixture(scope="module")
def photo() -> bytes:
    return encoded(picture(64, 64))


def test_models_say_what_they_can_do(studio: Studio) -> None:
    query = "{ imagineModels { name source abilities { generate editMask video extend mostFrames } } }"
    models = {one["name"]: one for one in studio.server.graphql(query)["data"]["imagineModels"]}
    assert {"skyhook-scenes", "skyhook-scenes-video", "scenes", "films"} == models.keys()
    assert models["scenes"]["abilities"] == {
        "generate": True,
        "editMask": True,
        "video": False,
        "extend": False,
        "mostFrames": 0,
    }
    assert models["films"]["abilities"]["extend"]
    chat = studio.server.graphql("{ chatModels { name } }")["data"]["chatModels"]
    assert not {one["name"] for one in chat} & models.keys()


def test_pictures_are_made_watched_signed_and_charged(studio: Studio) -> None:
    before = studio.balance()
    job = studio.submit("imagineGenerate", **SCENE, count=2, seed=7)
    assert (job["state"], job["held"]) == ("QUEUED", str(2 * IMAGE))
    seen = list(studio.watch(job["id"]))
    last = seen[-1]
    assert last["state"] == "COMPLETED", last
    assert [one["progress"] for one in seen] == sorted(one["progress"] for one in seen)
    assert last["preview"] is None or last["preview"].startswith("data:image/jpeg;base64,")
    images = last["result"]["images"]
    assert [(one["seed"], one["width"], one["method"]) for one in images] == [
        (7, 64, "model"),
        (8, 64, "model"),
    ]
    assert [one["name"] for one in last["artifacts"]] == ["picture-1.png", "picture-2.png"]
    assert {one["id"] for one in last["artifacts"]} == {one["artifact"] for one in images}
    content = studio.download(images[0]["artifact"])
    assert opened(content).size == (64, 64)
    said = statement(studio, content)
    assert said.holds
    assert (said.operation, said.model, said.is_generated) == ("imagineGenerate", "scenes", True)
    assert before - studio.balance() == 2 * IMAGE
    assert last["cost"] == str(2 * IMAGE)


def test_the_same_seed_makes_the_same_pixels(studio: Studio) -> None:
    first, second = (studio.made("imagineGenerate", **SCENE, seed=seed)["images"][0] for seed in (5, 5))
    pixels = [numpy.asarray(opened(studio.download(one["artifact"]))) for one in (first, second)]
    assert numpy.array_equal(*pixels)


def test_a_retry_under_an_idempotency_key_is_the_same_job(studio: Studio) -> None:
    first, second = (studio.submit("imagineGenerate", **SCENE, idempotencyKey="picture-1") for _ in range(2))
    assert first["id"] == second["id"]
    studio.ended(first["id"])


def test_a_part_of_a_picture_is_repainted(studio: Studio, photo: bytes) -> None:
    mask = PIL.Image.new("L", (64, 64), 0)
    mask.paste(255, (0, 0, 32, 64))
    result = studio.made(
        "imagineEdit",
        image=studio.upload(photo, "photo.png"),
        mask=studio.upload(encoded(mask), "mask.png"),
        **SCENE,
    )
    content = studio.download(result["images"][0]["artifact"])
    now, before = (numpy.asarray(opened(one).convert("RGB")) for one in (content, photo))
    assert numpy.array_equal(now[:, 33:], before[:, 33:])
    assert not numpy.array_equal(now[:, :32], before[:, :32])
    said = statement(studio, content)
    assert (said.operation, said.parents) == ("imagineEdit", ("image/png",))


def test_what_was_made_is_changed_again(studio: Studio) -> None:
    made = studio.made("imagineGenerate", **SCENE)["images"][0]
    result = studio.made("imagineEdit", image=made["artifact"], strength=0.5, count=2, **SCENE)
    assert len(result["images"]) == 2


def test_a_picture_is_enlarged_without_a_model(studio: Studio, photo: bytes) -> None:
    before = studio.balance()
    result = studio.made("imagineUpscale", image=studio.upload(photo, "photo.png"), factor=4)
    (image,) = result["images"]
    assert (image["width"], image["method"]) == (256, "resample")
    content = studio.download(image["artifact"])
    assert opened(content).size == (256, 256)
    assert not statement(studio, content).is_generated
    assert before - studio.balance() == UPSCALE


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"prompt": "  "}, ("INVALID_INPUT", "prompt")),
        ({"prompt": "x" * 2001}, ("INVALID_INPUT", "prompt")),
        ({"prompt": "a  Forbidden   THING in a house"}, ("CONTENT_REFUSED", "prompt")),
        ({"negativePrompt": "x" * 2001}, ("INVALID_INPUT", "negativePrompt")),
        ({"model": "skyhook-small"}, ("MODEL_NOT_FOUND", "model")),
        ({"model": "films"}, ("MODEL_UNABLE", None)),
        ({"width": 63}, ("REQUEST_INVALID", None)),
        ({"width": 2048}, ("REQUEST_INVALID", None)),
        ({"height": None}, ("REQUEST_INVALID", None)),
        ({"count": 9}, ("INVALID_INPUT", "count")),
        ({"steps": 0}, ("INVALID_INPUT", "steps")),
        ({"guidance": -1}, ("INVALID_INPUT", "guidance")),
        ({"seed": -1}, ("INVALID_INPUT", "seed")),
    ],
)
def test_a_wrong_request_is_refused_before_anything_is_held(
    studio: Studio, changed: dict[str, Any], refusal: tuple[str, str | None]
) -> None:
    assert studio.refused("imagineGenerate", **SCENE | changed) == refusal


def test_a_wrong_artifact_is_refused(studio: Studio, photo: bytes) -> None:
    text = studio.upload(b"only text", "text.txt")
    image = studio.upload(photo, "photo.png")
    assert studio.refused("imagineEdit", image=text, **SCENE) == ("ARTIFACT_UNFIT", "image")
    assert studio.refused("imagineEdit", image=image, mask=text, **SCENE) == ("ARTIFACT_UNFIT", "mask")
    assert studio.refused("imagineEdit", image="QXJ0aWZhY3Q6MQ==", **SCENE) == ("INVALID_INPUT", "image")
    unknown = "QXJ0aWZhY3Q6MDE4ZjQ3ZDctMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw"
    assert studio.refused("imagineEdit", image=unknown, **SCENE) == ("NOT_FOUND", None)
    assert studio.refused("imagineEdit", image=image, instruction=True, **SCENE) == ("MODEL_UNABLE", None)
    assert studio.refused("imagineEdit", image=image, strength=0, **SCENE) == ("INVALID_INPUT", "strength")
    assert studio.refused("imagineUpscale", image=image, factor=3) == ("INVALID_INPUT", "factor")
    assert studio.refused("imagineUpscale", image=image, model="scenes") == ("MODEL_UNABLE", None)


def test_a_damaged_picture_fails_for_free(studio: Studio, photo: bytes) -> None:
    before = studio.balance()
    image = studio.upload(photo[: len(photo) // 2], "half.png")
    job = studio.ended(studio.submit("imagineEdit", image=image, **SCENE)["id"])
    assert (job["state"], job["error"]["code"]) == ("FAILED", "PICTURE_INVALID")
    assert studio.balance() == before
    assert job["cost"] == "0"
