"""Finds or builds the Python environment that a function's requirements ask for."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from skyhook.compute.installers import run_installer, uv

BUILD_TIMEOUT_S = 3600.0
LOCK_POLL_S = 0.2
ERROR_CHARACTERS = 2000


class EnvironmentFailed(Exception):
    """The requirements cannot be installed; the text is the end of the installer's output."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a worker runs."""

    python: Path
    path: tuple[str, ...]
    """The folders that modules are imported from, beside the environment's own."""


class Environments:
    """The server's own environment, and those built under `folder`, named by what is in them."""

    def __init__(self, folder: Path, logs: Path) -> None:
        self._folder = folder
        self._logs = logs

    async def provide(self, module: str, requirements: Sequence[str]) -> Environment:
        """An environment in which `module` and its requirements can be imported, built where there is none.

        Raises EnvironmentFailed.
        """
        if satisfied(requirements):
            return Environment(Path(sys.executable), tuple(path or os.getcwd() for path in sys.path))
        wanted = sorted({*requirements, f"msgspec=={metadata.version('msgspec')}"})
        name = hashlib.sha256("\n".join([platform.python_version(), *wanted]).encode()).hexdigest()[:16]
        target = self._folder / name
        if not _is_whole(target):
            await self._build(target, wanted)
        sources = target / "sources"
        for package in {"skyhook", module.partition(".")[0]}:
            _link_source(package, sources)
        return Environment(target / "bin" / "python", (str(sources),))

    async def _build(self, target: Path, requirements: list[str]) -> None:
        """Builds in a temporary folder and renames it, so that `target` is whole wherever it exists."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        async with _locked(self._folder / "lock") as lock:
            if _is_whole(target):
                return
            await _remove(target, *self._folder.glob("building-*"))
            building = self._folder / f"building-{target.name}"
            log = self._logs / f"environment-{target.name}.log"
            log.write_bytes(b"")
            try:
                for command in _commands(building, requirements):
                    await _run(command, log, lock)
                _rename_in_scripts(building, target)
                (building / "sources").mkdir()
                building.rename(target)
            finally:
                await _remove(building)


def satisfied(requirements: Sequence[str]) -> bool:
    """Whether this process's environment has what the requirements ask for. Raises EnvironmentFailed."""
    try:
        return all(_is_installed(Requirement(text), "") for text in requirements)
    except InvalidRequirement as error:
        raise EnvironmentFailed(f"a requirement is malformed: {error}") from error


def _is_installed(requirement: Requirement, extra: str) -> bool:
    if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
        return True
    if requirement.url is not None:
        return False  # a version says nothing about where it came from
    try:
        distribution = metadata.distribution(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    if not requirement.specifier.contains(distribution.version, prereleases=True):
        return False
    of_extras = [Requirement(text) for text in distribution.requires or () if requirement.extras]
    return all(
        _is_installed(needed, extra)
        for extra in requirement.extras
        for needed in of_extras
        if needed.marker is not None and "extra" in str(needed.marker)
    )


async def _remove(*folders: Path) -> None:
    """Removes what is there of the folders; in a thread, since an environment can have 10,000 files."""
    for folder in folders:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _is_whole(folder: Path) -> bool:
    """False also where the interpreter that the environment was built from is gone."""
    return (folder / "bin" / "python").exists()


def _commands(folder: Path, requirements: list[str]) -> list[list[str]]:
    """With uv where it is installed; torch always with pip, which honours the user's choice of its build."""
    python = str(folder / "bin" / "python")
    installer = uv()
    has_torch = any(canonicalize_name(Requirement(text).name) == "torch" for text in requirements)
    if has_torch or not installer:
        pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        return [[sys.executable, "-m", "venv", str(folder)], [*pip, *requirements]]
    return [
        [*installer, "venv", "--no-project", "--python", sys.executable, str(folder)],
        [*installer, "pip", "install", "--python", python, *requirements],
    ]


async def _run(command: list[str], log: Path, lock: int) -> None:
    """Runs an installer. It inherits the lock, so that nobody builds beside one that outlived its server."""
    with log.open("ab") as output:
        try:
            code = await run_installer(command, output, BUILD_TIMEOUT_S, pass_fds=[lock])
        except TimeoutError:
            raise EnvironmentFailed(f"installing took longer than {BUILD_TIMEOUT_S:.0f} seconds") from None
    if code != 0:
        raise EnvironmentFailed(_end_of(log))


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-ERROR_CHARACTERS:].strip()


@asynccontextmanager
async def _locked(path: Path) -> AsyncGenerator[int, None]:
    """Holds the lock file, waiting for whichever process has it; yields its descriptor."""
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(LOCK_POLL_S)
        yield file.fileno()


def _rename_in_scripts(building: Path, target: Path) -> None:
    """Lets installed commands find their interpreter after the folder is renamed."""
    for script in (building / "bin").iterdir():
        if script.is_file() and not script.is_symlink():
            text = script.read_bytes()
            if bytes(building) in text and b"\0" not in text:
                script.write_bytes(text.replace(bytes(building), bytes(target)))


def _link_source(package: str, folder: Path) -> None:
    """Makes one top-level package importable from `folder`, and nothing that is installed beside it."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise EnvironmentFailed(f"there is no package {package!r}")
    locations = list(spec.submodule_search_locations or [])
    source = Path(locations[0] if locations else spec.origin or "").absolute()
    link = folder / source.name
    if link.is_symlink() and link.readlink() == source:
        return
    fresh = folder / f".{source.name}-{os.getpid()}"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(source)
    fresh.replace(link)
