"""What a caller asks for, checked before anything is held: words, bounds, models and artifacts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from skyhook.plugin import (
    CatalogueModel,
    GlobalID,
    Info,
    InvalidInput,
    StoredArtifact,
    node_uuid,
    plugin_settings,
)
from skyhook_functions.imagine.abilities import describe
from skyhook_functions.imagine.messages import Abilities
from skyhook_imagine.errors import ArtifactUnfit, functions_errors
from skyhook_imagine.policy import Wish, content_policy
from skyhook_imagine.scopes import ARTIFACTS_READ, GENERATE
from skyhook_imagine.settings import ImagineSettings

LONGEST_PROMPT = 2000
MOST_IMAGES = 8
MOST_STEPS = 200
MOST_GUIDANCE = 50
MOST_SEED = 2**53 - 1000
"""The pictures of one request have the seeds from its own on, and a seed is at most 2**53 - 1."""
MOST_FPS = 60
PICTURES = ("image/png", "image/jpeg", "image/webp")
VIDEO = "video/mp4"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of the catalogue with what it can do."""

    model: CatalogueModel
    abilities: Abilities


async def known_model(info: Info, name: str) -> KnownModel:
    """A model of this plugin. Raises MODEL_NOT_FOUND, MODEL_INVALID and MODEL_UNSUPPORTED."""
    model = await info.context.services.catalogue.get("imagine", name)
    with functions_errors():
        return KnownModel(model, describe(Path(model.location)))


async def check_words(info: Info, operation: str, prompt: str, negative_prompt: str = "") -> None:
    """Raises SCOPE_MISSING, InvalidInput and ContentRefused."""
    caller = info.context.caller
    caller.require(GENERATE)
    if not prompt.strip() or len(prompt) > LONGEST_PROMPT:
        raise InvalidInput(f"A prompt has 1 to {LONGEST_PROMPT} characters.", field="prompt")
    if len(negative_prompt) > LONGEST_PROMPT:
        raise InvalidInput(
            f"A negative prompt has at most {LONGEST_PROMPT} characters.", field="negativePrompt"
        )
    policy = content_policy(plugin_settings(info.context.services, ImagineSettings))
    await policy.check(Wish(caller.organization_id, operation, prompt))


def check_bounds(
    *,
    count: int = 1,
    steps: int | None = None,
    guidance: float | None = None,
    strength: float | None = None,
    fps: int | None = None,
) -> None:
    """Raises InvalidInput for what no model takes."""
    if not 1 <= count <= MOST_IMAGES:
        raise InvalidInput(f"count is 1 to {MOST_IMAGES}.", field="count")
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        raise InvalidInput(f"steps is 1 to {MOST_STEPS}.", field="steps")
    if guidance is not None and not 0 <= guidance <= MOST_GUIDANCE:
        raise InvalidInput(f"guidance is 0 to {MOST_GUIDANCE}.", field="guidance")
    if strength is not None and not 0 < strength <= 1:
        raise InvalidInput("strength is above 0 (keeps the picture) to 1 (keeps nothing).", field="strength")
    if fps is not None and not 1 <= fps <= MOST_FPS:
        raise InvalidInput(f"fps is 1 to {MOST_FPS}.", field="fps")


def checked_seed(seed: int | None, idempotency_key: str | None) -> int:
    """The seed, drawn where there is none: a step that is made again makes the same. Raises InvalidInput.

    It is drawn of the idempotency key, where there is one, since a retry must ask for the same.
    """
    if seed is None:
        return random.Random(idempotency_key).getrandbits(32)  # noqa: S311 - nothing secret depends on it
    if not 0 <= seed <= MOST_SEED:
        raise InvalidInput(f"seed is 0 to {MOST_SEED}.", field="seed")
    return seed


async def picture(info: Info, id: GlobalID, field: str) -> UUID:
    """A picture of the organization. Raises SCOPE_MISSING, NOT_FOUND and ArtifactUnfit."""
    artifact = await _artifact(info, id, field)
    if artifact.media_type not in PICTURES:
        raise ArtifactUnfit(
            f"{artifact.name} is {artifact.media_type}: name a PNG, JPEG or WebP picture.", field=field
        )
    return artifact.id


async def own_video(info: Info, id: GlobalID, field: str) -> UUID:
    """A video that this plugin has made. Raises SCOPE_MISSING, NOT_FOUND and ArtifactUnfit."""
    artifact = await _artifact(info, id, field)
    if artifact.media_type != VIDEO or not (artifact.made_by or "").startswith("imagine"):
        raise ArtifactUnfit(
            f"{artifact.name} is no video that imagineVideo, imagineAnimate or imagineExtend made.",
            field=field,
        )
    return artifact.id


async def _artifact(info: Info, id: GlobalID, field: str) -> StoredArtifact:
    caller = info.context.caller
    caller.require(ARTIFACTS_READ)
    artifact: StoredArtifact = await info.context.services.artifacts.get(
        caller.organization_id, node_uuid(id, "Artifact", field)
    )
    return artifact
