"""The plugin's GraphQL types and inputs."""

from __future__ import annotations

from pathlib import Path

import strawberry

from skyhook.plugin import BigInt, CatalogueModel, FunctionReported, GlobalID
from skyhook_functions.imagine.abilities import describe
from skyhook_functions.imagine.messages import Abilities
from skyhook_imagine.errors import functions_errors


@strawberry.type(description="What a model can do, and what it does where a request leaves that open.")
class ImagineAbilities:
    """A model's abilities."""

    kind: str = strawberry.field(description="The pipeline's class, or the type of a bundled model.")
    generate: bool = strawberry.field(description="Pictures from a prompt.")
    image_to_image: bool = strawberry.field(description="Pictures from a picture and a prompt.")
    edit_mask: bool = strawberry.field(description="Repaints the white part of a mask.")
    edit_instruction: bool = strawberry.field(description="Changes a picture as the prompt tells.")
    upscale_factors: list[int] = strawberry.field(description="By what it enlarges a picture.")
    video: bool = strawberry.field(description="Video from a prompt.")
    animate: bool = strawberry.field(description="Video that begins with a picture.")
    extend: bool = strawberry.field(description="Goes on with a video, so that any length can be made.")
    width: int = strawberry.field(description="What it makes where no size is asked for, in pixels.")
    height: int = strawberry.field(description="In pixels, where a request names none.")
    smallest_side: int = strawberry.field(description="Sides are multiples of 8 from here to largestSide.")
    largest_side: int = strawberry.field(description="The most pixels of width or height.")
    resamples: bool = strawberry.field(
        description="It makes its own size only, which is resampled to the one that is asked for."
    )
    steps: int = strawberry.field(description="The default number of steps.")
    guidance: float = strawberry.field(description="The default guidance; 0 where it has none.")
    negative_prompt: bool = strawberry.field(description="Whether a negative prompt has any effect.")
    most_frames: int = strawberry.field(description="The most frames of one segment; 0 without video.")
    fps: int = strawberry.field(description="The native frame rate; 0 without video.")

    @classmethod
    def of(cls, abilities: Abilities) -> ImagineAbilities:
        """The GraphQL form of what a function tells."""
        return cls(
            kind=abilities.kind,
            generate=abilities.generate,
            image_to_image=abilities.image_to_image,
            edit_mask=abilities.edit_mask,
            edit_instruction=abilities.edit_instruction,
            upscale_factors=abilities.upscale_factors,
            video=abilities.video,
            animate=abilities.animate,
            extend=abilities.extend,
            width=abilities.width,
            height=abilities.height,
            smallest_side=abilities.smallest_side,
            largest_side=abilities.largest_side,
            resamples=abilities.resamples,
            steps=abilities.steps,
            guidance=abilities.guidance,
            negative_prompt=abilities.negative_prompt,
            most_frames=abilities.most_frames,
            fps=abilities.fps,
        )


@strawberry.type(description="A model that makes pictures or video.")
class ImagineModel:
    """A model of the catalogue."""

    name: str = strawberry.field(description="What requests call it.")
    title: str = strawberry.field(description="What people call it.")
    source: str = strawberry.field(
        description="bundled (ships with Skyhook), trained (here) or hub (weights pulled once)."
    )
    tier: str = strawberry.field(description="small, medium or large.")
    description: str = strawberry.field(description="What it is good for.")
    abilities: ImagineAbilities | None = strawberry.field(
        description="Null where the model's files are missing or cannot be used."
    )

    @classmethod
    def of(cls, model: CatalogueModel) -> ImagineModel:
        """The GraphQL form of a model."""
        try:
            with functions_errors():
                abilities = ImagineAbilities.of(describe(Path(model.location)))
        except FunctionReported:
            abilities = None
        return cls(
            name=model.name,
            title=model.title,
            source=model.source,
            tier=model.tier,
            description=model.description,
            abilities=abilities,
        )


@strawberry.type(description="A picture of a live session.")
class ImagineLiveFrame:
    """A frame; the last event has none."""

    session_id: strawberry.ID = strawberry.field(description="What imagineLivePrompt takes.")
    index: int = strawberry.field(description="The frame's number from 0; in the last event, how many.")
    prompt: str = strawberry.field(description="What the frame was made of.")
    image: str | None = strawberry.field(description="A signed PNG as a data URI; null in the last event.")
    cost: BigInt | None = strawberry.field(description="Nano-dollars, in the last event only.")


@strawberry.input(description="How pictures and video are drawn.")
class _Sampling:
    """What inputs have in common; it is no type of the schema."""

    negative_prompt: str = strawberry.field(default="", description="What is not to be seen.")
    width: int | None = strawberry.field(
        default=None, description="In pixels, with height; default: the model's own or the picture's."
    )
    height: int | None = strawberry.field(default=None, description="In pixels, with width.")
    seed: BigInt | None = strawberry.field(
        default=None, description="The same seed and request make the same on the same machine."
    )
    steps: int | None = strawberry.field(default=None, description="1 to 200; default: the model's.")
    guidance: float | None = strawberry.field(
        default=None, description="How closely the prompt is followed, 0 to 50; default: the model's."
    )


@strawberry.input(description="Pictures from a prompt.")
class ImagineGenerateInput(_Sampling):
    """Of imagineGenerate."""

    prompt: str = strawberry.field(description="1 to 2000 characters.")
    model: str = strawberry.field(default="skyhook-scenes", description="One that imagineModels lists.")
    count: int = strawberry.field(default=1, description="1 to 8 pictures, each with the next seed.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same as the header Idempotency-Key, for transports without headers."
    )


@strawberry.input(
    description="Pictures from a picture: with a mask, with an instruction, or freely by its strength."
)
class ImagineEditInput(_Sampling):
    """Of imagineEdit."""

    image: GlobalID = strawberry.field(description="The artifact: a PNG, JPEG or WebP.")
    prompt: str = strawberry.field(description="1 to 2000 characters: what is to be seen, or to be changed.")
    mask: GlobalID | None = strawberry.field(
        default=None, description="An artifact: white, or transparent, is repainted; the rest stays exactly."
    )
    instruction: bool = strawberry.field(
        default=False, description="The prompt says what to change, such as: make it night."
    )
    strength: float | None = strawberry.field(
        default=None, description="How much is changed: 0 to 1; default 0.8, or 1 with a mask."
    )
    model: str = strawberry.field(default="skyhook-scenes", description="One that imagineModels lists.")
    count: int = strawberry.field(default=1, description="1 to 8 pictures, each with the next seed.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same as the header Idempotency-Key, for transports without headers."
    )


@strawberry.input(description="A picture enlarged.")
class ImagineUpscaleInput:
    """Of imagineUpscale."""

    image: GlobalID = strawberry.field(description="The artifact: a PNG, JPEG or WebP.")
    factor: int = strawberry.field(default=2, description="2 or 4.")
    model: str | None = strawberry.field(
        default=None, description="A model that enlarges; without one the picture is resampled plainly."
    )
    prompt: str | None = strawberry.field(default=None, description="What it shows, for some models.")
    seed: BigInt | None = strawberry.field(
        default=None, description="The same seed and request make the same picture."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same as the header Idempotency-Key, for transports without headers."
    )


@strawberry.input(description="How video is made.")
class _Filming(_Sampling):
    """What inputs of new video have in common; it is no type of the schema."""

    seconds: float | None = strawberry.field(
        default=None, description="Up to 1200 (20 minutes); default: 2. Give seconds or frames."
    )
    frames: int | None = strawberry.field(default=None, description="How many pictures it has.")
    fps: int | None = strawberry.field(default=None, description="1 to 60; default: the model's.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same as the header Idempotency-Key, for transports without headers."
    )
    model: str = strawberry.field(default="skyhook-scenes-video", description="One that imagineModels lists.")


@strawberry.input(description="Video from a prompt.")
class ImagineVideoInput(_Filming):
    """Of imagineVideo."""

    prompt: str = strawberry.field(description="1 to 2000 characters.")


@strawberry.input(description="Video that begins with a picture.")
class ImagineAnimateInput(_Filming):
    """Of imagineAnimate."""

    image: GlobalID = strawberry.field(description="The artifact: a PNG, JPEG or WebP.")
    prompt: str = strawberry.field(description="1 to 2000 characters: what happens.")


@strawberry.input(description="A video continued.")
class ImagineExtendInput:
    """Of imagineExtend."""

    video: GlobalID = strawberry.field(description="The artifact: a video that this plugin has made.")
    prompt: str = strawberry.field(description="1 to 2000 characters: what happens next.")
    negative_prompt: str = strawberry.field(default="", description="What is not to be seen.")
    seconds: float = strawberry.field(
        default=2.0, description="How much is added; the whole has at most 1200 seconds."
    )
    model: str = strawberry.field(default="skyhook-scenes-video", description="One that imagineModels lists.")
    seed: BigInt | None = strawberry.field(
        default=None, description="The same seed and request make the same on the same machine."
    )
    steps: int | None = strawberry.field(default=None, description="1 to 200; default: the model's.")
    guidance: float | None = strawberry.field(
        default=None, description="How closely the prompt is followed, 0 to 50; default: the model's."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same as the header Idempotency-Key, for transports without headers."
    )


@strawberry.input(description="A live session: pictures one after the other, each made from the one before.")
class ImagineLiveInput(_Sampling):
    """Of imagineLive."""

    prompt: str = strawberry.field(description="1 to 2000 characters; imagineLivePrompt changes it.")
    model: str = strawberry.field(default="skyhook-scenes", description="One that imagineModels lists.")
    frames: int = strawberry.field(default=60, description="How many at most: 1 to 300.")
    strength: float = strawberry.field(
        default=0.6, description="How much each frame changes the one before: above 0, to 1."
    )
