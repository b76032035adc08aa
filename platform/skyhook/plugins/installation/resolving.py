"""Resolves and installs with uv, against what the server has: its own packages are never changed.

What the server has is told to the resolver as wheels that have nothing but a name, a version and, for what
other plugins need, requirements: so no index is asked for them, and a conflict names both sides.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from skyhook.compute.installers import run_installer, uv
from skyhook.plugins.errors import PluginRefused
from skyhook.plugins.installation.generation import Generation, Package

LIMIT_S = 900.0
"""How long uv may work at a step."""
GIT = "git+"
_PIN = re.compile(r"^(?P<name>[\w.-]+)(==(?P<version>\S+)| @ (?P<place>\S+))", re.MULTILINE)
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Index:
    """Where packages are looked for."""

    find_links: Path | None = None
    """A folder of wheels, beside the index."""
    offline: bool = False
    """Whether nothing is asked of the network."""

    @property
    def options(self) -> list[str]:
        """uv's."""
        found = ["--find-links", str(self.find_links)] if self.find_links else []
        return found + (["--offline"] if self.offline else [])


def own_path(plugins: Path) -> list[str]:
    """The folders that the server's own packages are imported from, without those below `plugins`."""
    return [path for path in sys.path if not Path(path).is_relative_to(plugins)]


def own_packages(plugins: Path) -> dict[str, str]:
    """The versions of the server's own packages, by normalized name."""
    return {
        canonicalize_name(one.metadata["Name"]): one.version
        for one in metadata.distributions(path=own_path(plugins))
        if one.metadata["Name"]
    }


async def fetch(source: str, wheels: Path, index: Index) -> str:
    """Makes a requirement of what a plugin is to be installed from: a name, or a wheel that is kept.

    Raises PluginRefused where there is no such thing or it cannot be built.
    """
    if source.startswith(GIT):
        with tempfile.TemporaryDirectory() as folder:
            return await _build(await _clone(source, Path(folder)), wheels, index)
    if _is_path(source):
        if source.endswith(".whl"):
            return _keep(Path(source), wheels)
        return await _build(Path(source), wheels, index)
    try:
        return str(Requirement(source))
    except InvalidRequirement:
        raise PluginRefused(
            f"{source!r} is neither a package's name, a wheel, a folder nor an address that begins with git+."
        ) from None


def settled(source: str) -> str:
    """The same source wherever it is read: a path becomes absolute. Raises PluginRefused for none."""
    if not _is_path(source):
        return source
    path = Path(source).expanduser().absolute()
    if not path.exists():
        raise PluginRefused(f"There is nothing at {path}.")
    return str(path)


def was_uploaded(source: str) -> bool:
    """Whether a source that was written down is but the name of an uploaded wheel: a path is absolute."""
    return source.endswith(".whl") and "/" not in source


def _is_path(source: str) -> bool:
    """A folder is written with a slash, since a name may also be that of a folder."""
    is_file = source.endswith((".whl", ".tar.gz"))
    return not source.startswith(GIT) and (is_file or "/" in source or source in (".", ".."))


async def resolve(
    wanted: Sequence[str],
    own: Mapping[str, str],
    before: Generation,
    folder: Path | None,
    renewed: Iterable[str],
    index: Index,
) -> tuple[Package, ...]:
    """What must be installed beside the server's own packages for these requirements.

    `before` is installed in `folder`; what it has stays as it is, except for the `renewed` distributions.
    Raises PluginRefused where something does not fit together, with uv's explanation.
    """
    if not wanted:
        return ()
    renewed = set(renewed)
    kept = {one.name: one for one in before.packages if one.name not in renewed}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        known = work / "known"
        known.mkdir()
        for package, version in own.items():
            _write_known(known, package, version, [])
        for package, version, needs in _installed(folder):
            if package in kept:
                _write_known(known, package, version, needs)
        (work / "own.txt").write_text("".join(f"{one}=={version}\n" for one, version in own.items()))
        (work / "wanted.txt").write_text("".join(f"{one}\n" for one in wanted))
        pins = work / "pins.txt"
        pins.write_text("".join(f"{one.name}=={one.version}\n" for one in kept.values()))
        await _uv(
            [
                "pip",
                "compile",
                *index.options,
                "--find-links",
                str(known),
                "--constraint",
                str(work / "own.txt"),
            ],
            ["--generate-hashes", "--no-header", "--no-annotate", "--output-file", str(pins)],
            [str(work / "wanted.txt")],
        )
        return tuple(_pinned(pins.read_text(), own, kept))


async def install(
    packages: Sequence[Package], kept_in: Path | None, target: Path, wheels: Path, index: Index
) -> None:
    """Installs pinned packages, by their hashes; what `kept_in` has already is linked from there."""
    there = {(name, version) for name, version, _ in _installed(kept_in)}
    missing = []
    for package in packages:
        if kept_in is not None and (package.name, package.version) in there:
            await asyncio.to_thread(_link, package, kept_in, target)
        else:
            missing.append(package.requirement(wheels))
    if not missing:
        return
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(missing) + "\n")
        file.flush()
        await _uv(
            ["pip", "install", *index.options, "--no-deps", "--require-hashes", "--target", str(target)],
            ["--compile-bytecode", "--requirements", file.name],
        )


def _pinned(text: str, own: Mapping[str, str], kept: Mapping[str, Package]) -> Iterator[Package]:
    found = list(_PIN.finditer(text))
    for number, match in enumerate(found):
        name = canonicalize_name(match["name"])
        if name in own:
            continue
        end = found[number + 1].start() if number + 1 < len(found) else len(text)
        hashes = tuple(_HASH.findall(text[match.start() : end]))
        wheel = match["place"].rpartition("/")[2] if match["place"] else None
        version = str(parse_wheel_filename(wheel)[1]) if wheel else match["version"]
        before = kept.get(name)
        if before is not None and before.version == version and (wheel is None or wheel == before.wheel):
            yield before
        else:
            yield Package(name, version, hashes, wheel)


def _installed(folder: Path | None) -> Iterator[tuple[str, str, list[str]]]:
    if folder is not None:
        for one in metadata.distributions(path=[str(folder)]):
            yield canonicalize_name(one.metadata["Name"]), one.version, list(one.requires or ())


def _write_known(folder: Path, name: str, version: str, needs: Sequence[str]) -> None:
    """A wheel of which only its metadata is ever read."""
    stem = f"{name.replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in needs]
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        info = f"{stem}.dist-info"
        wheel.writestr(f"{info}/METADATA", "\n".join(lines) + "\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def _link(package: Package, source: Path, target: Path) -> None:
    for one in metadata.distributions(path=[str(source)], name=package.name):
        for file in map(Path, one.files or ()):
            bytecode = [Path(cache_from_source(str(file)))] if file.suffix == ".py" else []
            for part in (file, *bytecode):
                if (source / part).is_file():
                    place = target / part
                    place.parent.mkdir(parents=True, exist_ok=True)
                    os.link(source / part, place)


def _keep(wheel: Path, wheels: Path) -> str:
    """Copies a wheel to where it stays; its requirement."""
    try:
        name, *_ = parse_wheel_filename(wheel.name)
    except ValueError as error:
        raise PluginRefused(f"{wheel.name} is not named as a wheel is: {error}") from error
    # The digest keeps two wheels of one version apart, and is a build number to installers.
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    parts = wheel.name.split("-")
    kept = wheels / "-".join([*parts[:2], f"0{digest[:16]}", *parts[-3:]])
    wheels.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        fresh = kept.with_name(f"{kept.name}.new")
        shutil.copyfile(wheel, fresh)
        fresh.replace(kept)
    return f"{name} @ {kept.as_uri()}"


async def _build(project: Path, wheels: Path, index: Index) -> str:
    with tempfile.TemporaryDirectory() as folder:
        await _uv(["build", "--wheel", *index.options, "--out-dir", folder, str(project)])
        built = _wheels_in(folder)
        if len(built) != 1:
            raise PluginRefused(f"{project} made {len(built)} wheels, not one.")
        return _keep(built[0], wheels)


async def _clone(source: str, folder: Path) -> Path:
    """Fetches `git+URL[@REVISION][#subdirectory=FOLDER]`; the folder of the project."""
    address, _, fragment = source.removeprefix(GIT).partition("#")
    head, at, revision = address.rpartition("@")
    if not at or "/" in revision or ":" in revision:
        head, revision = address, "HEAD"
    for command in (
        ["git", "init", "--quiet", str(folder)],
        ["git", "-C", str(folder), "fetch", "--quiet", "--depth", "1", "--", head, revision],
        ["git", "-C", str(folder), "checkout", "--quiet", "FETCH_HEAD"],
    ):
        await _run(command, os.environ | {"GIT_TERMINAL_PROMPT": "0"})
    return _inside(folder, fragment.removeprefix("subdirectory="))


def _wheels_in(folder: str) -> list[Path]:
    return list(Path(folder).glob("*.whl"))


def _inside(folder: Path, name: str) -> Path:
    found = (folder / name).resolve()
    if not found.is_relative_to(folder.resolve()):
        raise PluginRefused(f"{name} leads out of the repository.")
    return found


async def _uv(*parts: list[str]) -> None:
    command, *rest = [word for part in parts for word in part]
    start = [*uv(), "--no-progress", "--color", "never", command]
    python = [] if command == "build" else ["--python", sys.executable]
    if command == "pip":
        start, rest = [*start, rest[0]], rest[1:]
    await _run([*start, *python, *rest])


async def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    """Runs a program; what it printed is the reason where it fails. Raises PluginRefused."""
    with tempfile.TemporaryFile() as output:
        try:
            status = await run_installer(command, output, LIMIT_S, environment=environment)
        except TimeoutError:
            raise PluginRefused(f"{command[0]} took longer than {LIMIT_S:.0f} s.") from None
        output.seek(0)
        printed = output.read().decode(errors="replace")
    if status:
        lines = [line.strip().removeprefix("error: ") for line in printed.splitlines()]
        raise PluginRefused(" ".join(line.removeprefix("cause: ") for line in lines if line)[-2000:])
