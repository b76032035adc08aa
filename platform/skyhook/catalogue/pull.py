"""Downloads a model's weights from the hub: once, whole or not at all, and no file that is a program.

A pull writes to `.NAME.partial` beside the folder that it makes. What a pull before it left there is used
again, down to the byte where it stopped, as far as it fits what the hub has now. The finished folder appears
by one rename.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from skyhook.catalogue.adapter import ADAPTER_CONFIG, Adapter
from skyhook.catalogue.errors import ModelExists, ModelUnusable, WeightsBusy, WeightsNotStored
from skyhook.catalogue.hub import Hub, HubFile, errors_as_sentences
from skyhook.catalogue.language import CONFIG, INDEX, WHOLE_WEIGHTS, LanguageModel
from skyhook.catalogue.layouts import Layout
from skyhook.catalogue.pipeline import MODEL_INDEX, Pipeline
from skyhook.errors import InvalidInput

RECORD = "skyhook-pull.json"
"""The file in a pulled folder that says where it came from."""
SPARE_BYTES = 64 << 20
"""What must stay free on the disk beside the weights."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


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
    """The longest text that the model reads, in tokens, as its files say."""


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
    models: Path,
    name: str,
    repository: str,
    revision: str | None,
    tell: Callable[[str], None],
    *,
    is_adapter: bool = False,
) -> Pulled:
    """Downloads a language model, a pipeline or an adapter into a folder of `models`, unless it is there.

    `tell` is given a line of progress now and then. Raises InvalidInput, ModelExists where the folder holds
    something else, ModelUnusable, HubNotFound, HubForbidden, HubUnavailable, WeightsBusy, WeightsNotStored.
    """
    folder = weights_folder(models, name)
    if not REPOSITORY.fullmatch(repository):
        raise InvalidInput(f"A repository is OWNER/REPO, not {repository!r}.", field="from")
    with errors_as_sentences(repository, revision):
        if (there := _pulled(folder, repository, revision, is_adapter)) is not None:
            tell(f"The weights of {repository} are in {folder} already.")
            return there
        hub = Hub(repository, revision)
        names = hub.names()
        layout = layout_of(repository, names, is_adapter=is_adapter)
        with _alone(folder) as partial:
            # Another process may have finished since the first look.
            if (there := _pulled(folder, repository, revision, is_adapter)) is not None:
                return there
            tell(f"Pulling {repository} at {hub.commit[:12]} into {folder}.")
            pulled = _download(hub, layout, partial, folder, tell)
            partial.replace(folder)
            _sync(folder.parent)
    return pulled


def layout_of(repository: str, names: Sequence[str], *, is_adapter: bool) -> Layout:
    """What the files of a repository are. Raises ModelUnusable, also where it is no adapter and should be."""
    has_adapter = ADAPTER_CONFIG in names and not {WHOLE_WEIGHTS, INDEX} & set(names)
    if is_adapter and not has_adapter:
        raise ModelUnusable(f"{repository} is no adapter: leave --base out if it is a whole model.")
    if has_adapter and not is_adapter:
        raise ModelUnusable(f"{repository} is an adapter: name the model that it is for with --base.")
    if is_adapter:
        return Adapter(repository, names)
    if MODEL_INDEX in names:
        return Pipeline(repository, names)
    if CONFIG in names:
        return LanguageModel(repository, names)
    raise ModelUnusable(
        f"{repository} has no {CONFIG} and no {MODEL_INDEX}: it is no model in Hugging Face's format."
    )


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


def _pulled(folder: Path, repository: str, revision: str | None, is_adapter: bool) -> Pulled | None:
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
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    layout = layout_of(repository, names, is_adapter=is_adapter)
    return Pulled(folder, record.commit, layout.context_tokens(folder))


def _download(hub: Hub, layout: Layout, partial: Path, folder: Path, tell: Callable[[str], None]) -> Pulled:
    """Everything into `partial`: first the small files, which tell whether the large ones are worth it."""
    files = _fetch(hub, layout.first_files(), partial)
    files += _fetch(hub, layout.small_files(partial), partial)
    longest = layout.context_tokens(partial)
    weights = hub.files(layout.weight_files(partial))
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
    return Pulled(folder, hub.commit, longest)


def _fetch(hub: Hub, names: Sequence[str], folder: Path) -> list[HubFile]:
    files = hub.files([name for name in names if name != RECORD])
    for file in files:
        hub.fetch(file, folder)
    return files


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
