"""The jobs that make pictures. Each picture is a step, so that a crash loses one picture at most."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from skyhook.plugin import JobRun, Provenance, node_id
from skyhook_functions.imagine.image_model import ImageModel
from skyhook_functions.imagine.messages import Image, ImageRequest, UpscaleRequest
from skyhook_functions.imagine.picture_tools import Pictures as PictureTools
from skyhook_imagine.following import Part, follow
from skyhook_imagine.meters import IMAGES, UPSCALES
from skyhook_imagine.requests import Edit, Generate, Picture, Pictures, Upscale

RESAMPLING = "Lanczos resampling"
"""What a picture that no model enlarged names as its maker."""


async def generate(run: JobRun, request: Generate) -> Pictures:
    """Pictures from a prompt."""
    return Pictures([await _picture(run, request, index) for index in range(request.count)])


async def edit(run: JobRun, request: Edit) -> Pictures:
    """Pictures from a picture."""
    return Pictures([await _picture(run, request, index) for index in range(request.count)])


async def upscale(run: JobRun, request: Upscale) -> Pictures:
    """A picture enlarged."""
    model = run.model

    async def body() -> Picture:
        picture = await read(run, request.image)
        asked = UpscaleRequest(
            picture=picture,
            factor=request.factor,
            model=model.location if model else None,
            prompt=request.prompt,
            seed=request.seed,
        )
        method = ImageModel.upscale if model else PictureTools.resample
        part = Part.of("Enlarging", 0, 1)
        return await _made(run, part, method, asked, name="enlarged.png", parent=picture, meter=UPSCALES)

    return Pictures([await run.step("enlarge", Picture, body)])


async def read(run: JobRun, artifact_id: UUID) -> bytes:
    """The content of an artifact that the job works on. Raises NotFound and ArtifactGone."""
    return await run.artifacts.read(await run.load(artifact_id))


async def _picture(run: JobRun, request: Generate, index: int) -> Picture:
    assert run.model is not None  # every request for pictures is admitted with one
    model = run.model

    async def body() -> Picture:
        editing = request if isinstance(request, Edit) else None
        init = await read(run, editing.image) if editing else None
        asked = ImageRequest(
            model=model.location,
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            width=request.width,
            height=request.height,
            seed=request.seed + index,
            steps=request.steps,
            guidance=request.guidance,
            init=init,
            mask=await read(run, editing.mask) if editing and editing.mask else None,
            instruction=editing is not None and editing.instruction,
            strength=editing.strength if editing else None,
        )
        part = Part.of("Picture", index, request.count)
        return await _made(
            run, part, ImageModel.generate, asked, name=f"picture-{index + 1}.png", parent=init, meter=IMAGES
        )

    return await run.step(f"picture {index + 1}", Picture, body)


async def _made(
    run: JobRun,
    part: Part,
    method: Callable[[Any, Any], Iterator[Any]],
    asked: ImageRequest | UpscaleRequest,
    *,
    name: str,
    parent: bytes | None,
    meter: str,
) -> Picture:
    """Makes one picture, signs and stores it."""
    image = await follow(run, part, method, asked, Image)
    provenance = Provenance(
        operation=run.operation,
        model=run.model.name if run.model else RESAMPLING,
        job_id=run.job_id,
        parent=parent,
        is_trained=run.model is not None,
    )
    content = await run.notary.sign(image.content, provenance)
    stored = await run.store(content, name=name, key=name, media_type="image/png")
    run.meter(meter, 1)
    return Picture(
        artifact=node_id("Artifact", stored.id),
        width=image.width,
        height=image.height,
        seed=image.seed,
        method=image.method,
    )
