"""The plugin's GraphQL root fields."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from typing import Annotated, cast
from uuid import UUID

import strawberry

from skyhook.plugin import BigInt, Info, InvalidInput, Job, JobOptions, submit_job
from skyhook_imagine import asking
from skyhook_imagine.checks import check_words
from skyhook_imagine.live import Frame, LiveSessions
from skyhook_imagine.scopes import READ
from skyhook_imagine.types import (
    ImagineAnimateInput,
    ImagineEditInput,
    ImagineExtendInput,
    ImagineGenerateInput,
    ImagineLiveFrame,
    ImagineLiveInput,
    ImagineModel,
    ImagineUpscaleInput,
    ImagineVideoInput,
)

Options = Annotated[JobOptions | None, strawberry.argument(description="How the job is to be handled.")]
SessionId = Annotated[strawberry.ID, strawberry.argument(description="As each of its frames tells it.")]
NewPrompt = Annotated[str, strawberry.argument(description="1 to 2000 characters.")]


@strawberry.type
class ImagineQuery:
    """Root fields that read."""

    @strawberry.field(description="The models that make pictures and video, with what each can do.")
    async def imagine_models(self, info: Info) -> list[ImagineModel]:
        """The plugin's models."""
        info.context.caller.require(READ)
        models = await info.context.services.catalogue.list("imagine")
        return [ImagineModel.of(model) for model in models]


@strawberry.type
class ImagineMutation:
    """Root fields that submit jobs, and the one that steers a live session."""

    @strawberry.mutation(description="Makes pictures from a prompt. Result: `{ images }`.")
    async def imagine_generate(self, info: Info, input: ImagineGenerateInput, job: Options = None) -> Job:
        """A queued job."""
        return await submit_job(info, await asking.generate(info, input), job)

    @strawberry.mutation(description="Makes pictures from a picture. Result: `{ images }`.")
    async def imagine_edit(self, info: Info, input: ImagineEditInput, job: Options = None) -> Job:
        """A queued job."""
        return await submit_job(info, await asking.edit(info, input), job)

    @strawberry.mutation(description="Enlarges a picture. Result: `{ images }` with the one picture.")
    async def imagine_upscale(self, info: Info, input: ImagineUpscaleInput, job: Options = None) -> Job:
        """A queued job."""
        return await submit_job(info, await asking.upscale(info, input), job)

    @strawberry.mutation(
        description="Makes a video from a prompt, of up to 20 minutes. Result: `{ video poster strip ... }`."
    )
    async def imagine_video(self, info: Info, input: ImagineVideoInput, job: Options = None) -> Job:
        """A queued job."""
        return await submit_job(info, await asking.video(info, input), job)

    @strawberry.mutation(description="Makes a video that begins with a picture. Result as of imagineVideo.")
    async def imagine_animate(self, info: Info, input: ImagineAnimateInput, job: Options = None) -> Job:
        """A queued job."""
        return await submit_job(info, await asking.animate(info, input), job)

    @strawberry.mutation(
        description="Goes on with a video; gives the whole one, and charges for what is new. Result as of "
        "imagineVideo."
    )
    async def imagine_extend(self, info: Info, input: ImagineExtendInput, job: Options = None) -> Job:
        """A queued job."""
        return await submit_job(info, await asking.extend(info, input), job)

    @strawberry.mutation(
        description="Changes the prompt of a live session from its next frame on; gives back the prompt."
    )
    async def imagine_live_prompt(self, info: Info, session_id: SessionId, prompt: NewPrompt) -> str:
        """The new prompt."""
        await check_words(info, "imagineLive", prompt)
        try:
            id = UUID(session_id)
        except ValueError:
            raise InvalidInput("A session's id is in each of its frames.", field="sessionId") from None
        await _live(info).change_prompt(info.context.caller, id, prompt)
        return prompt


@strawberry.type
class ImagineSubscription:
    """Root fields that stream."""

    @strawberry.subscription(
        description="Pictures one after the other, each made from the one before, for up to 5 minutes; "
        "imagineLivePrompt changes the prompt on the way. Charged by the frame."
    )
    async def imagine_live(
        self, info: Info, input: ImagineLiveInput
    ) -> AsyncGenerator[ImagineLiveFrame, None]:
        """The frames as they are made."""
        asked = await asking.live(info, input)
        frames = _live(info).stream(asked, info.context.credit.add)
        try:
            async for frame in frames:
                yield _frame(frame)
        finally:
            await frames.aclose()


def _live(info: Info) -> LiveSessions:
    services = info.context.services
    return LiveSessions(services.database, services.operations, services.notary)


def _frame(frame: Frame) -> ImagineLiveFrame:
    image = None
    if frame.content is not None:
        image = f"data:image/png;base64,{base64.b64encode(frame.content).decode()}"
    return ImagineLiveFrame(
        session_id=strawberry.ID(str(frame.session_id)),
        index=frame.index,
        prompt=frame.prompt,
        image=image,
        cost=cast("BigInt | None", frame.cost),
    )
