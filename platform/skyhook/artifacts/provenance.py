"""Provenance: what a file says about its origin, signed inside the file itself (C2PA).

Nothing here asks the network: no timestamp authority, no remote manifest, no revocation list.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, TypeVar
from uuid import UUID

import filetype
import msgspec

from skyhook import __version__
from skyhook.artifacts.errors import ProvenanceFailed
from skyhook.clock import new_id
from skyhook.configuration import Configuration

FORMATS = {
    "image/png": "image/png",
    "image/jpeg": "image/jpeg",
    "image/webp": "image/webp",
    "video/mp4": "video/mp4",
    "audio/x-wav": "audio/wav",
}
"""What can carry a statement, as it is told by its first bytes and as C2PA names it."""
GENERATOR = "Skyhook"

_SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
GENERATED = f"{_SOURCES}trainedAlgorithmicMedia"
COMPUTED = f"{_SOURCES}algorithmicMedia"
EDITED = f"{_SOURCES}compositeWithTrainedAlgorithmicMedia"
ENHANCED = f"{_SOURCES}algorithmicallyEnhanced"
_PARENT = "parent"

File = TypeVar("File", bytes, Path)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What an operation says about a file that it made."""

    operation: str
    """Such as `imagineGenerate`."""
    model: str
    job_id: UUID | None = None
    parent: bytes | Path | None = None
    """The file that was edited; none for one that was made from nothing."""
    is_trained: bool = True
    """Whether a trained model made it, or the change; False for a plain algorithm."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a file says about itself, and whether to believe it."""

    holds: bool
    """The signature is right, and the file is as it was signed."""
    is_ours: bool
    """This instance signed it."""
    signed_by: str
    generator: str
    is_generated: bool
    """A trained model made it, or a part of it."""
    operation: str | None
    model: str | None
    job_id: str | None
    parents: tuple[str, ...]
    """The media types of the files that were edited."""
    problems: tuple[str, ...]
    """Why it does not hold, or whose signature it is that is not known."""


class Notary:
    """Signs what operations made, and reads what files say.

    The certificate is made or read when the first file comes; c2pa and cryptography are imported then.
    """

    def __init__(self, configuration: Configuration) -> None:
        """Raises ValueError where the operator's certificate cannot be used."""
        self._folder = configuration.data / "provenance"
        self._given = configuration.provenance_certificate, configuration.provenance_key
        if any(self._given):
            _ = self._certificate

    async def sign(self, file: File, provenance: Provenance) -> File:
        """The file with a signed statement in it; a path's file is replaced by it, whole or not at all.

        PNG, JPEG, WebP, MP4 and WAV can carry one. Raises ProvenanceFailed for any other file, and for a
        broken one.
        """
        return await asyncio.to_thread(self._sign, file, provenance)

    async def read(self, file: bytes | Path) -> Statement | None:
        """What the file says; None where it says nothing. Raises ProvenanceFailed as `sign` does."""
        return await asyncio.to_thread(self._read, file)

    @cached_property
    def _certificate(self) -> Any:
        from skyhook.artifacts.certificate import Certificate

        certificate, key = self._given
        if certificate is None and key is None:
            return Certificate.of_instance(self._folder)
        if certificate is None or key is None:
            raise ValueError("SKYHOOK_PROVENANCE_CERTIFICATE and SKYHOOK_PROVENANCE_KEY go together")
        try:
            return Certificate.load(certificate, key)
        except ValueError as error:
            raise ValueError(f"SKYHOOK_PROVENANCE_CERTIFICATE cannot be used: {error}") from error

    def _context(self) -> Any:
        import c2pa

        settings = {
            "verify": {"verify_trust": True, "remote_manifest_fetch": False, "ocsp_fetch": False},
            "trust": {"trust_anchors": self._certificate.anchor.decode()},
            "builder": {"thumbnail": {"enabled": False}},
        }
        return c2pa.Context(settings=c2pa.Settings.from_dict(settings))

    def _sign(self, file: File, provenance: Provenance) -> File:
        import c2pa

        certificate = self._certificate
        media_type = _format(file)
        try:
            with self._context() as context:
                builder = c2pa.Builder(_manifest(media_type, provenance), context=context)
                if provenance.parent is not None:
                    parent = {"relationship": "parentOf", "instance_id": _PARENT, "title": _PARENT}
                    with _opened(provenance.parent) as source:
                        builder.add_ingredient(parent, _format(provenance.parent), source)
                signer = c2pa.Signer.from_info(
                    c2pa.C2paSignerInfo(
                        certificate.algorithm.encode(), certificate.chain, certificate.key, None
                    )
                )
                with signer, _opened(file) as source:
                    return _written(file, lambda target: builder.sign(signer, media_type, source, target))
        except c2pa.C2paError as error:
            raise ProvenanceFailed(f"The file cannot be signed: {error}") from error

    def _read(self, file: bytes | Path) -> Statement | None:
        import c2pa

        media_type = _format(file)
        try:
            with (
                self._context() as context,
                _opened(file) as source,
                c2pa.Reader(media_type, source, context=context) as reader,
            ):
                return _statement(msgspec.json.decode(reader.json()))
        except c2pa.C2paError.ManifestNotFound:
            return None
        except c2pa.C2paError as error:
            raise ProvenanceFailed(f"What the file says cannot be read: {error}") from error


def _format(file: bytes | Path) -> str:
    kind = filetype.guess(file if isinstance(file, bytes) else str(file))
    found = None if kind is None else FORMATS.get(kind.mime)
    if found is None:
        raise ProvenanceFailed("Only PNG, JPEG, WebP, MP4 and WAV files say where they come from.")
    return found


def _opened(file: bytes | Path) -> IO[bytes]:
    return io.BytesIO(file) if isinstance(file, bytes) else file.open("rb")


def _written(file: File, write: Callable[[IO[bytes]], object]) -> File:
    """What `write` writes to a target: bytes for bytes, and for a path the path with it."""
    if isinstance(file, bytes):
        target = io.BytesIO()
        write(target)
        return target.getvalue()
    partial = file.with_name(f".{file.name}.{new_id().hex}")
    try:
        with partial.open("w+b") as opened:
            write(opened)
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)
    return file


def _manifest(media_type: str, provenance: Provenance) -> dict[str, Any]:
    parameters = {"operation": provenance.operation, "model": provenance.model}
    if provenance.job_id is not None:
        parameters["job"] = str(provenance.job_id)
    made: dict[str, Any] = {"softwareAgent": {"name": provenance.model}, "parameters": parameters}
    if provenance.parent is None:
        source = GENERATED if provenance.is_trained else COMPUTED
        actions = [{"action": "c2pa.created", "digitalSourceType": source, **made}]
    else:
        opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": [_PARENT]}}
        source = EDITED if provenance.is_trained else ENHANCED
        actions = [opened, {"action": "c2pa.edited", "digitalSourceType": source, **made}]
    return {
        "claim_generator_info": [{"name": GENERATOR, "version": __version__}],
        "format": media_type,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }


def _statement(said: dict[str, Any]) -> Statement:
    manifest = said["manifests"][said["active_manifest"]]
    signature = manifest.get("signature_info", {})
    generators = manifest.get("claim_generator_info") or [{}]
    actions = [
        action
        for assertion in manifest.get("assertions", ())
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"].get("actions", ())
    ]
    made: dict[str, Any] = next((action for action in actions if "digitalSourceType" in action), {})
    parameters = made.get("parameters", {})
    names = (signature.get("issuer"), signature.get("common_name"))
    state = said.get("validation_state")
    return Statement(
        holds=state in ("Trusted", "Valid"),
        is_ours=state == "Trusted",
        signed_by=", ".join(name for name in names if name),
        generator=str(generators[0].get("name", "")),
        is_generated=made.get("digitalSourceType") in (GENERATED, EDITED),
        operation=_text(parameters.get("operation")),
        model=_text(parameters.get("model")),
        job_id=_text(parameters.get("job")),
        parents=tuple(
            one.get("format", "")
            for one in manifest.get("ingredients", ())
            if one.get("relationship") == "parentOf"
        ),
        problems=tuple(
            problem.get("explanation") or problem["code"] for problem in said.get("validation_status", ())
        ),
    )


def _text(said: Any) -> str | None:
    return None if said is None else str(said)
