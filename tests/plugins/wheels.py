"""Makes tiny wheels of plugins, without a build tool; and those of the examples, with one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.serving import ROOT

PLUGIN = """
import strawberry
from skyhook.plugin import Info, Meter, Operation, Plugin, Scope
{head}

@strawberry.type
class Query:
    @strawberry.field(description="What falls.")
    async def {name}_falls(self, info: Info) -> str:
        info.context.caller.require("{name}:read")
        return "{name} {version}"
{fields}

plugin = Plugin(
    name="{name}", version="{version}", title="The plugin {name}", description="Counts {name}.",
    query=Query,
    operations=(Operation("{name}Count", "{name}:read", ("{name}.drops",)),),
    meters=(Meter("{name}.drops", "Drops", "drop", 7),), scopes=(Scope("{name}:read", "Read {name}"),),
    network=("{name}.example.com",),
    {manifest}
)
"""
FIELD = """
    @strawberry.field(description="More that falls.")
    async def {field}(self, info: Info) -> str:
        return "more"
"""
TABLES = """
from sqlalchemy import Column, Integer, MetaData, Table
from skyhook.plugin import NAMING
tables = MetaData(naming_convention=NAMING)
Table("{name}_drops", tables, Column("id", Integer, primary_key=True){columns})
"""
COUNT = """
    @strawberry.field(description="Counts drops.")
    async def {name}_count(self, info: Info) -> int:
        return 1
"""


def revision(number: int, up: str, down: str | None = None) -> str:
    """The text of a migration."""
    before = f'"{number - 1:04}"' if number > 1 else "None"
    head = "import sqlalchemy as sa\nfrom alembic import op\n"
    head += f'revision = "{number:04}"\ndown_revision = {before}\n'
    undo = f"def downgrade():\n    {down}\n" if down else ""
    return f"{head}branch_labels = depends_on = None\ndef upgrade():\n    {up}\n{undo}"


def wheel(
    folder: Path,
    name: str = "rain",
    version: str = "1.0",
    *,
    fields: Sequence[str] = (),
    manifest: str = "",
    head: str = "",
    columns: str | None = None,
    revisions: Sequence[str] = (),
    requires: Sequence[str] = (),
    module: str | None = None,
    distribution: str | None = None,
    files: Mapping[str, str] | None = None,
) -> Path:
    """A wheel with one plugin; `module` is the whole of its code, else it is made of the other parts."""
    if columns is not None:
        head += TABLES.format(name=name, columns=columns)
        manifest += f'tables=tables, migrations="{name}_plugin:migrations",'
    if module is None:
        text = COUNT.format(name=name) + "".join(FIELD.format(field=field) for field in fields)
        module = PLUGIN.format(name=name, version=version, head=head, fields=text, manifest=manifest)
    content = {f"{name}_plugin/__init__.py": module, **(files or {})}
    for number, text in enumerate(revisions, 1):
        content[f"{name}_plugin/migrations/{number:04}_step.py"] = text
    return pack(
        folder, distribution or f"skyhook-{name}", version, content, requires, {name: f"{name}_plugin:plugin"}
    )


def pack(
    folder: Path,
    distribution: str,
    version: str,
    content: Mapping[str, str],
    requires: Sequence[str] = (),
    plugins: Mapping[str, str] | None = None,
) -> Path:
    """A wheel of these files."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{distribution.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    about = [f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\nSummary: A plugin of a test"]
    about += [f"Requires-Dist: {one}" for one in requires]
    content = dict(content)
    content[f"{info}/METADATA"] = "\n".join(about) + "\n"
    content[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    if plugins:
        points = "".join(f"{name} = {place}\n" for name, place in plugins.items())
        content[f"{info}/entry_points.txt"] = f"[skyhook.plugins]\n{points}"
    content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for name, text in content.items():
            file.writestr(name, text)
    return path


def example(name: str, folder: Path) -> tuple[Path, Path]:
    """Version 0.1.0 of a plugin of `examples/`, and a 0.2.0 with another title and another price."""
    project = folder / name
    shutil.copytree(ROOT / "examples" / name, project, ignore=shutil.ignore_patterns("__pycache__"))
    first = _build(project, folder / "first")
    for file in (project / "pyproject.toml", project / f"skyhook_{name}" / "__init__.py"):
        text = file.read_text().replace('"0.1.0"', '"0.2.0"').replace("price=1_000", "price=2_000")
        file.write_text(text.replace(f'title="{name.capitalize()}"', f'title="More {name}"'))
    return first, _build(project, folder / "second")


def _build(project: Path, wheels: Path) -> Path:
    command = [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", str(wheels)]
    subprocess.run([*command, str(project)], check=True, stdin=subprocess.DEVNULL)
    (built,) = wheels.glob(f"skyhook_{project.name}-*.whl")
    return built
