"""Files: the organization's artifacts, seen, heard, and deleted."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from litestar import Response, get, post
from sqlalchemy import or_

from skyhook.artifacts.errors import ProvenanceFailed
from skyhook.artifacts.models import Artifact
from skyhook.artifacts.provenance import FORMATS, Statement
from skyhook.artifacts.service import READ_BYTES, artifacts_of
from skyhook.errors import InvalidInput
from skyhook.graphql.connections import Order, Page, paginate
from skyhook.graphql.ids import node_id
from skyhook.scopes import ARTIFACTS_READ, ARTIFACTS_WRITE
from skyhook.services import Services
from skyhook_console.media import File, address_of
from skyhook_console.visiting import Http, Visit, go

SHOWN = 12
NEWEST = Order(Artifact.created_at, Artifact.id, descending=True)
TYPES = {
    "media": ("Pictures, video and sound", ("image/", "video/", "audio/")),
    "image": ("Pictures", ("image/",)),
    "video": ("Video", ("video/",)),
    "audio": ("Sound", ("audio/",)),
    "all": ("Every file", ("",)),
}
"""What the filter offers, with how the media types begin."""


@get("/o/{slug:str}/files")
async def files_page(visit: Visit, slug: str, type: str = "media", after: str = "") -> Response[str]:
    """The organization's files, newest first."""
    visit, caller = visit.at(slug, ARTIFACTS_READ)
    if type not in TYPES:
        raise InvalidInput(f"Files are shown by type: {', '.join(TYPES)}.", field="type")
    begins = [Artifact.media_type.startswith(prefix) for prefix in TYPES[type][1]]
    query = artifacts_of(caller.organization_id).where(or_(*begins))
    async with visit.services.database.read() as session:
        page = await paginate(session, query, Page(first=SHOWN, after=after or None), NEWEST, lambda row: row)
    next_page = page.page_info.end_cursor if page.page_info.has_next_page else None
    return visit.page(
        "files.html",
        files=[_file(visit.services, edge.node) for edge in page.edges],
        types={name: title for name, (title, _) in TYPES.items()},
        asked={"type": type, "after": after},
        older=urlencode({"type": type, "after": next_page}) if next_page else "",
        may_delete=caller.has_scope(ARTIFACTS_WRITE),
    )


@get("/o/{slug:str}/files/{artifact_id:uuid}")
async def file_page(visit: Visit, slug: str, artifact_id: UUID) -> Response[str]:
    """All of one file, with what it says about where it comes from."""
    visit, caller = visit.at(slug, ARTIFACTS_READ)
    artifact = await visit.services.artifacts.get(caller.organization_id, artifact_id)
    statement, unreadable = await _provenance(visit.services, artifact)
    return visit.page(
        "file.html",
        file=_file(visit.services, artifact),
        node_id=node_id("Artifact", artifact.id),
        statement=statement,
        unreadable=unreadable,
        may_delete=caller.has_scope(ARTIFACTS_WRITE),
    )


@post("/o/{slug:str}/files/{artifact_id:uuid}/delete", status_code=200)
async def delete_file(request: Http, visit: Visit, slug: str, artifact_id: UUID) -> Response[str]:
    """Deletes a file for good; leads back to where the form is."""
    visit, caller = visit.at(slug, ARTIFACTS_WRITE)
    form = await request.form()
    await visit.services.artifacts.delete(caller.organization_id, artifact_id)
    if job_id := form.get("job"):
        return go(request, f"/console/o/{slug}/jobs/{quote(str(job_id), safe='')}")
    asked = urlencode({name: str(form[name]) for name in ("type", "after") if form.get(name)})
    return go(request, f"/console/o/{slug}/files" + (f"?{asked}" if asked else ""))


def _file(services: Services, artifact: Artifact) -> File:
    return File(artifact, address_of(services.artifacts, artifact))


async def _provenance(services: Services, artifact: Artifact) -> tuple[Statement | None, str]:
    """What the file says about itself, and why that cannot be read."""
    if artifact.media_type not in FORMATS.values():
        return None, ""
    if artifact.size_bytes > READ_BYTES:
        return None, "The file is too large to be read here: download it and run skyhook artifacts verify."
    content = await services.artifacts.read(artifact)
    try:
        return await services.notary.read(content), ""
    except ProvenanceFailed as error:
        return None, error.message


HANDLERS: list[Any] = [files_page, file_page, delete_file]
