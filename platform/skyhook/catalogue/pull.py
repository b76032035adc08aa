"""Downloads a model's weights from the hub: once, whole or not at all, and no file that is a program.

A pull writes to `.NAME.partial` beside the folder that it makes. What a pull before it left there is used
again, down to the byte where it stopped, as far as it fits what the hub has now. The finished folder appears
by one rename. The client's own `snapshot_download` would do nearly all of this, but throws away a file that
it could not finish, and does not compare what it got with the checksum.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from skyhook.catalogue.errors import (
    HubForbidden,
    HubNotFound,
    HubUnavailable,
    ModelExists,
    ModelUnusable,
    WeightsBusy,
    WeightsNotStored,
)
from skyhook.errors import InvalidInput

RECORD = "skyhook-pull.json"
"""The file in a pulled folder that says where it came from."""
SPARE_BYTES = 64 << 20
"""What must stay free on the disk beside the weights."""
LISTING_TIMEOUT_S = 30
BAD_TOKEN = "Invalid credentials in Authorization header"  # noqa: S105 - the hub's words

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
SMALL_FILE = re.compile(r"(additional_chat_templates/)?[\w-][\w.-]*\.jinja|[\w-][\w.-]*\.(json|tiktoken)")
SHARD = re.compile(r"[\w-][\w.-]*\.safetensors")
TOKENIZERS = {
    "tokenizer.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tekken.json",
    "vocab.json",
    "vocab.txt",
}
"""Files of which a tokenizer has at least one; `*.tiktoken` is another."""
SMALL_FILES = TOKENIZERS | {"merges.txt"}
WHOLE_WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
CONTEXT_FIELDS = (
    "max_position_embeddings",
    "n_positions",
    "max_sequence_length",
    "max_seq_len",
    "seq_length",
    "n_ctx",
)
GENERATES = ("CausalLM", "LMHeadModel", "ConditionalGeneration")
"""What the architecture of a model that writes text has in its name."""


class PulledFrom(msgspec.Struct, frozen=True):
    """Where the weights in a folder came from."""

    repository: str
    revision: str
    """What was asked for, such as `main`."""
    commit: str


@dataclass(frozen=True, slots=True)
class Pulled:
    """A folder of weights that were pulled."""

    folder: Path
    commit: str
    context_tokens: int | None
    """The longest context that the model's configuration names, in tokens."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository."""

    name: str
    size: int
    etag: str
    """SHA-256 of a large file, git's SHA-1 of a small one."""


def weights_folder(models: Path, name: str) -> Path:
    """Where the weights of a pulled model lie. Raises InvalidInput."""
    if not NAME.fullmatch(name):
        raise InvalidInput(
            "A pulled model's name has 1 to 100 letters, digits, dots, dashes and underscores, and begins "
            f"with a letter or digit; not {name!r}.",
            field="name",
        )
    return models / name


def pull(
    models: Path, name: str, repository: str, revision: str | None, tell: Callable[[str], None]
) -> Pulled:
    """Downloads the weights of a causal language model into a folder of `models`, unless they are there.

    `tell` is given a line of progress now and then. Raises InvalidInput, ModelExists where the folder holds
    something else, ModelUnusable, HubNotFound, HubForbidden, HubUnavailable, WeightsBusy, WeightsNotStored.
    """
    folder = weights_folder(models, name)
    if not REPOSITORY.fullmatch(repository):
        raise InvalidInput(f"A repository is OWNER/REPO, not {repository!r}.", field="from")
    with _in_sentences(repository, revision):
        if (there := _pulled(folder, repository, revision)) is not None:
            tell(f"The weights of {repository} are in {folder} already.")
            return there
        hub = _Hub(repository, revision)
        names = hub.names()
        _require_parts(repository, names)
        with _alone(folder) as partial:
            # Another process may have finished since the first look.
            if (there := _pulled(folder, repository, revision)) is not None:
                return there
            tell(f"Pulling {repository} at {hub.commit[:12]} into {folder}.")
            pulled = _download(hub, names, partial, folder, tell)
            partial.replace(folder)
            _sync(folder.parent)
    return pulled


def remove_weights(models: Path, name: str) -> bool:
    """Deletes what was pulled, and what an interrupted pull left; whether there was something.

    Raises InvalidInput where the folder was not pulled, WeightsBusy, WeightsNotStored.
    """
    folder = weights_folder(models, name)
    if not folder.exists() and not _partial(folder).exists():
        return False
    if folder.exists() and not (folder / RECORD).is_file():
        raise InvalidInput(f"{folder} was not pulled: delete it yourself.", field="name")
    try:
        with _alone(folder) as partial:
            if folder.exists():
                # One rename, so that no half of it is ever taken for the whole.
                folder.rename(partial / "removed")
            shutil.rmtree(partial)
    except OSError as error:
        raise WeightsNotStored(f"{folder} cannot be deleted: {error.strerror}.") from error
    return True


def _pulled(folder: Path, repository: str, revision: str | None) -> Pulled | None:
    """The weights in the folder if they are those that are asked for. Raises ModelExists for others."""
    if not folder.exists():
        return None
    try:
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=PulledFrom)
    except (FileNotFoundError, msgspec.DecodeError):
        raise ModelExists(
            f"{folder} is there already and was not pulled; choose another name.", field="name"
        ) from None
    if record.repository != repository or revision not in (None, record.revision, record.commit):
        raise ModelExists(
            f"{folder} holds {record.repository} at {record.revision} ({record.commit[:12]}); choose another "
            f"name, or delete it with `skyhook models remove {folder.name} --weights`.",
            field="name",
        )
    config = _config(repository, folder / "config.json")
    return Pulled(folder, record.commit, _context_tokens(config))


def _download(
    hub: _Hub, names: Sequence[str], partial: Path, folder: Path, tell: Callable[[str], None]
) -> Pulled:
    """Everything into `partial`: first the small files, which tell whether the large ones are worth it."""
    small = [name for name in names if _is_small(name) and name not in (INDEX, RECORD)]
    if WHOLE_WEIGHTS not in names:
        small.append(INDEX)
    files = hub.files(small)
    for file in files:
        hub.fetch(file, partial)
    context_tokens = _context_tokens(_config(hub.repository, partial / "config.json"))
    weights = hub.files(_weights(hub.repository, names, partial))
    _require_room(partial, weights)
    for number, file in enumerate(weights, 1):
        tell(f"[{number}/{len(weights)}] {file.name}, {_readable(file.size)}")
        hub.fetch(file, partial)
    _clear(partial, keep={file.name for file in (*files, *weights)})
    record = PulledFrom(hub.repository, hub.revision, hub.commit)
    with (partial / RECORD).open("wb") as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(record)))
        stream.flush()
        os.fsync(stream.fileno())
    _sync(partial)
    return Pulled(folder, hub.commit, context_tokens)


class _Hub:
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
def _in_sentences(repository: str, revision: str | None) -> Iterator[None]:
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


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """The partial folder beside a folder, with no other process at work in it. Raises WeightsBusy."""
    partial = _partial(folder)
    partial.mkdir(parents=True, exist_ok=True)
    handle = os.open(partial, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The folder may have been renamed or removed before the lock was got.
            current = os.path.samestat(os.stat(partial), os.fstat(handle))
        except (BlockingIOError, FileNotFoundError):
            current = False
        if not current:
            raise WeightsBusy(f"Another process is pulling or removing {folder.name}; wait for it.")
        try:
            yield partial
        except BaseException:
            with suppress(OSError):
                partial.rmdir()  # where nothing has been downloaded
            raise
    finally:
        os.close(handle)


def _partial(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.partial")


def _is_small(name: str) -> bool:
    return name in SMALL_FILES or SMALL_FILE.fullmatch(name) is not None


def _require_parts(repository: str, names: Sequence[str]) -> None:
    """Raises ModelUnusable where a repository lacks what every model needs."""
    if "config.json" not in names:
        raise ModelUnusable(f"{repository} has no config.json: it is no model in Hugging Face's format.")
    if WHOLE_WEIGHTS not in names and INDEX not in names:
        pickles = any(name.endswith(PICKLES) for name in names)
        raise ModelUnusable(
            f"{repository} has no safetensors weights"
            + (", only pickles, which can run code when they are loaded." if pickles else ".")
        )
    if not any(name in TOKENIZERS or name.endswith(".tiktoken") for name in names):
        raise ModelUnusable(f"{repository} has no tokenizer.")


def _config(repository: str, path: Path) -> Mapping[str, Any]:
    """A model's configuration. Raises ModelUnusable where it is not that of a causal language model."""
    try:
        config = json.loads(path.read_bytes())  # which takes Infinity, as some configurations have
        if not isinstance(config, dict):
            raise ValueError("it is no object")
    except ValueError as error:
        raise ModelUnusable(f"The config.json of {repository} cannot be read: {error}.") from error
    architectures = [str(name) for name in config.get("architectures") or []]
    writes = not architectures or any(word in name for word in GENERATES for name in architectures)
    if config.get("is_encoder_decoder") or not writes:
        raise ModelUnusable(
            f"{repository} is no causal language model but {', '.join(architectures) or 'encoder-decoder'}."
        )
    return config


def _context_tokens(config: Mapping[str, Any]) -> int | None:
    """The longest context in tokens; None where the configuration names none."""
    text = config.get("text_config")
    for part in (config, text if isinstance(text, dict) else {}):
        for field in CONTEXT_FIELDS:
            value = part.get(field)
            if isinstance(value, int) and value > 0:
                return value
    return None


def _weights(repository: str, names: Sequence[str], partial: Path) -> list[str]:
    """The files of the weights, as transformers would choose them. Raises ModelUnusable."""
    if WHOLE_WEIGHTS in names:
        return [WHOLE_WEIGHTS]
    try:
        shards = sorted(set(json.loads((partial / INDEX).read_bytes())["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelUnusable(f"The {INDEX} of {repository} cannot be read.") from error
    for shard in shards:
        if shard not in names or not SHARD.fullmatch(shard):
            raise ModelUnusable(f"{repository} lacks {shard!r}, which its {INDEX} names.")
    if not shards:
        raise ModelUnusable(f"The {INDEX} of {repository} names no weights.")
    return shards


def _require_room(partial: Path, weights: Sequence[HubFile]) -> None:
    """Raises WeightsNotStored where the disk cannot take the files, less what of them is there already."""
    there = sum(
        path.stat().st_size for file in weights for path in partial.glob(f"{file.name}*") if path.is_file()
    )
    needed = sum(file.size for file in weights) - there + SPARE_BYTES
    if (free := shutil.disk_usage(partial).free) < needed:
        raise WeightsNotStored(
            f"The disk is too full: {_readable(needed)} are needed in {partial.parent}, "
            f"{_readable(free)} are free."
        )


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


def _clear(partial: Path, keep: set[str]) -> None:
    """Deletes what an earlier pull, of another revision perhaps, has left."""
    for path in sorted(partial.rglob("*"), reverse=True):
        if path.is_dir():
            with suppress(OSError):
                path.rmdir()
        elif path.relative_to(partial).as_posix() not in keep:
            path.unlink()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _readable(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
