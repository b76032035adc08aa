"""One server for the documentation's examples, with the plugin of docs/plugins.md installed in it."""

from __future__ import annotations

import asyncio
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.docs.blocks import ROOT, blocks
from tests.serving import Server
from tests.stripe.server import SECRET_KEY, StandIn

from skyhook.accounts.models import Member, Organization, Role, User
from skyhook.database import Database
from skyhook.graphql.ids import node_id


@pytest.fixture(scope="session")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of docs/plugins.md as pip would install them: importable, with their entry points."""
    folder = tmp_path_factory.mktemp("plugin")
    for block in blocks(ROOT / "docs" / "plugins.md"):
        if block.file is not None:
            path = folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    about = f"Name: {name}\nVersion: {version}\nSummary: {project['description']}\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\n{about}")
    points = project["entry-points"]["skyhook.plugins"]
    lines = [f"{plugin} = {value}" for plugin, value in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[skyhook.plugins]", *lines, ""]))
    return folder


@pytest.fixture(scope="session")
def server(plugin_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the plugins that are installed and that of docs/plugins.md."""
    path = os.pathsep.join(filter(None, (str(plugin_folder), os.environ.get("PYTHONPATH"))))
    environment = {"PYTHONPATH": path}
    environment |= dict.fromkeys(
        ("SKYHOOK_WEBHOOKS_ALLOW_PRIVATE", "SKYHOOK_MACROHARD_ALLOW_PRIVATE"), "true"
    )
    with StandIn() as stripe:
        environment |= {"STRIPE_SECRET_KEY": SECRET_KEY, "STRIPE_API_URL": stripe.address}
        server = Server(tmp_path_factory.mktemp("docs"), environment=environment)
        server.prepare()
        server.command("plans", "set", "team", "--price", "50", "--included", "70", "--discount", "10")
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def member_id(server: Server) -> str:
    """The id of a second member of the first organization."""

    async def add() -> str:
        database = Database(f"sqlite:///{server.data / 'skyhook.db'}")
        async with database.write() as session:
            organization = (await session.scalars(select(Organization))).one()
            user = User(email="ada@example.com", name="Ada")
            session.add(user)
            await session.flush()
            member = Member(organization_id=organization.id, user_id=user.id, role=Role.VIEWER)
            session.add(member)
        await database.close()
        return node_id("Member", member.id)

    return asyncio.run(add())
