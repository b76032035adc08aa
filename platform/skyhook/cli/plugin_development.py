"""`skyhook plugins new` and `skyhook plugins dev`: a plugin to begin with, served from its sources."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import click
from packaging.utils import canonicalize_name

from skyhook.cli.run import configuration, errors_as_sentences
from skyhook.plugins.host import GROUP
from skyhook.plugins.scaffold import write_plugin

LOOK_S = 0.5
"""How often the sources are looked at."""
WATCHED = (".py", ".toml", ".json", ".html")
SKIPPED = {".venv", ".skyhook", "__pycache__", "tests", ".git", "dist"}


@click.command()
@click.argument("name")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), required=False)
def new(name: str, folder: Path | None) -> None:
    """Write a new plugin NAME into FOLDER (NAME): fields, a function, a table, a price, settings, tests."""
    folder = folder or Path(name)
    with errors_as_sentences():
        for path in write_plugin(name, folder):
            click.echo(path)
    click.echo(f"Serve it: skyhook plugins dev {folder}")


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=".")
def dev(folder: Path) -> None:
    """Serve the plugin in FOLDER from its sources, and reload at each change, until Ctrl-C.

    Its data lie in FOLDER/.skyhook, unless SKYHOOK_DATA names another folder.
    """
    folder = folder.absolute()
    data = os.environ.get("SKYHOOK_DATA") or str(folder / ".skyhook")
    with tempfile.TemporaryDirectory() as links:
        _write_metadata(folder, Path(links))
        path = os.pathsep.join(filter(None, [links, str(folder), os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"PYTHONPATH": path, "SKYHOOK_DATA": data}
        for command in ("migrate", "init"):
            if _skyhook(environment, command).wait():
                raise SystemExit(1)
        click.echo(
            f"Serving at {configuration().address}, the console at /console; "
            f"the key is in {data}/first-key, the password in {data}/first-password"
        )
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the server would outlive this
        server = _skyhook(environment, "serve")
        try:
            _watch(folder, server, environment)
        except KeyboardInterrupt:
            server.send_signal(signal.SIGINT)
        raise SystemExit(server.wait())


def _watch(folder: Path, server: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
    """Migrates and reloads the server at each change, as long as it runs."""
    seen = _sources(folder)
    while server.poll() is None:
        time.sleep(LOOK_S)
        now = _sources(folder)
        if now != seen:
            changed = sorted(str(path.relative_to(folder)) for path, _ in now ^ seen)
            click.echo(f"{changed[0]} changed: reloading")
            seen = now
            if not _skyhook(environment, "migrate").wait():
                server.send_signal(signal.SIGHUP)


def _skyhook(environment: dict[str, str], command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-P", "-m", "skyhook", command], env=environment)  # noqa: S603


def _sources(folder: Path) -> set[tuple[Path, int]]:
    found = set()
    for root, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if one not in SKIPPED]
        for name in files:
            if name.endswith(WATCHED):
                path = Path(root, name)
                found.add((path, path.stat().st_mtime_ns))
    return found


def _write_metadata(folder: Path, target: Path) -> None:
    """What an installer writes about the plugin, so that it is found by its entry point."""
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        points = project["entry-points"][GROUP]
        name, version = canonicalize_name(project["name"]), project["version"]
    except (OSError, KeyError, tomllib.TOMLDecodeError) as error:
        raise click.ClickException(
            f"{folder / 'pyproject.toml'} must have a name, a version and an entry point in {GROUP}: {error}"
        ) from error
    info = target / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    summary = project.get("description", "")
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {summary}\n"
    (info / "METADATA").write_text(about)
    lines = "".join(f"{plugin} = {value}\n" for plugin, value in points.items())
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
