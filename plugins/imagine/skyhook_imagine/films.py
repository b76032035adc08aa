"""The jobs that make video: segments, each a step that goes on from the one before, joined at the end.

A crash loses one segment at most. What is needed to go on is stored as files of the job; they are deleted
once the whole video is stored.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import ceil
from pathlib import Path
from uuid import UUID

import msgspec

from skyhook.plugin import InvalidInput, JobRun, NotFound, Provenance, node_id
from skyhook_functions.imagine import video
from skyhook_functions.imagine.messages import Segment, SegmentRequest
from skyhook_functions.imagine.video_model import VideoModel
from skyhook_imagine.errors import functions_errors
from skyhook_imagine.following import Part, follow
from skyhook_imagine.meters import VIDEO_SECONDS
from skyhook_imagine.pictures import read
from skyhook_imagine.requests import Film, Video

LONGEST_S = 20 * 60
SEEDS_APART = 1000
"""Between the seeds of segments: a small model draws one for each of several goes of a segment."""
MOST_SEED = 2**53
MADE = 0.95
"""How far a job is when all segments are made."""
STRIP_THUMBNAILS = 10


class Piece(msgspec.Struct, frozen=True):
    """A piece of the video that is finished, and what the next one goes on from."""

    content: UUID
    tail: UUID
    """A file of the last frames."""
    frames: int
    width: int
    height: int
    fps: int


async def film(run: JobRun, request: Film) -> Video:
    """A video from a prompt, from a picture on, or from a video on."""
    before = await run.step("open", Piece, lambda: _opened(run, request)) if request.video else None
    fps = before.fps if before else request.fps or 1
    lengths = segment_lengths(round(request.seconds * fps), request.segment_frames)
    pieces: list[Piece] = []
    while len(pieces) < len(lengths):
        pieces.append(await _segment(run, request, lengths, pieces, before))
    made = await run.step("join", Video, lambda: _joined(run, request, pieces))
    await run.step("tidy", int, lambda: _tidied(run, [*pieces, *filter(None, [before])], request.video))
    return made


def segment_lengths(frames: int, segment_frames: int) -> list[int]:
    """How many new frames each segment has."""
    whole, rest = divmod(max(1, frames), segment_frames)
    return [segment_frames] * whole + [rest] * (rest > 0)


def seconds(frames: int, fps: int) -> int:
    """Seconds as they are charged: one that has begun counts."""
    return ceil(frames / fps)


async def _opened(run: JobRun, request: Film) -> Piece:
    """What a given video is, and its last frames."""
    assert request.video is not None
    path = await run.artifacts.download(await run.load(request.video), run.folder / "given.mp4")
    with functions_errors():
        known = await asyncio.to_thread(video.probe, path)
        frames = await asyncio.to_thread(video.last_frames, path, request.given_frames)
    if known.duration_s + request.seconds > LONGEST_S:
        raise InvalidInput(
            f"The video has {known.duration_s:.0f} seconds; with {request.seconds:g} more it would be longer "
            f"than {LONGEST_S // 60} minutes: ask for less.",
            field="seconds",
        )
    tail = await _store_tail(run, frames, "given")
    return Piece(request.video, tail, known.frames, known.width, known.height, round(known.fps))


async def _segment(
    run: JobRun, request: Film, lengths: list[int], pieces: list[Piece], before: Piece | None
) -> Piece:
    assert run.model is not None  # every request for video is admitted with one
    model, index = run.model, len(pieces)
    last = pieces[-1] if pieces else before

    async def body() -> Piece:
        asked = SegmentRequest(
            model=model.location,
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            start=await read(run, request.image) if request.image and last is None else None,
            before=await _frames_of(run, last.tail) if last else [],
            frames=lengths[index],
            fps=last.fps if last else request.fps,
            width=last.width if last else request.width,
            height=last.height if last else request.height,
            seed=(request.seed + index * SEEDS_APART) % MOST_SEED,
            steps=request.steps,
            guidance=request.guidance,
        )
        part = Part.of("Segment", index, len(lengths), MADE)
        made = await follow(run, part, VideoModel.segment, asked, Segment)
        name = f"segment-{index + 1}"
        stored = await run.store(made.content, name=f"{name}.mp4", key=name, media_type="video/mp4")
        tail = await _store_tail(run, made.last_frames, name)
        done = sum(piece.frames for piece in pieces)
        run.meter(VIDEO_SECONDS, seconds(done + made.frames, made.fps) - seconds(done, made.fps))
        return Piece(stored.id, tail, made.frames, made.width, made.height, made.fps)

    return await run.step(f"segment {index + 1}", Piece, body)


async def _joined(run: JobRun, request: Film, pieces: list[Piece]) -> Video:
    """Joins the segments on disk, signs and stores the video, its poster and its preview strip."""
    assert run.model is not None
    await run.progress(MADE, "Joining")
    contents = [*filter(None, [request.video]), *(piece.content for piece in pieces)]
    paths = [
        await run.artifacts.download(await run.load(content), run.folder / f"{index}.mp4")
        for index, content in enumerate(contents)
    ]
    whole = run.folder / "video.mp4"
    with functions_errors():
        known = await asyncio.to_thread(video.join, paths, whole)
        poster = await asyncio.to_thread(video.poster, whole)
        strip = await asyncio.to_thread(video.preview_strip, whole, STRIP_THUMBNAILS)
    parent: bytes | Path | None = paths[0] if request.video else None
    if request.image is not None:
        parent = await read(run, request.image)
    provenance = Provenance(run.operation, run.model.name, run.job_id, parent)
    poster = await run.notary.sign(poster, provenance)
    strip = await run.notary.sign(strip, provenance)
    await run.notary.sign(whole, provenance)
    ids = {
        name: node_id("Artifact", (await run.store(content, name=name, key=name)).id)
        for name, content in (("video.mp4", whole), ("poster.png", poster), ("strip.jpg", strip))
    }
    return Video(
        video=ids["video.mp4"],
        poster=ids["poster.png"],
        strip=ids["strip.jpg"],
        seconds=known.duration_s,
        frames=known.frames,
        width=known.width,
        height=known.height,
        fps=round(known.fps),
        seed=request.seed,
    )


async def _tidied(run: JobRun, pieces: list[Piece], given: UUID | None) -> int:
    """Deletes what only the join needed; how many files it were."""
    files = {file for piece in pieces for file in (piece.content, piece.tail)} - {given}
    for file in files:
        with suppress(NotFound):
            await run.artifacts.delete(run.organization_id, file)
    return len(files)


async def _store_tail(run: JobRun, frames: list[bytes], name: str) -> UUID:
    stored = await run.store(msgspec.msgpack.encode(frames), name=f"{name}.frames", key=f"{name}-frames")
    return stored.id


async def _frames_of(run: JobRun, tail: UUID) -> list[bytes]:
    return msgspec.msgpack.decode(await read(run, tail), type=list[bytes])
