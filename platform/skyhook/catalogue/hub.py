"""The hub, through its own client: what a repository has, and its files, down to the byte they stopped at.

The client's `snapshot_download` would do nearly all of this, but throws away a file that it could not finish,
and does not compare what it got with the checksum.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from skyhook.catalogue.errors import HubForbidden, HubNotFound, HubUnavailable, WeightsNotStored

LISTING_TIMEOUT_S = 30
BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105 - the hub's words


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository."""

    name: str
    size: int
    etag: str
    """SHA-256 of a large file, git's SHA-1 of a small one."""


class Hub:
    """One revision of one repository, through the hub's client and the environment that it reads."""

    def __init__(self, repository: str, revision: str | None) -> None:
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

        self.repository = repository
        self.revision = revision or "main"
        self.commit = ""
        """The commit that the revision was when `names` asked."""
        # A compressed answer could not be resumed in its middle.
        self._headers: dict[str, str] = {
            **build_hf_headers(library_name="skyhook"),
            "Accept-Encoding": "identity",
        }

    def names(self) -> list[str]:
        """The names of the files."""
        from huggingface_hub import HfApi

        info = HfApi(library_name="skyhook").model_info(
            self.repository, revision=self.revision, timeout=LISTING_TIMEOUT_S
        )
        if info.sha is None or info.siblings is None:
            raise HubUnavailable(f"The hub does not say which files {self.repository} has.")
        self.commit = info.sha
        return [sibling.rfilename for sibling in info.siblings]

    def files(self, names: Sequence[str]) -> list[HubFile]:
        """Size and checksum of some files."""
        from huggingface_hub import get_hf_file_metadata

        files = []
        for name in names:
            found = get_hf_file_metadata(self._url(name), headers=dict(self._headers), retry_on_errors=True)
            if found.size is None or found.etag is None:
                raise HubUnavailable(f"The hub does not say how large {name} of {self.repository} is.")
            files.append(HubFile(name, found.size, found.etag))
        return files

    def fetch(self, file: HubFile, folder: Path) -> None:
        """Downloads a file unless it is there; goes on where an earlier download of it stopped."""
        from huggingface_hub.file_download import http_get

        target = folder / file.name
        if _is_intact(target, file):
            return
        part = folder / f"{file.name}.{hashlib.sha256(file.etag.encode()).hexdigest()[:16]}.part"
        part.parent.mkdir(exist_ok=True)
        if part.exists() and part.stat().st_size > file.size:
            part.unlink()
        with part.open("ab") as stream:
            http_get(
                self._url(file.name),
                stream,
                resume_size=stream.tell(),
                headers=dict(self._headers),
                expected_size=file.size,
                displayed_filename=file.name,
            )
            stream.flush()
            os.fsync(stream.fileno())
        if not _is_intact(part, file):
            part.unlink()
            raise HubUnavailable(
                f"{file.name} of {self.repository} arrived damaged and was deleted; run the command again."
            )
        part.replace(target)

    def _url(self, name: str) -> str:
        from huggingface_hub import hf_hub_url

        return hf_hub_url(self.repository, name, revision=self.commit)


@contextmanager
def errors_as_sentences(repository: str, revision: str | None) -> Iterator[None]:
    """Turns what the hub's client and the disk raise into errors of the catalogue."""
    import httpx2  # what the hub's client speaks with, and whose errors it lets through
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    endpoint = constants.ENDPOINT
    unknown = HubNotFound(
        f"{endpoint} has no repository {repository}, or it is private and HF_TOKEN does not open it.",
        field="from",
    )
    try:
        yield
    except GatedRepoError as error:
        raise HubForbidden(
            f"{repository} is gated: accept its terms at {endpoint}/{repository} and set HF_TOKEN to a token "
            "of the account that did."
        ) from error
    except RepositoryNotFoundError as error:
        raise unknown from error
    except RevisionNotFoundError as error:
        raise HubNotFound(f"{repository} has no revision {revision!r}.", field="revision") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status == 401 and error.response.headers.get("X-Error-Message") != BAD_TOKEN:
            raise unknown from error  # as a stranger is answered; the client knows it over https only
        if status in (401, 403):
            raise HubForbidden(
                f"{endpoint} refuses access to {repository} ({status}): check the token in HF_TOKEN."
            ) from error
        raise HubUnavailable(f"{endpoint} answered {status}; run the command again later.") from error
    except OfflineModeIsEnabled as error:
        raise HubUnavailable("HF_HUB_OFFLINE is set: unset it to pull.") from error
    except httpx2.HTTPError as error:
        raise HubUnavailable(
            f"{endpoint} cannot be reached ({_first_line(error)}); run the command again to go on."
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise WeightsNotStored(
                f"The disk is full: make room for {repository} and run the command again to go on."
            ) from error
        if error.errno is None:  # how the client reports fewer bytes than were promised
            raise HubUnavailable(f"{_first_line(error)} Run the command again to go on.") from error
        raise WeightsNotStored(
            f"{repository} cannot be stored: {error.strerror} ({error.filename})."
        ) from error


def _is_intact(path: Path, file: HubFile) -> bool:
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    with path.open("rb") as stream:
        if len(file.etag) == 64:
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.etag
        if len(file.etag) == 40:
            digest = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
            while block := stream.read(1 << 20):
                digest.update(block)
            return digest.hexdigest() == file.etag
    return True  # a mirror with checksums of its own


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
