"""Plugins whose functions need different versions of a library, on one server."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.plugins.wheels import pack, wheel
from tests.serving import Server

from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.plugins.installation.resolving import Index
from skyhook.plugins.installation.service import Installer

FUNCTIONS = """
from msgspec import Struct
from skyhook.function import function

class Drop(Struct):
    size: int = 0

@function(requirements=("raindrop-sizes=={version}",), memory_gib=0.5)
class Sizer:
    def load(self) -> None:
        import raindrop_sizes
        self._size = raindrop_sizes.SIZE

    def measure(self, drop: Drop) -> Drop:
        return Drop(self._size)
"""
HEAD = """
from skyhook.plugin import Asked, Call
from {name}_functions import Drop, Sizer
"""
FIELD = """{name}_size(self, info: Info) -> int:
        async def body(call: Call) -> Drop:
            call.quantities["{name}.drops"] = 1
            return await call.compute(Sizer.measure, Drop())
        asked = Asked(info.context.caller, "{name}Count", "", {{"{name}.drops": 1}})
        return (await info.context.services.operations.run(asked, Drop, body)).result.size

    @strawberry.field(description="No more that falls.")
    async def {name}_end"""
VERSIONS = {"rain": "1.0", "snow": "2.0"}


def test_functions_of_two_plugins_have_two_versions_of_a_library_on_one_server(tmp_path: Path) -> None:
    links = tmp_path / "links"
    for number, version in enumerate(VERSIONS.values(), 1):
        pack(links, "raindrop-sizes", version, {"raindrop_sizes.py": f"SIZE = {number}\n"})
    server = Server(tmp_path / "data", environment={"UV_FIND_LINKS": str(links)})
    server.prepare()

    async def install() -> None:
        url = f"sqlite:///{server.data / 'skyhook.db'}"
        database = Database(url)
        configuration = Configuration(server.data, server.port, "127.0.0.1", url)
        installer = Installer(configuration, database, index=Index(offline=True))
        for name, version in VERSIONS.items():
            path = wheel(
                tmp_path / "wheels",
                name,
                fields=[FIELD.format(name=name)],
                head=HEAD.format(name=name),
                manifest="functions=(Sizer,),",
                files={f"{name}_functions.py": FUNCTIONS.format(version=version)},
            )
            await installer.apply(await installer.propose.install(str(path)), "a test")
        installer.close()
        await database.close()

    asyncio.run(install())
    server.start()
    try:
        assert server.graphql("{ rainSize snowSize }")["data"] == {"rainSize": 1, "snowSize": 2}
    finally:
        server.stop()
