"""What a job was given and what it made, as its page shows it. Nothing here knows a plugin or a function."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from strawberry.relay import GlobalID

from skyhook.artifacts.models import Artifact
from skyhook.errors import SkyhookError
from skyhook.graphql.ids import node_id, node_uuid
from skyhook.jobs.models import Job, JobState
from skyhook.operations.caller import Caller
from skyhook.services import Services
from skyhook_console.media import File, address_of, kind_of

POSTER = "poster"
"""What a result calls the picture that stands for the video beside it."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of what was asked for."""

    name: str
    value: Any
    """A text, number or truth value; anything else as JSON."""
    file: File | None
    """The artifact that the field names."""


@dataclass(frozen=True, slots=True)
class JobView:
    """What a page shows of a job beside its row."""

    node_id: str
    """Its id in the API."""
    fields: Sequence[Field]
    files: Sequence[File]
    """What it made, oldest first."""
    result: str | None
    """As JSON, to be read."""
    preview: str | None
    """A data URI."""

    @property
    def before(self) -> File | None:
        """The picture that was changed, where the job took one and made one."""
        taken = [field.file for field in self.fields if field.file and field.file.kind == "image"]
        made = [file for file in self.files if file.kind == "image"]
        return taken[0] if taken and len(made) == 1 == len(self.files) else None


async def view_of(services: Services, caller: Caller, job: Job) -> JobView:
    """What the job was given and what it made so far."""
    request = msgspec.json.decode(job.request) if job.request else {}
    result = None if job.result is None else msgspec.json.decode(job.result)
    taken = await services.artifacts.among(caller.organization_id, list(_ids(request)))
    made = await services.artifacts.of_jobs(caller.organization_id, [job.id])
    preview = None
    if job.state == JobState.RUNNING:
        preview = (await services.jobs.previews(caller.organization_id, [job.id])).get(job.id)
    return JobView(
        node_id=node_id("Job", job.id),
        fields=_fields(services, request, taken),
        files=_files(services, made, dict(_posters(result))),
        result=None if result is None else _readable(result),
        preview=None if preview is None else f"data:image/jpeg;base64,{base64.b64encode(preview).decode()}",
    )


def _fields(services: Services, request: Any, taken: Mapping[UUID, Artifact]) -> list[Field]:
    if not isinstance(request, dict):
        return [Field("request", _readable(request), None)]
    fields = []
    for name, value in request.items():
        artifact = next((taken[one] for one in _ids(value) if one in taken), None)
        file = None if artifact is None else File(artifact, address_of(services.artifacts, artifact))
        plain = isinstance(value, str | int | float)
        fields.append(Field(name.replace("_", " "), value if plain else _readable(value), file))
    return fields


def _files(services: Services, made: Sequence[Artifact], posters: Mapping[UUID, UUID]) -> list[File]:
    """Each file; a picture that only stands for a video is shown as its poster and not again."""
    by_id = {artifact.id: artifact for artifact in made}
    files = []
    used = {poster for video, poster in posters.items() if _is_video(by_id, video) and poster in by_id}
    for artifact in made:
        if artifact.id in used:
            continue
        poster = by_id.get(posters.get(artifact.id, artifact.id))
        has_poster = poster is not None and poster.id in used
        files.append(
            File(
                artifact,
                address_of(services.artifacts, artifact),
                address_of(services.artifacts, poster) if poster is not None and has_poster else None,
            )
        )
    return files


def _is_video(by_id: Mapping[UUID, Artifact], id: UUID) -> bool:
    return id in by_id and kind_of(by_id[id].media_type) == "video"


def _posters(result: Any) -> Iterator[tuple[UUID, UUID]]:
    """Each artifact of a result that has a poster beside it, with that."""
    if isinstance(result, dict):
        poster = _artifact_id(result.get(POSTER))
        for name, value in result.items():
            yield from _posters(value)
            artifact = _artifact_id(value)
            if name != POSTER and poster is not None and artifact is not None:
                yield artifact, poster
    elif isinstance(result, list):
        for value in result:
            yield from _posters(value)


def _artifact_id(value: Any) -> UUID | None:
    """The artifact that a result names as the API does."""
    if not isinstance(value, str):
        return None
    try:
        return node_uuid(GlobalID.from_id(value), "Artifact", "id")
    except (ValueError, SkyhookError):
        return None


def _ids(value: Any) -> Iterator[UUID]:
    """What in a request may name an artifact."""
    if isinstance(value, dict):
        for one in value.values():
            yield from _ids(one)
    elif isinstance(value, list):
        for one in value:
            yield from _ids(one)
    elif isinstance(value, str) and len(value) == 36:
        try:
            yield UUID(value)
        except ValueError:
            return


def _readable(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
